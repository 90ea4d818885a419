//! Reads answers of this dialect into events, for a client of another.
//!
//! An upstream whose answers could be passed on has no sandbox by the time they come. So it is
//! here that they are read, and not in its plugin.
//!
//! <https://platform.openai.com/docs/api-reference/chat>

use super::error;
use super::usage::Usage;
use crate::contract::FailureKind;
use crate::contract::events::{Event, Finish, TextDelta, ToolCallDelta};
use crate::contract::providers::Frame;
use crate::failure::Failure;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Reads one answer.
#[derive(Debug, Default)]
pub struct Reader {
    started: bool,
    over: bool,
    /// How many calls of tools have begun, for upstreams that do not number them.
    calls: u32,
}

/// A whole answer, or a chunk of a stream.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow, alias = "message")]
    delta: Option<Delta<'a>>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(alias = "reasoning")]
    reasoning_content: Option<String>,
    refusal: Option<String>,
    #[serde(borrow)]
    tool_calls: Option<Vec<Call<'a>>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    index: Option<u32>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    arguments: Option<String>,
}

impl Reader {
    /// The events of these frames.
    ///
    /// # Errors
    ///
    /// If the upstream failed, or its answer is none.
    pub fn frames(&mut self, frames: &[Frame]) -> Result<Vec<Event>, Failure> {
        let mut events = Vec::with_capacity(frames.len());
        for frame in frames {
            match frame {
                Frame::Sse((_, text)) | Frame::Text(text) => self.read(text, &mut events)?,
                Frame::Bytes(_) => return Err(malformed("it is not text")),
            }
        }
        Ok(events)
    }

    /// The reply is at its end.
    ///
    /// # Errors
    ///
    /// If the answer was not.
    pub fn end(&self) -> Result<(), Failure> {
        if self.over { Ok(()) } else { Err(malformed("it was cut off")) }
    }

    fn read(&mut self, text: &str, events: &mut Vec<Event>) -> Result<(), Failure> {
        if text == "[DONE]" || text.is_empty() {
            return Ok(());
        }
        let chunk: Chunk<'_> = serde_json::from_str(text).map_err(|error| {
            malformed(&format!("no chat completion (column {})", error.column()))
        })?;
        if let Some(error) = chunk.error.filter(|error| error.get() != "null") {
            return Err(error::failure(error));
        }
        let choices = chunk.choices.unwrap_or_default();
        if !self.started && !choices.is_empty() {
            self.started = true;
            let [id, model] = [chunk.id, chunk.model].map(Option::unwrap_or_default);
            events.push(Event::Started((id.into_owned(), model.into_owned())));
        }
        for choice in choices {
            if let Some(delta) = choice.delta {
                self.delta(choice.index, delta, events);
            }
            if let Some(reason) = choice.finish_reason {
                self.over = true;
                let (index, reason) = (choice.index, contract_word(reason));
                events.push(Event::Finished(Finish { index, reason, extra: Vec::new() }));
            }
        }
        events.extend(chunk.usage.and_then(|usage| Usage::read(usage.get())).map(Event::Usage));
        Ok(())
    }

    fn delta(&mut self, index: u32, delta: Delta<'_>, events: &mut Vec<Event>) {
        let text = delta.content.map(|content| text(content.get())).unwrap_or_default();
        for (text, event) in [
            (delta.reasoning_content.unwrap_or_default(), Event::Reasoning as fn(_) -> _),
            (text, Event::Text),
            (delta.refusal.unwrap_or_default(), Event::Refusal),
        ] {
            if !text.is_empty() {
                events.push(event(TextDelta { index, text }));
            }
        }
        for call in delta.tool_calls.into_iter().flatten() {
            events.push(Event::ToolCall(self.call(call)));
        }
    }

    fn call(&mut self, call: Call<'_>) -> ToolCallDelta {
        let id = call.id.filter(|id| !id.is_empty()).map(Cow::into_owned);
        // Upstreams that leave the number out send each call whole, or at least its id first.
        let index = call.index.unwrap_or(match id {
            Some(_) => self.calls,
            None => self.calls.saturating_sub(1),
        });
        self.calls = self.calls.max(index.saturating_add(1));
        let (name, arguments) =
            call.function.map_or((None, None), |called| (called.name, called.arguments));
        let name = name.filter(|name| !name.is_empty()).map(Cow::into_owned);
        ToolCallDelta { index, id, name, arguments: arguments.unwrap_or_default() }
    }
}

/// The text of a content: a string, or parts.
fn text(content: &str) -> String {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Content {
        Text(String),
        Parts(Vec<Part>),
        None,
    }
    #[derive(Deserialize)]
    struct Part {
        #[serde(default)]
        text: String,
    }
    match serde_json::from_str(content).unwrap_or(Content::None) {
        Content::Text(text) => text,
        Content::Parts(parts) => parts.into_iter().map(|part| part.text).collect(),
        Content::None => String::new(),
    }
}

fn contract_word(reason: String) -> String {
    match reason.as_str() {
        "tool_calls" | "function_call" => "tool-calls".to_owned(),
        "content_filter" => "content-filter".to_owned(),
        _ => reason,
    }
}

fn malformed(what: &str) -> Failure {
    Failure::reported(FailureKind::Malformed, format!("The upstream's answer: {what}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Frame {
        Frame::Sse((None, text.to_owned()))
    }

    #[test]
    fn a_stream_becomes_events() {
        let mut reader = Reader::default();
        let events = reader
            .frames(&[
                frame(r#"{"id":"c1","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#),
                frame(r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}"#),
                frame(r#"{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]}}]}"#),
                frame(r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#),
                frame(r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#),
                frame("[DONE]"),
            ])
            .unwrap();
        let kinds: Vec<String> = events.iter().map(|event| format!("{event:?}")).collect();
        assert!(kinds[0].starts_with("Event::Started(") && kinds[0].contains("c1"), "{kinds:?}");
        assert!(kinds[1].contains("Hi") && kinds[2].contains("\"f\""), "{kinds:?}");
        assert!(kinds[3].contains("tool-calls") && kinds[4].contains("Usage"), "{kinds:?}");
        assert_eq!((kinds.len(), reader.end().is_ok()), (5, true));
    }

    #[test]
    fn an_answer_that_is_none_is_a_failure() {
        let read = |text: &str| Reader::default().frames(&[frame(text)]).unwrap_err().message();
        assert!(read(r#"{"error":{"message":"no room"}}"#).contains("no room"));
        assert!(read("<html>").contains("no chat completion"));
        assert!(Reader::default().end().is_err());
    }
}
