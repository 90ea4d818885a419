//! Answers to a chat, written as responses.
//!
//! A stream is a row of items, of which one is open at a time. Every event has a number, every
//! piece says to which item it belongs, and the last event holds the whole response: so what was
//! said is kept until then, which is the price of this dialect.
//!
//! <https://platform.openai.com/docs/api-reference/responses-streaming>

use super::items;
use super::usage::Usage as Written;
use crate::contract::Usage;
use crate::failure::Failure;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::wire::answer::{Piece, Writer, mixed_up};
use crate::wire::message::Message;
use crate::wire::openai::answer::now;
use crate::wire::sse;
use bytes::BytesMut;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Fields of the request that a response repeats, and what stands there where it had none.
const REPEATED: [(&str, &str); 11] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("temperature", "null"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", r#""auto""#),
    ("tools", "[]"),
    ("top_p", "null"),
    ("user", "null"),
];

/// Writes one answer.
pub struct Responses {
    /// What is the same in all of its forms.
    response: Map<String, Value>,
    /// Names its items.
    name: String,
    /// The number of the next event.
    next: u64,
    /// Items that are whole.
    items: Vec<Value>,
    open: Option<Open>,
    reason: Option<String>,
}

/// An item that is open, and what was said of it so far.
enum Open {
    Reasoning(String),
    Message(Vec<Part>),
    Call { index: u32, id: String, name: String, arguments: String },
}

/// A part of a message.
enum Part {
    Text(String, Vec<Value>),
    Refusal(String),
}

impl Part {
    fn value(&self) -> Value {
        match self {
            Self::Text(text, annotations) => items::text(text, annotations.clone()),
            Self::Refusal(text) => items::refusal(text),
        }
    }
}

impl Responses {
    /// A writer of the answer to `request`, by a model of that name.
    pub fn new(request: &Request, model: &str) -> Self {
        let mut said: Map<String, Value> =
            serde_json::from_slice(&request.body).unwrap_or_default();
        let mut response = Map::new();
        for (name, value) in [
            ("id", json!(format!("resp_{}", request.id))),
            ("object", json!("response")),
            ("created_at", json!(now())),
            ("model", json!(model)),
            ("error", Value::Null),
            ("incomplete_details", Value::Null),
            ("previous_response_id", Value::Null),
            ("store", json!(false)),
            ("truncation", json!("disabled")),
        ] {
            response.insert(name.to_owned(), value);
        }
        for (name, default) in REPEATED {
            let default = || serde_json::from_str(default).unwrap_or_default();
            let value = said.remove(name).filter(|value| !value.is_null());
            response.insert(name.to_owned(), value.unwrap_or_else(default));
        }
        let name = request.id.to_string();
        Self { response, name, next: 0, items: Vec::new(), open: None, reason: None }
    }

    /// The response as it is, with that status.
    fn response(&self, status: &str, output: &[Value], usage: Option<&Usage>) -> Value {
        let mut response = self.response.clone();
        response.insert("status".to_owned(), status.into());
        response.insert("output".to_owned(), output.into());
        response.insert("usage".to_owned(), json!(usage.map(Written::of)));
        Value::Object(response)
    }

    fn event(&mut self, kind: &'static str, mut data: Value, out: &mut BytesMut) {
        data["type"] = kind.into();
        data["sequence_number"] = self.next.into();
        self.next += 1;
        sse::encode_json(out, Some(kind), &data);
    }

    /// The id of the item that is open, or would be.
    fn item_id(&self, prefix: &str) -> String {
        format!("{prefix}_{}_{}", self.name, self.items.len())
    }

    /// An event of the item that is open.
    fn of_item(&mut self, kind: &'static str, prefix: &str, mut data: Value, out: &mut BytesMut) {
        data["item_id"] = self.item_id(prefix).into();
        data["output_index"] = self.items.len().into();
        self.event(kind, data, out);
    }

    fn start(&mut self, out: &mut BytesMut) {
        if self.next > 0 {
            return;
        }
        let response = self.response("in_progress", &[], None);
        self.event("response.created", json!({ "response": response }), out);
        self.event("response.in_progress", json!({ "response": response }), out);
    }

    /// Opens an item in the place of the one before it.
    fn open(&mut self, open: Open, item: Value, out: &mut BytesMut) {
        self.close(out);
        let data = json!({ "output_index": self.items.len(), "item": item });
        self.event("response.output_item.added", data, out);
        self.open = Some(open);
    }

