//! Providers: plugins that speak one upstream's protocol.

mod boxed;
mod calls;
mod draft;
mod edits;
mod event;
#[cfg(target_arch = "wasm32")]
mod exported;
mod failure;
mod frames;
mod model;
mod refusal;
mod resets;

pub use crate::bindings::provider::exports::portcullis::plugin::provider::{
    Body, Call, CommandCall, Description, Ending, FormPart, FormValue, Frame, Framing,
    GenerateCall, HttpCall, Model, ModelCall, ReplyHead,
};
pub use crate::bindings::provider::portcullis::plugin::events::{
    Event, Finish, TextDelta, ToolCallDelta,
};
pub use crate::bindings::provider::portcullis::plugin::types::{
    Extra, Failure, FailureKind, JsonEdit, Usage,
};
pub use calls::Calls;
pub use draft::{Draft, asks};
pub use edits::{Edits, changes};
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub use exported::Exported;
pub use frames::{FrameByFrame, ReadFrame, Unread};
pub use model::read_list;
pub use refusal::{
    error_failure, header, milliseconds, read_body, read_error, read_refusal, retry_after_ms,
};
pub use resets::reset_ms;

use crate::{Json, Request};
use serde::de::DeserializeOwned;

/// Speaks one upstream's protocol: says which call to make for a request, and reads what
/// comes back. It makes no call itself, and sees no credentials.
pub trait Provider: Sized + Send + Sync + 'static {
    /// What the operator may set. `#[serde(default, deny_unknown_fields)]` is the form that
    /// serves an operator best.
    type Settings: DeserializeOwned;
    /// One request and what comes back for it.
    type Exchange: Exchange;

    /// What it is able to do, whatever its settings. The same each time it is asked.
    fn describe() -> Description;

    /// A provider with these settings. The error says which setting is wrong and what to
    /// write instead.
    fn configure(settings: Self::Settings) -> Result<Self, String>;

    /// Begins an exchange: which call to make for this request.
    fn start(&self, request: &Request) -> Result<(Self::Exchange, Call), Failure>;

    /// Reads a reply that is not a success. As it stands it understands the statuses of HTTP, how
    /// long to wait and errors of OpenAI's shape: see [`read_refusal`].
    fn refused(&self, head: &ReplyHead, body: &[u8]) -> Failure {
        read_refusal(head, body)
    }

    /// The call that lists the upstream's models, where it has one.
    fn list_models_call(&self) -> Option<Call> {
        None
    }

    /// Reads the answer to [`Provider::list_models_call`].
    fn read_models(&self, _head: &ReplyHead, _body: &[u8]) -> Result<Vec<Model>, Failure> {
        Err(Failure::new(FailureKind::Unsupported, "this provider does not list models"))
    }
}

/// One request and what comes back for it. The host ends it with its sandbox, so it may hold
/// what it likes.
pub trait Exchange: 'static {
    /// The head of a reply that is a success.
    fn head(&mut self, _head: &ReplyHead) -> Result<(), Failure> {
        Ok(())
    }

    /// All the frames of one read, in order, and the events that they make.
    fn frames(&mut self, frames: Vec<Frame>) -> Result<Vec<Event>, Failure>;

    /// The reply is at its end; one that ended too early is a failure.
    fn end(&mut self) -> Result<Ending, Failure> {
        Ok(Ending::Done(Vec::new()))
    }
}

/// Named values for a record's `extra`, but for those that are null.
pub fn extra<'a, const N: usize>(values: [(&str, Json<'a>); N]) -> Extra {
    let there = values.into_iter().filter(|(_, value)| !value.is_null());
    there.map(|(name, value)| (name.to_owned(), value.to_string())).collect()
}

impl HttpCall {
    /// A call that sends JSON with POST.
    pub fn post(path_and_query: impl Into<String>, body: Body) -> Self {
        Self {
            method: "POST".to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body,
            ..Self::get(path_and_query)
        }
    }

    /// A call that sends nothing, and reads the reply whole.
    pub fn get(path_and_query: impl Into<String>) -> Self {
        Self {
            method: "GET".to_owned(),
            path_and_query: path_and_query.into(),
            headers: Vec::new(),
            body: Body::Empty,
            framing: Framing::Whole,
            passthrough: false,
            extra: Vec::new(),
        }
    }

    /// With one header more.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With its reply cut in this way.
    #[must_use]
    pub fn framing(self, framing: Framing) -> Self {
        Self { framing, ..self }
    }
}

impl Frame {
    /// Its text, without the name of a server-sent event; `None` where it is not UTF-8.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Sse((_, text)) | Self::Text(text) => Some(text),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        }
    }
}

impl Description {
    /// A provider that serves these operations, and knows of no models beforehand.
    pub fn of(operations: &[&str]) -> Self {
        Self {
            operations: operations.iter().map(|&name| name.to_owned()).collect(),
            dialects: Vec::new(),
            models: Vec::new(),
            extra: Vec::new(),
        }
    }
}
