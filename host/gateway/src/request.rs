//! The request being served, and the handle through which plugins read it.
//!
//! The body stays the client's own bytes. A plugin that looks at the model's name copies
//! nothing else; one that was not granted to read what people wrote gets nothing of it.

use crate::completion::Asking;
use crate::contract::requests;
use crate::failure::Failure;
use crate::question::{Question, Trace};
use crate::tenant::Caller;
use crate::wire::canonical::Canonical;
use crate::wire::dialect::Dialect;
use crate::wire::form::Attachment;
use crate::wire::json_edit;
use crate::wire::openai::text;
use bytes::Bytes;
use portcullis_sandbox::{State, Tags};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use wasmtime::component::Resource;

/// What a client wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// The next message of a conversation.
    Chat,
    /// Vectors of texts.
    Embeddings,
    /// How many tokens a conversation has.
    CountTokens,
    /// What is said in a file of sound.
    Transcription,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Chat, Self::Embeddings, Self::CountTokens, Self::Transcription];

    /// The one of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }

    /// Its name in the contract and in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
            Self::CountTokens => "count-tokens",
            Self::Transcription => "transcription",
        }
    }

    /// The operation that a candidate has to have for it: whoever answers a conversation may be
    /// asked for its length.
    pub fn needed(self) -> Self {
        match self {
            Self::CountTokens => Self::Chat,
            other => other,
        }
    }
}

/// Whether labels say that a request may go to the operator's own machines only.
pub fn is_private(labels: &[(String, String)]) -> bool {
    labels.iter().any(|(name, value)| name == "privacy" && value == "private")
}

/// One client's request, for as long as it is served.
#[derive(Debug)]
pub struct Request {
    /// Names it in logs, records and the answer's headers.
    pub id: Arc<str>,
    /// What is to be done.
    pub operation: Operation,
    /// The dialect of [`Self::body`], in which it is answered.
    pub dialect: Dialect,
    /// The model as the client asked for it.
    pub asked: String,
    /// Whether the answer is to come as a stream.
    pub streaming: bool,
    /// Whether the client asked for a usage chunk at the end of a stream.
    pub wants_usage: bool,
    /// Whether embeddings are to be encoded in base64.
    pub base64: bool,
    /// How many answers the client wants.
    pub answers: u32,
    /// What the client or the gateway noted about it.
    pub labels: Vec<(String, String)>,
    /// Features without which it cannot be served ("tools", "vision"…).
    pub needs: Vec<&'static str>,
    /// Tokens of input, estimated from its length.
    pub input_tokens: u32,
    /// Tokens of output at most, where the client said.
    pub max_output_tokens: Option<u32>,
    /// Whether somebody counts what it uses.
    pub counted: bool,
    /// Who asks.
    pub caller: Arc<Caller>,
    /// When it has to be answered.
    pub deadline: Instant,
    /// The body as it came: valid JSON, an object.
    pub body: Bytes,
    /// The file that came with it.
    pub attachment: Option<Attachment>,
    /// The same in the canonical dialect, once somebody asked for it.
    pub canonical: OnceLock<Result<Canonical, Failure>>,
}

impl Request {
    /// The same once more, without its file.
    pub fn again(&self) -> Self {
        Self {
            id: self.id.clone(),
            asked: self.asked.clone(),
            labels: self.labels.clone(),
            needs: self.needs.clone(),
            caller: self.caller.clone(),
            body: self.body.clone(),
            attachment: None,
            canonical: OnceLock::new(),
            ..*self
        }
    }

    /// The request in the canonical dialect.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or what it asks for that only its own dialect can say.
    pub fn canonical(&self) -> Result<&Canonical, &Failure> {
        self.canonical.get_or_init(|| self.dialect.canonical(&self.body)).as_ref()
    }

    /// Its body in its own dialect or the canonical one; empty where it has none in that.
    pub fn body_in(&self, dialect: Dialect) -> Bytes {
        if dialect == self.dialect {
            return self.body.clone();
        }
        self.canonical().map(|canonical| canonical.body.clone()).unwrap_or_default()
    }

    /// A label's value.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether it may go to the operator's own machines only.
    pub fn is_private(&self) -> bool {
        // Whoever says so is believed: one of two who disagree must not undo the other's word.
        is_private(&self.labels)
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
    /// In which dialect it is lent: its own, where the plugin accepts that, or the canonical one.
    pub dialect: Dialect,
}

impl Lent {
    pub(crate) fn operation(&self) -> &'static str {
        self.request.operation.name()
    }

