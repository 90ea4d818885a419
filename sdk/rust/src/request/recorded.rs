//! A request made of plain data, for a plugin's own tests.

use crate::Json;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A request of which a test says what it is about: `Recording { streaming: true,
/// ..Recording::default() }`. The default is an empty chat request in OpenAI's dialect.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recording {
    /// The gateway's id of it.
    pub id: String,
    /// "chat", "embeddings"…
    pub operation: String,
    /// The JSON dialect of `body`.
    pub dialect: String,
    /// For a provider, the upstream's name of the model; for a policy, the sender's.
    pub model: String,
    /// Whether the sender wants the answer piece by piece.
    pub streaming: bool,
    /// The tenant whose key came with it.
    pub tenant: String,
    /// What the sender or the gateway noted.
    pub labels: BTreeMap<String, String>,
    /// The features that it needs.
    pub needs: Vec<String>,
    /// Tokens of the prompt.
    pub input_token_estimate: u32,
    /// The most tokens of answer that the sender wants.
    pub max_output_tokens: Option<u32>,
    /// Milliseconds left until the sender no longer waits.
    pub deadline_ms: Option<u32>,
    /// The sender's JSON.
    pub body: String,
    /// Parts that are bytes, by their form names.
    pub attachments: BTreeMap<String, Vec<u8>>,
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            id: "request-1".to_owned(),
            operation: "chat".to_owned(),
            dialect: "openai".to_owned(),
            model: "model".to_owned(),
            streaming: false,
            tenant: "default".to_owned(),
            labels: BTreeMap::new(),
            needs: Vec::new(),
            input_token_estimate: 0,
            max_output_tokens: None,
            deadline_ms: None,
            body: "{}".to_owned(),
            attachments: BTreeMap::new(),
        }
    }
}

/// The request being served. Here it answers from a [`Recording`].
#[derive(Debug, Clone, PartialEq)]
pub struct Request(Recording);

impl From<Recording> for Request {
    fn from(recording: Recording) -> Self {
        Self(recording)
    }
}

impl Request {
    /// The gateway's id of it.
    pub fn id(&self) -> String {
        self.0.id.clone()
    }

    /// "chat", "embeddings", "transcription", "speech", "rerank", "count-tokens"…
    pub fn operation(&self) -> String {
        self.0.operation.clone()
    }

    /// The JSON dialect of [`Request::body`].
    pub fn dialect(&self) -> String {
        self.0.dialect.clone()
    }

    /// For a provider, the upstream's name of the model; for a policy, the sender's.
    pub fn model(&self) -> String {
        self.0.model.clone()
    }

    /// Whether the sender wants the answer piece by piece.
    pub fn streaming(&self) -> bool {
        self.0.streaming
    }

    /// The tenant whose key came with it.
    pub fn tenant(&self) -> String {
        self.0.tenant.clone()
    }

    /// What the sender or the gateway noted under this name.
    pub fn label(&self, name: &str) -> Option<String> {
        self.0.labels.get(name).cloned()
    }

    /// Whether it needs a feature: "tools", "vision", "json-schema"…
    pub fn needs(&self, feature: &str) -> bool {
        self.0.needs.iter().any(|need| need == feature)
    }

    /// All the features that it needs; most requests need none.
    pub fn features(&self) -> Vec<String> {
        self.0.needs.clone()
    }

    /// Tokens of the prompt, estimated from its length.
    pub fn input_token_estimate(&self) -> u32 {
        self.0.input_token_estimate
    }

    /// The most tokens of answer that the sender wants.
    pub fn max_output_tokens(&self) -> Option<u32> {
        self.0.max_output_tokens
    }

    /// Milliseconds left until the sender no longer waits.
    pub fn deadline_ms(&self) -> Option<u32> {
        self.0.deadline_ms
    }

    /// The length of the body in bytes.
    pub fn body_size(&self) -> u64 {
        self.0.body.len() as u64
    }

    /// The sender's JSON, copied whole.
    pub fn body(&self) -> String {
        self.0.body.clone()
    }

    /// The JSON value at an RFC 6901 pointer, where it is there and at most `max_bytes` long.
    pub fn get(&self, pointer: &str, max_bytes: u32) -> Option<String> {
        let body = Json::read(&self.0.body).ok()?;
        let mut value = &body;
        for part in pointer.split('/').skip(1) {
            let name = part.replace("~1", "/").replace("~0", "~");
            value = match value {
                Json::List(items) => items.get(name.parse::<usize>().ok()?)?,
                object => &object.fields().iter().find(|(present, _)| *present == name)?.1,
            };
        }
        Some(value.to_string()).filter(|value| value.len() <= max_bytes as usize)
    }

    /// The text that people wrote, newest first, at most `max_bytes` of it. Here: what the
    /// messages of role "user" say, or an embeddings request's input.
    pub fn text(&self, max_bytes: u32) -> String {
        let body = Json::read(&self.0.body).unwrap_or_default();
        let mut said = Vec::new();
        for message in body["messages"].items().iter().rev() {
            if message["role"] == "user" {
                gather(&message["content"], &mut said);
            }
        }
        gather(&body["input"], &mut said);
        let said = said.join("\n");
        said[..said.floor_char_boundary(max_bytes as usize)].to_owned()
    }

    /// A part that is bytes, not JSON, by its form name.
    pub fn attachment(&self, name: &str) -> Option<Vec<u8>> {
        self.0.attachments.get(name).cloned()
    }
}

/// The text in a message's content: a string, a part with a text, or a list of either.
fn gather(content: &Json<'_>, said: &mut Vec<String>) {
    match content {
        Json::Text(_) => said.push(content.text().into_owned()),
        Json::List(parts) => parts.iter().for_each(|part| gather(part, said)),
        part if part["text"].is_text() => gather(&part["text"], said),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{Recording, Request};

    #[test]
    fn text_is_newest_first_and_cut_at_a_character() {
        let request = Request::from(Recording {
            body: r#"{"messages":[{"role":"user","content":"old"},
                {"role":"assistant","content":"not this"},
                {"role":"user","content":[{"type":"text","text":"né"},{"type":"image_url"}]}]}"#
                .to_owned(),
            ..Recording::default()
        });
        assert_eq!(request.text(100), "né\nold");
        assert_eq!(request.text(2), "n");
        assert_eq!(request.get("/messages/0/role", 10).as_deref(), Some("\"user\""));
        assert_eq!(request.get("/messages/0/role", 3), None);
        assert_eq!(request.get("/messages/7/role", 10), None);
    }

    #[test]
    fn a_value_keeps_its_order_and_its_numbers() {
        let body = r#"{"a/b":{"why":1.10,"answer":[1e2]}}"#;
        let request = Request::from(Recording { body: body.to_owned(), ..Recording::default() });
        assert_eq!(request.get("", 100).as_deref(), Some(body));
        assert_eq!(request.get("/a~1b", 100).as_deref(), Some(r#"{"why":1.10,"answer":[1e2]}"#));
        assert_eq!(request.get("/a~1b/answer/0", 100).as_deref(), Some("1e2"));
    }
}
