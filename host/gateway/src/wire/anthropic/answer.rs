//! Answers to a chat, written as messages of this dialect.
//!
//! A stream is a row of blocks, of which one is open at a time: text, thinking, a tool's use. Every
//! event has its name in its `event:` line, without which SDKs do not see it; `message_start` goes
//! out with the first block, because its model and usage are known no earlier.
//!
//! Words in which a model declines are no block here: they stand beside the reason for the end, in
//! `stop_details`, and are told with it.
//!
//! <https://platform.claude.com/docs/en/build-with-claude/streaming>,
//! <https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons>

use super::error;
use super::usage::Usage as Written;
use crate::contract::Usage;
use crate::contract::events::Finish;
use crate::failure::Failure;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::wire::answer::{Piece, Writer, mixed_up};
use crate::wire::message::{Message, ToolCall, merge};
use crate::wire::sse;
use bytes::BytesMut;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Writes one answer.
pub struct Messages {
    id: String,
    model: String,
    started: bool,
    /// Blocks that were opened so far.
    blocks: u32,
    open: Option<Block>,
    /// What the answer ends with, known before its last event is written.
    finish: Option<Finish>,
    /// What there was beside text: what the upstream calls an ordinary end is none then.
    said: Said,
}

/// What an answer held by which its end is told in this dialect.
#[derive(Default)]
struct Said {
    calls: bool,
    /// In which words it declined.
    refusal: Option<String>,
}

/// A block that is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Text,
    Thinking,
    ToolUse(u32),
}

impl Messages {
    /// A writer of the answer to `request`, by a model of that name.
    pub fn new(request: &Request, model: &str) -> Self {
        Self {
            id: format!("msg_{}", request.id),
            model: model.to_owned(),
            started: false,
            blocks: 0,
            open: None,
            finish: None,
            said: Said::default(),
        }
    }

    fn start(&mut self, usage: Option<&Usage>, out: &mut BytesMut) {
        if self.started {
            return;
        }
        self.started = true;
        let message = json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": Written::of(usage),
        });
        event(out, "message_start", &json!({ "type": "message_start", "message": message }));
    }

    /// Opens a block, unless it is open.
    fn open(&mut self, block: Block, start: impl FnOnce() -> Value, out: &mut BytesMut) {
        if self.open == Some(block) {
            return;
        }
        self.close(out);
        let start = json!({
            "type": "content_block_start",
            "index": self.blocks,
            "content_block": start(),
        });
        event(out, "content_block_start", &start);
        self.open = Some(block);
        self.blocks += 1;
    }

    /// Closes the block that is open.
    fn close(&mut self, out: &mut BytesMut) {
        if self.open.take().is_some() {
            let stop = json!({ "type": "content_block_stop", "index": self.blocks - 1 });
            event(out, "content_block_stop", &stop);
        }
    }

    fn delta(&self, delta: Delta<'_>, out: &mut BytesMut) {
        const TYPE: &str = "content_block_delta";
        event(out, TYPE, &BlockDelta { kind: TYPE, index: self.blocks.saturating_sub(1), delta });
    }

    fn text(&mut self, text: &str, out: &mut BytesMut) {
        self.open(Block::Text, || json!({ "type": "text", "text": "" }), out);
        self.delta(Delta::Text { text }, out);
    }

    fn thinking(&mut self, thinking: &str, out: &mut BytesMut) {
        let empty = || json!({ "type": "thinking", "thinking": "", "signature": "" });
        self.open(Block::Thinking, empty, out);
        self.delta(Delta::Thinking { thinking }, out);
    }

    /// A block that was signed: its text was written as it came, unless there was none.
    fn signed(&mut self, block: &Value, out: &mut BytesMut) {
        if block["type"] != "thinking" {
            self.close(out);
            self.open(Block::Thinking, || block.clone(), out);
            self.close(out);
            return;
        }
        if self.open != Some(Block::Thinking) {
            self.thinking(block["thinking"].as_str().unwrap_or_default(), out);
        }
        if let Some(signature) = block["signature"].as_str() {
            self.delta(Delta::Signature { signature }, out);
        }
        self.close(out);
    }

    fn tool_use(
        &mut self,
        index: u32,
        first: Option<(String, String)>,
        arguments: &str,
        out: &mut BytesMut,
    ) -> Result<(), Failure> {
        let block = Block::ToolUse(index);
        if let Some((id, name)) = first {
            self.said.calls = true;
            let start = || json!({ "type": "tool_use", "id": id, "name": name, "input": {} });
            self.open(block, start, out);
        } else if self.open != Some(block) {
            return Err(mixed_up());
        }
        if !arguments.is_empty() {
            self.delta(Delta::InputJson { partial_json: arguments }, out);
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct BlockDelta<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    index: u32,
    delta: Delta<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Delta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: &'a str },
}

fn event(out: &mut BytesMut, name: &'static str, data: &impl Serialize) {
    sse::encode_json(out, Some(name), data);
}

impl Writer for Messages {
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
        choice: u32,
        _: bool,
        piece: Piece,
        usage: Option<&Usage>,
        out: &mut BytesMut,
    ) -> Result<(), Failure> {
        // This dialect asks for one answer, and cannot be given another.
        if choice != 0 {
            return Ok(());
        }
        self.start(usage, out);
        match piece {
            Piece::Text(text) => self.text(&text, out),
            Piece::Refusal(text) => {
                self.said.refusal.get_or_insert_default().push_str(&text);
            }
            Piece::Reasoning(text) => self.thinking(&text, out),
            Piece::ToolCall { index, first, arguments } => {
                self.tool_use(index, first, &arguments, out)?;
            }
            Piece::ThinkingBlocks(blocks) => {
                blocks.iter().for_each(|block| self.signed(block, out));
            }
            Piece::Finished(finish) => {
                self.close(out);
                self.finish = Some(finish);
            }
            // There is no place for it here.
            Piece::Annotations(_)
            | Piece::Logprobs(_)
            | Piece::Extra { .. }
            | Piece::Beside(..)
            | Piece::Document(_) => {}
        }
        Ok(())
    }

    fn end(&mut self, usage: Option<&Usage>, out: &mut BytesMut) {
        let delta = json!({
            "type": "message_delta",
            "delta": stop(self.finish.as_ref(), &self.said),
            "usage": Written::of(usage),
        });
        event(out, "message_delta", &delta);
        event(out, "message_stop", &json!({ "type": "message_stop" }));
    }

    fn fail(&mut self, refusal: &Refusal, out: &mut BytesMut) {
        event(out, "error", &error::value(refusal));
    }

    fn whole(
        &mut self,
        mut messages: BTreeMap<u32, Message>,
        usage: Option<&Usage>,
    ) -> Result<String, Failure> {
        let message = messages.remove(&0).unwrap_or_default();
        let refusal = message.refusal.clone();
        let said = Said { calls: !message.tools.is_empty(), refusal };
        let end = stop(message.finish.as_ref(), &said);
        let mut whole = json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content(message),
            "usage": Written::of(usage),
        });
        merge(&mut whole, end);
        Ok(whole.to_string())
    }
}