    pub(crate) fn dialect(&self) -> &'static str {
        self.dialect.name()
    }

    fn body(&self) -> Bytes {
        self.request.body_in(self.dialect)
    }

    pub(crate) fn model(&self) -> &str {
        &self.model
    }

    pub(crate) fn streaming(&self) -> bool {
        self.request.streaming
    }

    pub(crate) fn tenant(&self) -> &str {
        &self.request.caller.tenant
    }

    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        let noted = self.noted.iter().find(|(known, _)| known == name);
        noted.map(|(_, value)| value.as_str()).or_else(|| self.request.label(name))
    }

    pub(crate) fn needs(&self, feature: &str) -> bool {
        self.request.needs.contains(&feature)
    }

    pub(crate) fn features(&self) -> &[&'static str] {
        &self.request.needs
    }

    pub(crate) fn input_token_estimate(&self) -> u32 {
        self.request.input_tokens
    }

    pub(crate) fn max_output_tokens(&self) -> Option<u32> {
        self.request.max_output_tokens
    }

    pub(crate) fn body_size(&self) -> u64 {
        self.body().len() as u64
    }

    /// The JSON at a place of the body, if it is no longer than that and may be read.
    pub(crate) fn get(&self, pointer: &str, max_bytes: u32) -> Option<String> {
        if !self.readable {
            return None;
        }
        let body = self.body();
        let found = json_edit::get(&body, pointer).ok().flatten();
        let short = found.filter(|value| value.len() <= max_bytes as usize);
        short.map(|value| String::from_utf8_lossy(value).into_owned())
    }
}

/// What host functions find in the store of a plugin that serves one request.
#[derive(Default)]
pub struct Serving {
    /// Its request; none while the plugin is loaded.
    pub request: Option<Arc<Request>>,
    /// What it has read.
    pub trace: Trace,
    /// Whose state it keeps; none while the plugin is loaded, and of a provider.
    pub keeps: Option<Keeps>,
    /// What it may ask of other routes, where it is granted any.
    pub asking: Option<Asking>,
}

/// Whose state a policy keeps.
#[derive(Clone, Debug)]
pub struct Keeps {
    /// The operator's name of the policy: two of one plugin keep nothing in common.
    pub policy: Arc<str>,
    /// Whose request it is.
    pub tenant: Arc<str>,
}

impl Serving {
    /// For a sandbox that serves this request.
    pub fn of(request: &Arc<Request>) -> Self {
        Self { request: Some(request.clone()), ..Self::default() }
    }
}

impl Tags for Serving {
    fn tags(&self) -> Vec<(&'static str, String)> {
        match &self.request {
            Some(request) => {
                vec![
                    ("tenant", request.caller.tenant.to_string()),
                    ("request", request.id.to_string()),
                ]
            }
            None => match &self.keeps {
                Some(keeps) => vec![("tenant", keeps.tenant.to_string())],
                None => Vec::new(),
            },
        }
    }

    fn namespace(&self) -> Option<String> {
        // No name of a policy has a slash; a tenant's may.
        self.keeps.as_ref().map(|Keeps { policy, tenant }| format!("{policy}/{tenant}"))
    }
}

impl requests::Host for State<Serving> {}

type Handle = Resource<Lent>;

/// What the handle lends and where its reading is noted, counting the call: the first line of
/// every function below.
fn lent<'a>(
    state: &'a mut State<Serving>,
    handle: &Handle,
) -> wasmtime::Result<(&'a Lent, &'a mut Trace)> {
    state.host_call()?;
    Ok((state.table.get(handle)?, &mut state.data.trace))
}

impl requests::HostRequest for State<Serving> {
    fn id(&mut self, handle: Handle) -> wasmtime::Result<String> {
        let (lent, trace) = lent(self, &handle)?;
        trace.note_own();
        Ok(lent.request.id.to_string())
    }

    fn operation(&mut self, handle: Handle) -> wasmtime::Result<String> {
        let (lent, trace) = lent(self, &handle)?;
        trace.note(Question::Operation, lent.operation());
        Ok(lent.operation().to_owned())
    }

    fn dialect(&mut self, handle: Handle) -> wasmtime::Result<String> {
        let (lent, trace) = lent(self, &handle)?;
        trace.note(Question::Dialect, lent.dialect());
        Ok(lent.dialect().to_owned())
    }

    fn model(&mut self, handle: Handle) -> wasmtime::Result<String> {
        let (lent, trace) = lent(self, &handle)?;
        trace.note(Question::Model, lent.model());
        Ok(lent.model().to_owned())
    }

    fn streaming(&mut self, handle: Handle) -> wasmtime::Result<bool> {
        let (lent, trace) = lent(self, &handle)?;
        trace.note(Question::Streaming, lent.streaming());
        Ok(lent.streaming())
    }

