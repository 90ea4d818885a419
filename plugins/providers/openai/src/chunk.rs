//! Reads a chat's answer into events: a stream, or a whole one as a single large chunk.

use crate::answer::{Reader, push_text};
use crate::malformed;
use portcullis_sdk::openai::{Chunk, Delta, Piece, ToolDelta};
use portcullis_sdk::provider::{Event, Failure, Finish, ToolCallDelta, error_failure};
use serde_json::value::RawValue;

/// What is known of an answer that is being read.
pub(crate) struct Chunks {
    streaming: bool,
    /// The events have begun.
    started: bool,
    /// The upstream has said that there is no more, in one of its ways.
    over: bool,
    /// How many calls of tools have begun, for upstreams that do not number them.
    calls: u32,
}

impl Chunks {
    pub(crate) fn new(streaming: bool) -> Self {
        Self { streaming, started: false, over: false, calls: 0 }
    }
}

impl Reader for Chunks {
    fn frame(&mut self, text: &str, events: &mut Vec<Event>) -> Result<(), Failure> {
        match text {
            "[DONE]" if self.streaming => self.over = true,
            "" if self.streaming => {}
            text => self.chunk(read(text)?, events)?,
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

impl Chunks {
    fn chunk(&mut self, chunk: Chunk<'_>, events: &mut Vec<Event>) -> Result<(), Failure> {
        if let Some(error) = chunk.error {
            return Err(error_failure(None, error));
        }
        let pieces = chunk.choices.unwrap_or_default();
        if !self.streaming {
            if pieces.is_empty() {
                return Err(malformed("the upstream's answer has no choices"));
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
            let reason = match &*reason.0 {
                "tool_calls" | "function_call" => "tool-calls",
                "content_filter" => "content-filter",
                other => other,
            };
            events.push(Event::Finished(Finish {
                index,
                reason: reason.to_owned(),
                extra: Vec::new(),
            }));
        }
    }

    fn delta(&mut self, index: u32, delta: Delta<'_>, events: &mut Vec<Event>) {
        let words = delta.content.unwrap_or_default();
        let reasoning = delta.reasoning_content.or(delta.reasoning).unwrap_or_default();
        push_text(
            events,
            index,
            [
                (Event::Reasoning as fn(_) -> _, reasoning),
                (Event::Reasoning, words.thinking),
                (Event::Text, words.text),
                (Event::Refusal, delta.refusal.unwrap_or_default()),
            ],
        );
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
    let json = format!(r#"{{"index":{index},"{name}":{value}}}"#);
    Some(Event::Other((name.to_owned(), json)))
}

/// One chunk. The error names the place and not what stood there, which may be anything.
fn read(text: &str) -> Result<Chunk<'_>, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let place = error.column();
        malformed(format!("the upstream sent what is not a chat completion (column {place})"))
    })
}
