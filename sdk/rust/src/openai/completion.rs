//! Reads a chat's answer into events: a stream, or a whole one as a single large chunk.

use super::{Chunk, Delta, Piece, ToolDelta, finish_reason};
use crate::Json;
use crate::provider::{Event, Failure, ReadFrame, TextDelta, ToolCallDelta, error_failure};
use serde_json::value::RawValue;

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
    fn frame(&mut self, text: &str, events: &mut Vec<Event>) -> Result<(), Failure> {
        if text == "[DONE]" && self.streaming {
            self.over = true;
            return Ok(());
        }
        self.chunk(read(text)?, events)
    }

    fn end(&mut self) -> Result<Vec<Event>, Failure> {
        if self.over { Ok(Vec::new()) } else { Err(Failure::cut_off()) }
    }
}

impl Completion {
    fn chunk(&mut self, chunk: Chunk<'_>, events: &mut Vec<Event>) -> Result<(), Failure> {
        if let Some(error) = chunk.error {
            return Err(error_failure(None, error));
        }
        let pieces = chunk.choices.unwrap_or_default();
        if !self.streaming {
            if pieces.is_empty() {
                return Err(Failure::malformed("the upstream's answer has no choices"));
            }
            self.over = true;
        }
        if !self.started && !pieces.is_empty() {
            self.started = true;
            let [id, model] = [chunk.id, chunk.model]
                .map(|name| name.map(|name| name.0.into_owned()).unwrap_or_default());
            events.push(Event::Started((id, model)));
        }
        for piece in pieces {
            self.piece(piece, events);
        }
        let usage = chunk.usage.or_else(|| chunk.x_groq?.usage);
        events.extend(usage.map(|usage| Event::Usage(usage.into())));
        Ok(())
    }

    fn piece(&mut self, piece: Piece<'_>, events: &mut Vec<Event>) {
        let index = piece.index;
        if let Some(delta) = piece.delta {
            self.delta(index, delta, events);
        }
        events.extend(beside("logprobs", index, piece.logprobs));
        if let Some(reason) = piece.finish_reason {
            self.over = true;
            events.push(Event::ended(index, finish_reason(&reason.0), []));
        }
    }

    fn delta(&mut self, index: u32, delta: Delta<'_>, events: &mut Vec<Event>) {
        let words = delta.content.unwrap_or_default();
        let reasoning = delta.reasoning_content.or(delta.reasoning).unwrap_or_default();
        for (kind, text) in [
            (Event::Reasoning as fn(TextDelta) -> Event, reasoning),
            (Event::Reasoning, words.thinking),
            (Event::Text, words.text),
            (Event::Refusal, delta.refusal.unwrap_or_default()),
        ] {
            // Of these many are empty.
            events.extend((!text.is_empty()).then(|| kind(TextDelta { index, text })));
        }
        for call in delta.tool_calls.unwrap_or_default() {
            events.push(Event::ToolCall(self.call(call)));
        }
        events.extend(beside("annotations", index, delta.annotations));
    }

    fn call(&mut self, call: ToolDelta<'_>) -> ToolCallDelta {
        let id = call.id.filter(|id| !id.0.is_empty()).map(|id| id.0.into_owned());
        // Upstreams that leave the number out send each call whole, or at least its id first.
        let index = call.index.unwrap_or(match id {
            Some(_) => self.calls,
            None => self.calls.saturating_sub(1),
        });
        self.calls = self.calls.max(index.saturating_add(1));
        let function = call.function.unwrap_or_default();
        let name = function.name.filter(|name| !name.0.is_empty());
        ToolCallDelta {
            index,
            id,
            name: name.map(|name| name.0.into_owned()),
            arguments: function.arguments.unwrap_or_default(),
        }
    }
}

/// What stands beside an answer's text, as it came; an empty list says nothing.
fn beside(name: &str, index: u32, value: Option<&RawValue>) -> Option<Event> {
    let value = value.map(RawValue::get).filter(|value| *value != "[]")?;
    Event::beside(name, index, &Json::raw(value))
}

/// One chunk. The error names the place and not what stood there, which may be anything.
fn read(text: &str) -> Result<Chunk<'_>, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let place = error.column();
        let what = "the upstream sent what is not a chat completion";
        Failure::malformed(format!("{what} (column {place})"))
    })
}

#[cfg(test)]
mod tests {
    use super::Completion;
    use crate::provider::{Event, Failure, ReadFrame, ToolCallDelta};

    fn read(streaming: bool, frames: &[&str]) -> Result<Vec<Event>, Failure> {
        let (mut reader, mut events) = (Completion::new(streaming), Vec::new());
        frames.iter().try_for_each(|frame| reader.frame(frame, &mut events))?;
        reader.end()?;
        Ok(events)
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