    fn tenant(&mut self, handle: Handle) -> wasmtime::Result<String> {
        let (lent, trace) = lent(self, &handle)?;
        trace.note(Question::Tenant, lent.tenant());
        Ok(lent.tenant().to_owned())
    }

    fn label(&mut self, handle: Handle, name: String) -> wasmtime::Result<Option<String>> {
        let (lent, trace) = lent(self, &handle)?;
        let label = lent.label(&name);
        trace.note(Question::Label(name), label);
        Ok(label.map(str::to_owned))
    }

    fn needs(&mut self, handle: Handle, feature: String) -> wasmtime::Result<bool> {
        let (lent, trace) = lent(self, &handle)?;
        let needs = lent.needs(&feature);
        trace.note(Question::Needs(feature), needs);
        Ok(needs)
    }

    fn features(&mut self, handle: Handle) -> wasmtime::Result<Vec<String>> {
        let (lent, trace) = lent(self, &handle)?;
        let features = lent.features();
        trace.note(Question::Features, features);
        Ok(features.iter().map(|&feature| feature.to_owned()).collect())
    }

    fn input_token_estimate(&mut self, handle: Handle) -> wasmtime::Result<u32> {
        let (lent, trace) = lent(self, &handle)?;
        trace.note(Question::InputTokenEstimate, lent.input_token_estimate());
        Ok(lent.input_token_estimate())
    }

    fn max_output_tokens(&mut self, handle: Handle) -> wasmtime::Result<Option<u32>> {
        let (lent, trace) = lent(self, &handle)?;
        trace.note(Question::MaxOutputTokens, lent.max_output_tokens().map(u64::from));
        Ok(lent.max_output_tokens())
    }

    fn deadline_ms(&mut self, handle: Handle) -> wasmtime::Result<Option<u32>> {
        let (lent, trace) = lent(self, &handle)?;
        trace.note_own();
        let left = lent.request.time_left();
        Ok(Some(u32::try_from(left.as_millis()).unwrap_or(u32::MAX)))
    }

    fn body_size(&mut self, handle: Handle) -> wasmtime::Result<u64> {
        let (lent, trace) = lent(self, &handle)?;
        trace.note(Question::BodySize, lent.body_size());
        Ok(lent.body_size())
    }

    fn body(&mut self, handle: Handle) -> wasmtime::Result<String> {
        let (lent, trace) = lent(self, &handle)?;
        trace.note_own();
        if !lent.readable {
            return Ok(String::new());
        }
        Ok(String::from_utf8_lossy(&lent.body()).into_owned())
    }

    fn get(
        &mut self,
        handle: Handle,
        pointer: String,
        max_bytes: u32,
    ) -> wasmtime::Result<Option<String>> {
        let (lent, trace) = lent(self, &handle)?;
        let value = lent.get(&pointer, max_bytes);
        trace.note(Question::Get(pointer, max_bytes), value.as_deref());
        Ok(value)
    }

    fn text(&mut self, handle: Handle, max_bytes: u32) -> wasmtime::Result<String> {
        let (lent, trace) = lent(self, &handle)?;
        trace.note_own();
        if !lent.readable {
            return Ok(String::new());
        }
        // Whatever its dialect, this is read of the canonical one.
        Ok(text::newest_first(&lent.request.body_in(Dialect::CANONICAL), max_bytes as usize))
    }

    fn attachment(&mut self, handle: Handle, name: String) -> wasmtime::Result<Option<Vec<u8>>> {
        let (lent, trace) = lent(self, &handle)?;
        trace.note_own();
        let attachment = lent.request.attachment.as_ref();
        let named = attachment.filter(|file| lent.readable && file.name == name);
        Ok(named.map(|file| file.bytes.to_vec()))
    }

    fn drop(&mut self, handle: Handle) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

#[cfg(test)]
impl Request {
    /// A chat of the canonical dialect, as it is where a test says nothing else.
    pub(crate) fn of_test(body: &str) -> Self {
        Self {
            id: "r".into(),
            operation: Operation::Chat,
            dialect: Dialect::CANONICAL,
            asked: "house/m1".into(),
            streaming: false,
            wants_usage: false,
            base64: false,
            answers: 1,
            labels: Vec::new(),
            needs: Vec::new(),
            input_tokens: 1,
            max_output_tokens: None,
            counted: false,
            caller: Arc::new(Caller::unknown("default", Default::default())),
            deadline: Instant::now(),
            body: Bytes::from(body.to_owned()),
            attachment: None,
            canonical: OnceLock::new(),
        }
    }
}
