//! The request being served, and the handle through which plugins read it.
//!
//! The body stays the client's own bytes. A plugin that looks at the model's name copies
//! nothing else; one that was not granted to read what people wrote gets nothing of it.

use crate::contract::requests;
use crate::wire::json_edit;
use crate::wire::openai::text;
use bytes::Bytes;
use portcullis_sandbox::{State, Tags};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::component::Resource;

/// What a client wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// The next message of a conversation.
    Chat,
    /// Vectors of texts.
    Embeddings,
}

impl Operation {
    /// Its name in the contract and in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
        }
    }
}

/// One client's request, for as long as it is served.
#[derive(Debug)]
pub struct Request {
    /// Names it in logs, records and the answer's headers.
    pub id: Arc<str>,
    /// What is to be done.
    pub operation: Operation,
    /// The JSON dialect of [`Self::body`].
    pub dialect: &'static str,
    /// The model as the client asked for it.
    pub asked: String,
    /// Whether the answer is to come as a stream.
    pub streaming: bool,
    /// Whether the client asked for a usage chunk at the end of a stream.
    pub wants_usage: bool,
    /// Whether embeddings are to be encoded in base64.
    pub base64: bool,
    /// What the client or the gateway noted about it.
    pub labels: Vec<(String, String)>,
    /// Features without which it cannot be served ("tools", "vision"…).
    pub needs: Vec<&'static str>,
    /// Tokens of input, estimated from its length.
    pub input_tokens: u32,
    /// Tokens of output at most, where the client said.
    pub max_output_tokens: Option<u32>,
    /// Whose it is.
    pub tenant: Arc<str>,
    /// When it has to be answered.
    pub deadline: Instant,
    /// The body as it came: valid JSON, an object.
    pub body: Bytes,
}

impl Request {
    /// A label's value.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether it may go to the operator's own machines only.
    pub fn is_private(&self) -> bool {
        // Whoever says so is believed: one of two who disagree must not undo the other's word.
        self.labels.iter().any(|(name, value)| name == "privacy" && value == "private")
    }

    /// Time until it has to be answered.
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// A request in the hands of a plugin.
pub struct Lent {
    /// The request.
    pub request: Arc<Request>,
    /// The model by its upstream's name; for a policy, as the client asked for it.
    pub model: Arc<str>,
    /// Labels of policies that stood before this one in the row.
    pub noted: Vec<(String, String)>,
    /// Whether the plugin may read what people wrote.
    pub readable: bool,
}

/// What host functions find in the store of a plugin that serves one request.
pub struct Serving {
    /// Its request; none while the plugin is loaded.
    pub request: Option<Arc<Request>>,
}

impl Tags for Serving {
    fn tags(&self) -> Vec<(&'static str, String)> {
        match &self.request {
            Some(request) => {
                vec![("tenant", request.tenant.to_string()), ("request", request.id.to_string())]
            }
            None => Vec::new(),
        }
    }
}

impl<D: Tags> requests::Host for State<D> {}

type Handle = Resource<Lent>;

/// Looks up the handle, counting the call: the first line of every function below.
fn lent<'a, D>(state: &'a mut State<D>, handle: &Handle) -> wasmtime::Result<&'a Lent> {
    state.host_call()?;
    Ok(state.table.get(handle)?)
}

impl<D: Tags> requests::HostRequest for State<D> {
    fn id(&mut self, handle: Handle) -> wasmtime::Result<String> {
        Ok(lent(self, &handle)?.request.id.to_string())
    }

    fn operation(&mut self, handle: Handle) -> wasmtime::Result<String> {
        Ok(lent(self, &handle)?.request.operation.name().to_owned())
    }

    fn dialect(&mut self, handle: Handle) -> wasmtime::Result<String> {
        Ok(lent(self, &handle)?.request.dialect.to_owned())
    }

    fn model(&mut self, handle: Handle) -> wasmtime::Result<String> {
        Ok(lent(self, &handle)?.model.to_string())
    }

    fn streaming(&mut self, handle: Handle) -> wasmtime::Result<bool> {
        Ok(lent(self, &handle)?.request.streaming)
    }

    fn tenant(&mut self, handle: Handle) -> wasmtime::Result<String> {
        Ok(lent(self, &handle)?.request.tenant.to_string())
    }

    fn label(&mut self, handle: Handle, name: String) -> wasmtime::Result<Option<String>> {
        let lent = lent(self, &handle)?;
        let noted = lent.noted.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        Ok(noted.map(String::as_str).or_else(|| lent.request.label(&name)).map(str::to_owned))
    }

    fn needs(&mut self, handle: Handle, feature: String) -> wasmtime::Result<bool> {
        Ok(lent(self, &handle)?.request.needs.contains(&feature.as_str()))
    }

    fn input_token_estimate(&mut self, handle: Handle) -> wasmtime::Result<u32> {
        Ok(lent(self, &handle)?.request.input_tokens)
    }

    fn max_output_tokens(&mut self, handle: Handle) -> wasmtime::Result<Option<u32>> {
        Ok(lent(self, &handle)?.request.max_output_tokens)
    }

    fn deadline_ms(&mut self, handle: Handle) -> wasmtime::Result<Option<u32>> {
        let left = lent(self, &handle)?.request.time_left();
        Ok(Some(u32::try_from(left.as_millis()).unwrap_or(u32::MAX)))
    }

    fn body_size(&mut self, handle: Handle) -> wasmtime::Result<u64> {
        Ok(lent(self, &handle)?.request.body.len() as u64)
    }

    fn body(&mut self, handle: Handle) -> wasmtime::Result<String> {
        let lent = lent(self, &handle)?;
        if !lent.readable {
            return Ok(String::new());
        }
        Ok(String::from_utf8_lossy(&lent.request.body).into_owned())
    }

    fn get(
        &mut self,
        handle: Handle,
        pointer: String,
        max_bytes: u32,
    ) -> wasmtime::Result<Option<String>> {
        let lent = lent(self, &handle)?;
        if !lent.readable {
            return Ok(None);
        }
        let found = json_edit::get(&lent.request.body, &pointer).ok().flatten();
        let short = found.filter(|value| value.len() <= max_bytes as usize);
        Ok(short.map(|value| String::from_utf8_lossy(value).into_owned()))
    }

    fn text(&mut self, handle: Handle, max_bytes: u32) -> wasmtime::Result<String> {
        let lent = lent(self, &handle)?;
        if !lent.readable {
            return Ok(String::new());
        }
        Ok(text::newest_first(&lent.request.body, max_bytes as usize))
    }

    fn attachment(&mut self, handle: Handle, _name: String) -> wasmtime::Result<Option<Vec<u8>>> {
        lent(self, &handle)?;
        // Neither of the operations of this version has parts that are bytes.
        Ok(None)
    }

    fn drop(&mut self, handle: Handle) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}
