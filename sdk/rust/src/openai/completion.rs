//! Reads a chat's answer into events: a stream, or a whole one as a single large chunk.
//!
//! A whole answer differs from a chunk in the name of one field, `message` for `delta`.

use super::{finish_reason, usage};
use crate::json::View;
use crate::provider::{Event, Failure, ReadFrame, TextDelta, ToolCallDelta, Unread, read_error};

/// A chat's answer that is being read: that of `POST /chat/completions`.
#[derive(Debug)]
pub struct Completion {
    streaming: bool,
    /// The events have begun.
    started: bool,
    /// The upstream has said that there is no more, in one of its ways.
    over: bool,
    /// How many calls of tools have begun, for upstreams that do not number them.
    calls: u32,
}

impl Completion {
    /// One that comes as a stream, or whole.
    pub fn new(streaming: bool) -> Self {
        Self { streaming, started: false, over: false, calls: 0 }
    }
}

impl ReadFrame for Completion {
    fn frame(&mut self, frame: Unread<'_>, events: &mut Vec<Event>) -> Result<(), Failure> {
        if frame.text == "[DONE]" && self.streaming {
            self.over = true;
            return Ok(());
        }
        let chunk = frame.read()?;
        // Groq has the usage of a stream in a place of its own.
        let [error, choices, used, of_groq] = chunk.pick(["error", "choices", "usage", "x_groq"]);
        if !error.is_null() {
            return Err(read_error(chunk));
        }
        let mut choices = choices.items().peekable();
        let some = choices.peek().is_some();
        if !self.streaming {
            if !some {
                return Err(Failure::malformed("the upstream's answer has no choices"));
            }
            self.over = true;
        }
        if !self.started && some {
            self.started = true;
            events.push(Event::started(chunk.get("id"), chunk.get("model")));
        }
        for choice in choices {
            self.choice(choice, events);
        }
        let used = usage(used).or_else(|| usage(of_groq.get("usage")));
        events.extend(used.map(Event::Usage));
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

impl Completion {
    /// What is new in one of the answers that were asked for.
    fn choice(&mut self, choice: View<'_>, events: &mut Vec<Event>) {
        let field = if self.streaming { "delta" } else { "message" };
        let [index, delta, logprobs, reason] =
            choice.pick(["index", field, "logprobs", "finish_reason"]);
        let index = index.as_u32().unwrap_or_default();
        // Thoughts as DeepSeek and vLLM name them, and as Groq and OpenRouter do.
        let [content, refusal, calls, annotations, thoughts, reasoning] = delta.pick([
            "content",
            "refusal",
            "tool_calls",
            "annotations",
            "reasoning_content",
            "reasoning",
        ]);
        events.extend(Event::piece(Event::Reasoning, index, thoughts.or(reasoning)));
        say(Event::Text, index, content, events);
        events.extend(Event::piece(Event::Refusal, index, refusal));
        for call in calls.items() {
            events.push(Event::ToolCall(self.call(call)));
        }
        for (name, value) in [("annotations", annotations), ("logprobs", logprobs)] {
            events.extend(Event::beside(name, index, value.to_json().something()));
        }
        if let Some(reason) = reason.some_text() {
            self.over = true;
            events.push(Event::ended(index, finish_reason(&reason), []));
        }
    }

    fn call(&mut self, call: View<'_>) -> ToolCallDelta {
        let (id, function) = (call.get("id").some_text(), call.get("function"));
        // Upstreams that leave the number out send each call whole, or at least its id first.
        let index = call.get("index").as_u32().unwrap_or(match id {
            Some(_) => self.calls,
            None => self.calls.saturating_sub(1),
        });
        self.calls = self.calls.max(index.saturating_add(1));
        let arguments = function.get("arguments").text().into_owned();
        ToolCallDelta { index, id, name: function.get("name").some_text(), arguments }
    }
}

/// Words: a text at most vendors, at Mistral's reasoning models a list of parts, of which the
/// `thinking` is kept apart.
fn say(kind: fn(TextDelta) -> Event, index: u32, words: View<'_>, events: &mut Vec<Event>) {
    if words.is_object() {
        say(Event::Reasoning, index, words.get("thinking"), events);
        say(kind, index, words.get("text"), events);
    }
    words.items().for_each(|part| say(kind, index, part, events));
    events.extend(Event::piece(kind, index, words));
}

#[cfg(test)]
mod tests {
    use super::Completion;
    use crate::json::Tape;
    use crate::provider::{Event, Failure, ReadFrame, TextDelta, ToolCallDelta, Unread};

    fn read(streaming: bool, frames: &[&str]) -> Result<Vec<Event>, Failure> {
        let (mut reader, mut events) = (Completion::new(streaming), Vec::new());
        let mut tape = Tape::default();
        frames
            .iter()
            .try_for_each(|frame| reader.frame(Unread::of(frame, &mut tape), &mut events))?;
        if reader.is_over() { Ok(events) } else { Err(Failure::cut_off()) }
    }

    #[test]
    fn a_stream_and_a_whole_answer_say_the_same() {
        let end = r#"{"choices":[{"delta":{},"finish_reason":"content_filter"}]}"#;
        let piece = r#"{"id":"a","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}"#;
        let whole = r#"{"id":"a","model":"m","choices":[
            {"message":{"content":"Hi"},"finish_reason":"content_filter"}]}"#;
        let expected = vec![
            Event::Started(("a".to_owned(), "m".to_owned())),
            Event::text("Hi"),
            Event::finished("content-filter"),
        ];
        assert_eq!(read(true, &[piece, end, "[DONE]"]), Ok(expected.clone()));
        assert_eq!(read(true, &[piece, end]), Ok(expected.clone()));
        assert_eq!(read(false, &[whole]), Ok(expected));
        assert_eq!(read(true, &[piece]), Err(Failure::cut_off()));
        read(false, &[r#"{"choices":[]}"#]).unwrap_err();
    }

    #[test]
    fn parts_of_a_content_are_told_apart() {
        let parts = r#"[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},
            {"type":"text","text":"yes"},{"type":"image","url":"u"}]"#;
        let chunk = format!(r#"{{"choices":[{{"delta":{{"content":{parts}}}}}]}}"#);
        let events = read(true, &[&chunk, "[DONE]"]).unwrap();
        let thought = Event::Reasoning(TextDelta { index: 0, text: "hm".to_owned() });
        assert_eq!(events[1..], [thought, Event::text("yes")]);
    }

    #[test]
    fn calls_that_nobody_numbered_are() {
        let call = |id: &str| {
            let call = format!(r#"{{"id":"{id}","function":{{"name":"f","arguments":"{{}}"}}}}"#);
            format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{call}]}}}}]}}"#)
        };
        let events = read(true, &[&call("a"), &call("b"), "[DONE]"]).unwrap();
        let index = |event: &Event| match event {
            Event::ToolCall(ToolCallDelta { index, .. }) => Some(*index),
            _ => None,
        };
        assert_eq!(events.iter().filter_map(index).collect::<Vec<_>>(), [0, 1]);
    }
}
