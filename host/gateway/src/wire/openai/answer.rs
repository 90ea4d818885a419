//! Answers to a chat, written in the canonical dialect.
//!
//! One id and one time stand on all chunks of a stream, and the role on a choice's first delta
//! only: SDKs concatenate what they are given.
//!
//! <https://platform.openai.com/docs/api-reference/chat>

use super::error;
use super::usage::Usage as Written;
use crate::contract::Usage;
use crate::failure::Failure;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::wire::answer::{Piece, Writer};
use crate::wire::message::{Message, ToolCall, said_beside};
use crate::wire::sse;
use bytes::{BufMut as _, BytesMut};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// Fields of a choice that are the dialect's own.
const KNOWN: [&str; 5] = ["index", "delta", "message", "finish_reason", "logprobs"];

/// What a piece of a stream is called.
const CHUNK: &str = "chat.completion.chunk";

/// Writes one answer.
#[derive(Debug)]
pub struct Chat {
    id: String,
    created: u64,
    model: String,
    wants_usage: bool,
    /// What all chunks of text begin with, up to the choice's index; empty until the first.
    head: String,
}

impl Chat {
    /// A writer of the answer to `request`, by a model of that name.
    pub fn new(request: &Request, model: &str) -> Self {
        Self {
            id: format!("chatcmpl-{}", request.id),
            created: now(),
            model: model.to_owned(),
            wants_usage: request.wants_usage,
            head: String::new(),
        }
    }

    fn envelope<'a>(&'a self, object: &'static str, choices: Vec<Value>) -> Envelope<'a> {
        let (id, created, model) = (&self.id, self.created, &self.model);
        Envelope { id, object, created, model, choices, usage: None }
    }

    /// A chunk of nothing but text, as nearly all are: what is the same in all of them is
    /// written once, and copied.
    fn text(&mut self, index: u32, content: &str, out: &mut BytesMut) {
        const MIDDLE: &[u8] = br#","delta":{"content":"#;
        const END: &[u8] = b"},\"finish_reason\":null}]}\n\n";
        if self.head.is_empty() {
            // An id, a time and a name can be written, and so can a text.
            let bare = serde_json::to_string(&self.envelope(CHUNK, Vec::new())).unwrap_or_default();
            let open = bare.strip_suffix("]}").unwrap_or_default();
            self.head = format!("data: {open}{{\"index\":");
        }
        // Room for a text without escapes.
        out.reserve(self.head.len() + MIDDLE.len() + content.len() + END.len() + 16);
        out.put_slice(self.head.as_bytes());
        let _ = serde_json::to_writer(out.writer(), &index);
        out.put_slice(MIDDLE);
        let _ = serde_json::to_writer(out.writer(), content);
        out.put_slice(END);
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[derive(Serialize)]
struct Envelope<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Written>,
}

impl Writer for Chat {
    fn identify(&mut self, id: String, model: String) {
        if !id.is_empty() {
            self.id = id;
        }
        if !model.is_empty() {
            self.model = model;
        }
    }

    fn piece(
        &mut self,
        index: u32,
        begins: bool,
        piece: Piece,
        _: Option<&Usage>,
        out: &mut BytesMut,
    ) -> Result<(), Failure> {
        if let (Piece::Text(content), false) = (&piece, begins) {
            self.text(index, content, out);
            return Ok(());
        }
        let mut choice = match piece {
            Piece::Logprobs(logprobs) => {
                json!({ "delta": {}, "finish_reason": null, "logprobs": logprobs })
            }
            Piece::Finished(finish) => {
                let mut choice = Value::Object(said_beside(&finish, &KNOWN));
                choice["delta"] = json!({});
                choice["finish_reason"] = dialect_word(&finish.reason).into();
                choice
            }
            piece => json!({ "delta": delta(piece), "finish_reason": null }),
        };
        choice["index"] = index.into();
        if begins {
            choice["delta"]["role"] = "assistant".into();
        }
        sse::encode_json(out, None, &self.envelope(CHUNK, vec![choice]));
        Ok(())
    }