/// Why it ended, in this dialect's words, with the sequence that ended it, where the upstream says,
/// and what is known of a refusal.
fn stop(finish: Option<&Finish>, said: &Said) -> Value {
    let beside = |name: &str| {
        let (_, json) = finish?.extra.iter().find(|(known, _)| known == name)?;
        serde_json::from_str::<Value>(json).ok().filter(|value| !value.is_null())
    };
    let sequence = beside("stop_sequence");
    let reason = match finish.map_or("stop", |finish| &*finish.reason) {
        // Whatever else ended it: its words would have no place.
        _ if said.refusal.is_some() => "refusal",
        _ if sequence.is_some() => "stop_sequence",
        "stop" if said.calls => "tool_use",
        "stop" => "end_turn",
        "length" => "max_tokens",
        "tool-calls" => "tool_use",
        "content-filter" => "refusal",
        other => other,
    };
    let mut end = json!({ "stop_reason": reason, "stop_sequence": sequence });
    if reason == "refusal" {
        // The categories are those of Anthropic's own policies.
        end["stop_details"] = beside("stop_details").unwrap_or_else(
            || json!({ "type": "refusal", "category": null, "explanation": said.refusal }),
        );
    }
    end
}

fn content(message: Message) -> Vec<Value> {
    let mut content = message.thinking_blocks;
    if content.is_empty() && !message.reasoning.is_empty() {
        let thinking = message.reasoning;
        content.push(json!({ "type": "thinking", "thinking": thinking, "signature": "" }));
    }
    content.extend(message.text.map(|text| json!({ "type": "text", "text": text })));
    content.extend(message.tools.into_values().map(tool_use));
    content
}