    /// Closes the item that is open.
    fn close(&mut self, out: &mut BytesMut) {
        const DONE: &str = "completed";
        let item = match self.open.take() {
            None => return,
            Some(Open::Reasoning(text)) => {
                let data = json!({ "summary_index": 0, "text": text });
                self.of_item("response.reasoning_summary_text.done", "rs", data, out);
                let data = json!({ "summary_index": 0, "part": items::summary(&text) });
                self.of_item("response.reasoning_summary_part.done", "rs", data, out);
                items::reasoning(&self.item_id("rs"), Some(&text))
            }
            Some(Open::Message(parts)) => {
                if let Some(last) = parts.last() {
                    self.part_done(parts.len() - 1, last, out);
                }
                let parts = parts.iter().map(Part::value).collect();
                items::message(&self.item_id("msg"), DONE, parts)
            }
            Some(Open::Call { id, name, arguments, .. }) => {
                let data = json!({ "name": name, "arguments": arguments });
                self.of_item("response.function_call_arguments.done", "fc", data, out);
                items::call(&self.item_id("fc"), DONE, &id, &name, &arguments)
            }
        };
        let data = json!({ "output_index": self.items.len(), "item": item });
        self.event("response.output_item.done", data, out);
        self.items.push(item);
    }

    fn part_done(&mut self, index: usize, part: &Part, out: &mut BytesMut) {
        match part {
            Part::Text(text, _) => {
                let data = json!({ "content_index": index, "text": text, "logprobs": [] });
                self.of_item("response.output_text.done", "msg", data, out);
            }
            Part::Refusal(text) => {
                let data = json!({ "content_index": index, "refusal": text });
                self.of_item("response.refusal.done", "msg", data, out);
            }
        }
        let data = json!({ "content_index": index, "part": part.value() });
        self.of_item("response.content_part.done", "msg", data, out);
    }

    fn reasoning(&mut self, piece: &str, out: &mut BytesMut) {
        if !matches!(self.open, Some(Open::Reasoning(_))) {
            self.close(out);
            let item = items::reasoning(&self.item_id("rs"), None);
            self.open(Open::Reasoning(String::new()), item, out);
            let data = json!({ "summary_index": 0, "part": items::summary("") });
            self.of_item("response.reasoning_summary_part.added", "rs", data, out);
        }
        if let Some(Open::Reasoning(text)) = &mut self.open {
            text.push_str(piece);
        }
        let data = json!({ "summary_index": 0, "delta": piece });
        self.of_item("response.reasoning_summary_text.delta", "rs", data, out);
    }

    /// Text or a refusal: a part of the message, opened where the one before it is another.
    fn said(&mut self, piece: &str, refuses: bool, out: &mut BytesMut) {
        if !matches!(self.open, Some(Open::Message(_))) {
            self.close(out);
            let item = items::message(&self.item_id("msg"), "in_progress", Vec::new());
            self.open(Open::Message(Vec::new()), item, out);
        }
        let Some(Open::Message(mut parts)) = self.open.take() else { return };
        let goes_on = parts.last().is_some_and(|part| matches!(part, Part::Refusal(_)) == refuses);
        if !goes_on {
            if let Some(last) = parts.last() {
                self.part_done(parts.len() - 1, last, out);
            }
            parts.push(match refuses {
                true => Part::Refusal(String::new()),
                false => Part::Text(String::new(), Vec::new()),
            });
            let part = parts.last().map(Part::value);
            let data = json!({ "content_index": parts.len() - 1, "part": part });
            self.of_item("response.content_part.added", "msg", data, out);
        }
        if let Some(Part::Text(text, _) | Part::Refusal(text)) = parts.last_mut() {
            text.push_str(piece);
        }
        let mut data = json!({ "content_index": parts.len() - 1, "delta": piece });
        self.open = Some(Open::Message(parts));
        if refuses {
            self.of_item("response.refusal.delta", "msg", data, out);
        } else {
            data["logprobs"] = json!([]);
            self.of_item("response.output_text.delta", "msg", data, out);
        }
    }

    /// Where the text that is open comes from; there is no other place to say it.
    fn annotate(&mut self, more: Vec<Value>, out: &mut BytesMut) {
        let Some(Open::Message(mut parts)) =
            self.open.take_if(|open| matches!(open, Open::Message(_)))
        else {
            return;
        };
        let content_index = parts.len().saturating_sub(1);
        if let Some(Part::Text(_, annotations)) = parts.last_mut() {
            for annotation in more.into_iter().map(items::annotation) {
                let data = json!({
                    "content_index": content_index,
                    "annotation_index": annotations.len(),
                    "annotation": annotation,
                });
                annotations.push(annotation);
                self.of_item("response.output_text.annotation.added", "msg", data, out);
            }
        }
        self.open = Some(Open::Message(parts));
    }

    fn call(
        &mut self,
        index: u32,
        first: Option<(String, String)>,
        piece: &str,
        out: &mut BytesMut,
    ) -> Result<(), Failure> {
        if let Some((id, name)) = first {
            self.close(out);
            let item = items::call(&self.item_id("fc"), "in_progress", &id, &name, "");
            self.open(Open::Call { index, id, name, arguments: String::new() }, item, out);
        }
        match &mut self.open {
            Some(Open::Call { index: open, arguments, .. }) if *open == index => {
                arguments.push_str(piece);
            }
            _ => return Err(mixed_up()),
        }
        if !piece.is_empty() {
            let data = json!({ "delta": piece });
            self.of_item("response.function_call_arguments.delta", "fc", data, out);
        }
        Ok(())
    }

