//! The request being served, read through the host.

use crate::bindings::either::portcullis::plugin::requests;

/// The request being served, owned by the host and copied only as far as it is read.
///
/// A policy reads what people wrote (`body`, `get`, `text`, `attachment`) only with the grant
/// `read-prompt`; without it the body is empty and the rest gives nothing.
pub struct Request(requests::Request);

impl From<requests::Request> for Request {
    fn from(handle: requests::Request) -> Self {
        Self(handle)
    }
}

impl Request {
    /// The gateway's id of it.
    pub fn id(&self) -> String {
        self.0.id()
    }

    /// "chat", "embeddings", "transcription", "speech", "rerank", "count-tokens"…
    pub fn operation(&self) -> String {
        self.0.operation()
    }

    /// The JSON dialect of [`Request::body`].
    pub fn dialect(&self) -> String {
        self.0.dialect()
    }

    /// For a provider, the upstream's name of the model; for a policy, the sender's.
    pub fn model(&self) -> String {
        self.0.model()
    }

    /// Whether the sender wants the answer piece by piece.
    pub fn streaming(&self) -> bool {
        self.0.streaming()
    }

    /// The tenant whose key came with it.
    pub fn tenant(&self) -> String {
        self.0.tenant()
    }

    /// What the sender or the gateway noted under this name.
    pub fn label(&self, name: &str) -> Option<String> {
        self.0.label(name)
    }

    /// Whether it needs a feature: "tools", "vision", "json-schema"…
    pub fn needs(&self, feature: &str) -> bool {
        self.0.needs(feature)
    }

    /// All the features that it needs; most requests need none.
    pub fn features(&self) -> Vec<String> {
        self.0.features()
    }

    /// Tokens of the prompt, estimated from its length.
    pub fn input_token_estimate(&self) -> u32 {
        self.0.input_token_estimate()
    }

    /// The most tokens of answer that the sender wants.
    pub fn max_output_tokens(&self) -> Option<u32> {
        self.0.max_output_tokens()
    }

    /// Milliseconds left until the sender no longer waits.
    pub fn deadline_ms(&self) -> Option<u32> {
        self.0.deadline_ms()
    }

    /// The length of the body in bytes.
    pub fn body_size(&self) -> u64 {
        self.0.body_size()
    }

    /// The sender's JSON, copied whole.
    pub fn body(&self) -> String {
        self.0.body()
    }

    /// The JSON value at an RFC 6901 pointer, where it is there and at most `max_bytes` long.
    pub fn get(&self, pointer: &str, max_bytes: u32) -> Option<String> {
        self.0.get(pointer, max_bytes)
    }

    /// The text that people wrote, newest first, at most `max_bytes` of it.
    pub fn text(&self, max_bytes: u32) -> String {
        self.0.text(max_bytes)
    }

    /// A part that is bytes, not JSON, by its form name.
    pub fn attachment(&self, name: &str) -> Option<Vec<u8>> {
        self.0.attachment(name)
    }
}