    fn end(&mut self, usage: Option<&Usage>, out: &mut BytesMut) {
        if let Some(usage) = usage.filter(|_| self.wants_usage) {
            let mut chunk = self.envelope(CHUNK, Vec::new());
            chunk.usage = Some(Written::of(usage));
            sse::encode_json(out, None, &chunk);
        }
        sse::encode(out, None, "[DONE]");
    }

    fn fail(&mut self, refusal: &Refusal, out: &mut BytesMut) {
        sse::encode(out, None, &error::body(refusal));
    }

    fn whole(
        &mut self,
        messages: BTreeMap<u32, Message>,
        usage: Option<&Usage>,
    ) -> Result<String, Failure> {
        let choices = messages.into_iter().map(|(index, message)| choice(index, message)).collect();
        let mut answer = self.envelope("chat.completion", choices);
        answer.usage = usage.map(Written::of);
        // Maps whose names are strings can be written.
        Ok(serde_json::to_string(&answer).unwrap_or_default())
    }
}

/// What a piece adds to a message.
fn delta(piece: Piece) -> Value {
    match piece {
        Piece::Text(text) => json!({ "content": text }),
        Piece::Reasoning(text) => json!({ "reasoning_content": text }),
        Piece::Refusal(text) => json!({ "refusal": text }),
        Piece::ToolCall { index, first, arguments } => {
            let mut call = json!({ "index": index, "function": { "arguments": arguments } });
            if let Some((id, name)) = first {
                call["id"] = id.into();
                call["type"] = "function".into();
                call["function"]["name"] = name.into();
            }
            json!({ "tool_calls": [call] })
        }
        Piece::ThinkingBlocks(blocks) => json!({ "thinking_blocks": blocks }),
        Piece::Annotations(annotations) => json!({ "annotations": annotations }),
        Piece::Extra { tool_call: None, content } => json!({ "extra_content": content }),
        Piece::Extra { tool_call: Some(index), content } => {
            json!({ "tool_calls": [{ "index": index, "extra_content": content }] })
        }
        Piece::Beside(name, value) => json!({ name: value }),
        // They stand beside the delta; a chat has no document.
        Piece::Logprobs(_) | Piece::Finished(_) | Piece::Document(_) => json!({}),
    }
}

/// The contract's words for a finish, in the dialect's own.
fn dialect_word(reason: &str) -> &str {
    match reason {
        "tool-calls" => "tool_calls",
        "content-filter" => "content_filter",
        other => other,
    }
}

fn choice(index: u32, message: Message) -> Value {
    let reason = dialect_word(message.reason()).to_owned();
    let beside = message.finish.as_ref().map(|finish| said_beside(finish, &KNOWN));
    let mut written = json!({
        "role": "assistant",
        "content": message.text,
        "refusal": message.refusal,
    });
    if !message.reasoning.is_empty() {
        written["reasoning_content"] = message.reasoning.into();
    }
    if !message.tools.is_empty() {
        written["tool_calls"] = message.tools.into_values().map(tool_call).collect();
    }
    for (name, values) in
        [("thinking_blocks", message.thinking_blocks), ("annotations", message.annotations)]
    {
        if !values.is_empty() {
            written[name] = values.into();
        }
    }
    if let Some(extra) = message.extra {
        written["extra_content"] = extra;
    }
    for (name, value) in message.beside {
        written[name] = value;
    }
    let mut choice = Value::Object(beside.unwrap_or_default());
    choice["index"] = index.into();
    choice["message"] = written;
    choice["logprobs"] = message.logprobs.unwrap_or(Value::Null);
    choice["finish_reason"] = reason.into();
    choice
}

fn tool_call(call: ToolCall) -> Value {
    let function = json!({ "name": call.name, "arguments": call.arguments });
    let mut written = json!({ "id": call.id, "type": "function", "function": function });
    if let Some(extra) = call.extra {
        written["extra_content"] = extra;
    }
    written
}