fn tool_use(call: ToolCall) -> Value {
    // A model may write arguments that are no JSON; they are shown as they are, not lost.
    let input = match call.arguments.trim() {
        "" => json!({}),
        text => serde_json::from_str(text).unwrap_or_else(|_| json!({ "arguments": text })),
    };
    json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": input })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::events::{Event, TextDelta, ToolCallDelta};
    use crate::wire::answer::Answer;

    fn answer() -> Answer {
        Answer::new(Box::new(Messages {
            id: "msg_1".to_owned(),
            model: "m".to_owned(),
            started: false,
            blocks: 0,
            open: None,
            finish: None,
            said: Said::default(),
        }))
    }

    fn text(text: &str) -> Event {
        Event::Text(TextDelta { index: 0, text: text.to_owned() })
    }

    fn call(index: u32, id: Option<&str>, arguments: &str) -> Event {
        let (id, name) = (id.map(str::to_owned), id.map(|_| "f".to_owned()));
        Event::ToolCall(ToolCallDelta { index, id, name, arguments: arguments.to_owned() })
    }

    fn finished(reason: &str) -> Event {
        Event::Finished(Finish { index: 0, reason: reason.to_owned(), extra: Vec::new() })
    }

    #[test]
    fn a_stream_is_a_row_of_blocks() {
        let reasoning = Event::Reasoning(TextDelta { index: 0, text: "hm".to_owned() });
        let blocks = r#"[{"type":"thinking","thinking":"hm","signature":"sg"},{"type":"redacted_thinking","data":"x"}]"#;
        let signed = Event::Other(("thinking_blocks".to_owned(), blocks.to_owned()));
        let mut out = BytesMut::new();
        let mut answer = answer();
        let events = [
            reasoning,
            signed,
            text("a"),
            text("b"),
            call(0, Some("t0"), "{"),
            call(0, None, "}"),
            call(1, Some("t1"), ""),
            finished("stop"),
        ];
        for event in events {
            answer.event(event, &mut out).unwrap();
        }
        answer.end(&mut out);
        let written = String::from_utf8(out.to_vec()).unwrap();
        let names: Vec<&str> = written.lines().filter_map(|l| l.strip_prefix("event: ")).collect();
        let (start, delta, stop) =
            ("content_block_start", "content_block_delta", "content_block_stop");
        let expected = [
            "message_start",
            start,
            delta,
            delta,
            stop,
            start,
            stop,
            start,
            delta,
            delta,
            stop,
            start,
            delta,
            delta,
            stop,
            start,
            stop,
            "message_delta",
            "message_stop",
        ];
        assert_eq!(names, expected, "{written}");
        assert!(written.contains(r#"{"type":"signature_delta","signature":"sg"}"#), "{written}");
        assert!(written.contains(r#""stop_reason":"tool_use""#), "{written}");
    }

    #[test]
    fn a_call_that_goes_on_after_another_began_is_a_failure() {
        let mut out = BytesMut::new();
        let mut answer = answer();
        answer.event(call(0, Some("t0"), "{"), &mut out).unwrap();
        answer.event(call(1, Some("t1"), "{"), &mut out).unwrap();
        let failure = answer.event(call(0, None, "}"), &mut out).unwrap_err();
        assert!(failure.message().contains("after it had begun another"));
    }

    /// The end of an answer, which is told alike of a whole one and of a stream, whose events have
    /// these names.
    #[track_caller]
    fn check_end(events: fn() -> Vec<Event>, names: &[&str], content: Value, end: Value) {
        let mut whole: Value = serde_json::from_str(&answer().whole(events()).unwrap()).unwrap();
        let told = ["stop_reason", "stop_sequence", "stop_details"];
        let told = told.into_iter().filter_map(|name| Some((name, whole.get(name)?.clone())));
        assert_eq!(told.collect::<Value>(), end);
        assert_eq!(whole["content"].take(), content);

        let (mut out, mut answer) = (BytesMut::new(), answer());
        for event in events() {
            answer.event(event, &mut out).unwrap();
        }
        answer.end(&mut out);
        let written = String::from_utf8(out.to_vec()).unwrap();
        let found: Vec<&str> = written.lines().filter_map(|l| l.strip_prefix("event: ")).collect();
        assert_eq!(found, names, "{written}");
        assert!(written.contains(&format!(r#""delta":{end}"#)), "{written}");
    }

    #[test]
    fn words_of_a_refusal_stand_beside_why_the_answer_stopped() {
        let events = || {
            let refusal =
                |text: &str| Event::Refusal(TextDelta { index: 0, text: text.to_owned() });
            vec![refusal("No, "), refusal("thanks."), finished("stop")]
        };
        let details = json!({ "type": "refusal", "category": null, "explanation": "No, thanks." });
        let end =
            json!({ "stop_reason": "refusal", "stop_sequence": null, "stop_details": details });
        check_end(events, &["message_start", "message_delta", "message_stop"], json!([]), end);
    }

    #[test]
    fn a_filter_is_a_refusal_without_words() {
        let events = || vec![text("It begins"), finished("content-filter")];
        let details = json!({ "type": "refusal", "category": null, "explanation": null });
        let end =
            json!({ "stop_reason": "refusal", "stop_sequence": null, "stop_details": details });
        let names = [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ];
        check_end(events, &names, json!([{ "type": "text", "text": "It begins" }]), end);
    }

    #[test]
    fn what_the_upstream_says_of_a_refusal_is_told() {
        let events = || {
            let said = r#"{"type":"refusal","category":"bio","explanation":"No."}"#;
            let extra = vec![("stop_details".to_owned(), said.to_owned())];
            vec![Event::Finished(Finish { index: 0, reason: "refusal".to_owned(), extra })]
        };
        let details = json!({ "type": "refusal", "category": "bio", "explanation": "No." });
        let end =
            json!({ "stop_reason": "refusal", "stop_sequence": null, "stop_details": details });
        check_end(events, &["message_start", "message_delta", "message_stop"], json!([]), end);
    }

    #[test]
    fn a_whole_answer_has_its_blocks_in_order() {
        let events = vec![text("Hi"), call(0, Some("t0"), r#"{"a":1}"#), finished("tool-calls")];
        let whole: Value = serde_json::from_str(&answer().whole(events).unwrap()).unwrap();
        assert_eq!(whole["content"][0], json!({ "type": "text", "text": "Hi" }));
        assert_eq!(whole["content"][1]["input"], json!({ "a": 1 }));
        assert_eq!(whole["stop_reason"], "tool_use");
    }
}
