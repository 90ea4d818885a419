//! Providers: plugins that speak one upstream's protocol.

mod calls;
mod draft;
#[cfg(target_arch = "wasm32")]
mod exported;
mod frames;
mod refusal;

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
pub use draft::Draft;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub use exported::Exported;
pub use frames::{FrameByFrame, ReadFrame, read_answer, read_answer_as, read_list};
pub use refusal::{
    error_failure, header, milliseconds, read_body, read_error, read_refusal, retry_after_ms,
};

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

    /// Reads a reply that is not a success. As it stands it understands the statuses of HTTP,
    /// `retry-after` and errors of OpenAI's shape.
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

impl Failure {
    /// A mistake of the sender's in this field.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::about(FailureKind::InvalidRequest, field, message)
    }

    /// A word of the sender's in this field that nobody knows.
    pub fn unknown(field: &str) -> Self {
        Self::invalid(field, format!("`{field}` is none that is known"))
    }

    /// What this upstream has no place for, in this field. Another one may.
    pub fn unsupported(field: &str, message: impl Into<String>) -> Self {
        Self::about(FailureKind::Unsupported, field, message)
    }

    fn about(kind: FailureKind, field: &str, message: impl Into<String>) -> Self {
        let extra = extra([("param", field.into())]);
        Self { extra, ..Self::new(kind, message) }
    }

    /// An operation that this provider has not.
    pub fn no_operation(name: &str) -> Self {
        let message = format!("this provider has no operation `{name}`");
        Self::new(FailureKind::Unsupported, message)
    }

    /// What stands for a model in an address leads elsewhere, so there is no such model. A part
    /// of a path is made of letters, digits, "-", "_" and ".", and not of dots alone.
    pub fn unless_plain(part: &str) -> Result<(), Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if part.bytes().all(plain) && part.bytes().any(|byte| byte != b'.') {
            return Ok(());
        }
        Err(Self::new(FailureKind::NotFound, "the upstream has no models of such names"))
    }

    /// The upstream sent what is not its protocol.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Malformed, message)
    }

    /// The upstream's answer ended too early.
    pub fn cut_off() -> Self {
        Self::malformed("the upstream's answer was cut off")
    }

    /// Of the kind that its words say, where they are known ones.
    #[must_use]
    pub fn judged(self, words: &[(&str, FailureKind)]) -> Self {
        let known = words.iter().find(|(words, _)| self.message.contains(words));
        Self { kind: known.map_or(self.kind, |(_, kind)| *kind), ..self }
    }
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

impl Event {
    /// The beginning: the upstream's id and model name, where it says them.
    pub fn started(id: &Json<'_>, model: &Json<'_>) -> Self {
        Self::Started((id.text().into_owned(), model.text().into_owned()))
    }

    /// Text of this kind, in the answer of this number; nothing of none.
    pub fn piece(kind: fn(TextDelta) -> Self, index: u32, text: &Json<'_>) -> Option<Self> {
        text.some_text().map(|text| kind(TextDelta { index, text }))
    }

    /// A piece of the only answer's text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(TextDelta { index: 0, text: text.into() })
    }

    /// Words in which the model declines, in the answer of this number.
    pub fn refusal(index: u32, text: impl Into<String>) -> Self {
        Self::Refusal(TextDelta { index, text: text.into() })
    }

    /// The vectors of texts, in the order of the texts.
    pub fn embeddings<'a>(
        vectors: impl IntoIterator<Item = &'a Json<'a>>,
    ) -> Result<Vec<Self>, Failure> {
        let number = |number: &Json<'_>| number.as_f64().map(|number| number as f32);
        let vector = |vector: &Json<'_>| -> Option<Vec<f32>> {
            let numbers: Option<Vec<f32>> = vector.items().iter().map(number).collect();
            numbers.filter(|numbers| !numbers.is_empty())
        };
        let vectors: Option<Vec<_>> = vectors.into_iter().map(vector).collect();
        let odd = || Failure::malformed("the upstream's vectors are not lists of numbers");
        Ok((0..).zip(vectors.ok_or_else(odd)?).map(Self::Embedding).collect())
    }

    /// What stands beside the answer of this number: `{"index": 0, "logprobs": …}` under the
    /// name "logprobs"; nothing of null.
    pub fn beside(name: &str, index: u32, value: &Json<'_>) -> Option<Self> {
        let place = || Json::object([("index", index.into()), (name, value.clone())]);
        (!value.is_null()).then(|| Self::other(name, &place()))
    }

    /// A whole answer that is JSON.
    pub fn document(value: Json<'_>) -> Self {
        Self::Document(value.to_string())
    }

    /// What this version of the contract has no case for.
    pub fn other(name: &str, value: &Json<'_>) -> Self {
        Self::Other((name.to_owned(), value.to_string()))
    }

    /// The end of the only answer.
    pub fn finished(reason: impl Into<String>) -> Self {
        Self::Finished(Finish { index: 0, reason: reason.into(), extra: Vec::new() })
    }

    /// The end of the answer of this number, and what the upstream said beside it.
    pub fn ended<const N: usize>(index: u32, reason: &str, beside: [(&str, Json<'_>); N]) -> Self {
        Self::Finished(Finish { index, reason: reason.to_owned(), extra: extra(beside) })
    }

    /// What was used, as far as it is known: tokens of prompt and of answer; nothing of neither.
    pub fn counted([input_tokens, output_tokens]: [Option<u64>; 2]) -> Option<Self> {
        let usage = Usage { input_tokens, output_tokens, ..Usage::default() };
        input_tokens.or(output_tokens).map(|_| Self::Usage(usage))
    }

    /// What was used: tokens of prompt and of answer.
    pub fn usage(input_tokens: u64, output_tokens: u64) -> Self {
        Self::Usage(Usage {
            input_tokens: Some(input_tokens),
            output_tokens: Some(output_tokens),
            ..Usage::default()
        })
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

/// The names of what is there.
fn named<const N: usize>(names: [(&str, bool); N]) -> impl Iterator<Item = String> {
    names.into_iter().filter(|(_, there)| *there).map(|(name, _)| name.to_owned())
}

impl Model {
    /// A model of this name, of which no more is known.
    pub fn named(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            context_tokens: None,
            max_output_tokens: None,
            operations: Vec::new(),
            features: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// With those of these operations that it serves.
    #[must_use]
    pub fn serving<const N: usize>(mut self, operations: [(&str, bool); N]) -> Self {
        self.operations.extend(named(operations));
        self
    }

    /// With those of these features that it has.
    #[must_use]
    pub fn with<const N: usize>(mut self, features: [(&str, bool); N]) -> Self {
        self.features.extend(named(features));
        self
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