    /// The item that is open, as it is when the stream fails.
    fn broken(&self) -> Option<Value> {
        const STATUS: &str = "incomplete";
        Some(match self.open.as_ref()? {
            Open::Reasoning(text) => items::reasoning(&self.item_id("rs"), Some(text)),
            Open::Message(parts) => {
                let parts = parts.iter().map(Part::value).collect();
                items::message(&self.item_id("msg"), STATUS, parts)
            }
            Open::Call { id, name, arguments, .. } => {
                items::call(&self.item_id("fc"), STATUS, id, name, arguments)
            }
        })
    }

    /// The response when it is over, and the event that says so.
    fn over(&mut self, output: &[Value], usage: Option<&Usage>) -> (&'static str, Value) {
        let (event, status, why) = match self.reason.as_deref() {
            Some("length") => ("response.incomplete", "incomplete", "max_output_tokens"),
            Some("content-filter") => ("response.incomplete", "incomplete", "content_filter"),
            _ => ("response.completed", "completed", ""),
        };
        let mut response = self.response(status, output, usage);
        if !why.is_empty() {
            response["incomplete_details"] = json!({ "reason": why });
        }
        (event, response)
    }
}

impl Writer for Responses {
    fn identify(&mut self, _: String, model: String) {
        // The id of a chat is none of a response.
        if !model.is_empty() {
            self.response.insert("model".to_owned(), model.into());
        }
    }

    fn piece(
        &mut self,
        choice: u32,
        _: bool,
        piece: Piece,
        _: Option<&Usage>,
        out: &mut BytesMut,
    ) -> Result<(), Failure> {
        // This dialect asks for one answer, and cannot be given another.
        if choice != 0 {
            return Ok(());
        }
        self.start(out);
        match piece {
            Piece::Text(text) => self.said(&text, false, out),
            Piece::Refusal(text) => self.said(&text, true, out),
            Piece::Reasoning(text) => self.reasoning(&text, out),
            Piece::ToolCall { index, first, arguments } => {
                self.call(index, first, &arguments, out)?;
            }
            Piece::Annotations(annotations) => self.annotate(annotations, out),
            Piece::Finished(finish) => {
                self.close(out);
                self.reason = Some(finish.reason);
            }
            // There is no place for it here.
            Piece::ThinkingBlocks(_)
            | Piece::Logprobs(_)
            | Piece::Extra { .. }
            | Piece::Beside(..)
            | Piece::Document(_) => {}
        }
        Ok(())
    }

    fn end(&mut self, usage: Option<&Usage>, out: &mut BytesMut) {
        let items = std::mem::take(&mut self.items);
        let (event, response) = self.over(&items, usage);
        self.event(event, json!({ "response": response }), out);
    }

    fn fail(&mut self, refusal: &Refusal, out: &mut BytesMut) {
        let items: Vec<Value> = self.items.iter().cloned().chain(self.broken()).collect();
        let mut response = self.response("failed", &items, None);
        response["error"] = json!({ "code": refusal.code, "message": refusal.message });
        self.event("response.failed", json!({ "response": response }), out);
        let number = self.next;
        sse::encode_json(out, Some("error"), &error(refusal, number));
    }

    fn whole(
        &mut self,
        mut messages: BTreeMap<u32, Message>,
        usage: Option<&Usage>,
    ) -> Result<String, Failure> {
        let message = messages.remove(&0).unwrap_or_default();
        self.reason = message.finish.as_ref().map(|finish| finish.reason.clone());
        let mut output = Vec::new();
        let id = |prefix: &str, at: usize| format!("{prefix}_{}_{at}", self.name);
        if !message.reasoning.is_empty() {
            output.push(items::reasoning(&id("rs", 0), Some(&message.reasoning)));
        }
        let annotations = message.annotations.into_iter().map(items::annotation).collect();
        let text = message.text.map(|text| items::text(&text, annotations));
        let refusal = message.refusal.map(|text| items::refusal(&text));
        let parts: Vec<Value> = text.into_iter().chain(refusal).collect();
        if !parts.is_empty() {
            output.push(items::message(&id("msg", output.len()), "completed", parts));
        }
        for call in message.tools.into_values() {
            let id = id("fc", output.len());
            output.push(items::call(&id, "completed", &call.id, &call.name, &call.arguments));
        }
        Ok(self.over(&output, usage).1.to_string())
    }
}

/// The event of a failure. Beside the fields of the published event it has those by which SDKs
/// tell that a stream failed.
pub fn error(refusal: &Refusal, number: u64) -> Value {
    json!({
        "type": "error",
        "sequence_number": number,
        "code": refusal.code,
        "message": refusal.message,
        "param": refusal.param,
        "error": { "code": refusal.code, "message": refusal.message, "param": refusal.param },
    })
}
