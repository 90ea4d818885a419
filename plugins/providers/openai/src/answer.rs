//! Reads an answer into events: a stream, a whole answer, or vectors.

use crate::vectors;
use portcullis_sdk::openai::{Chunk, Delta, Piece, ToolDelta};
use portcullis_sdk::provider::{
    Ending, Event, Exchange, Failure, FailureKind, Finish, Frame, TextDelta, ToolCallDelta,
    error_failure,
};

/// What is known of an answer that is being read.
pub struct Answer {
    form: Form,
    /// The events have begun.
    started: bool,
    /// The upstream has said that there is no more, in one of its ways.
    over: bool,
    /// How many calls of tools have begun, for upstreams that do not number them.
    calls: u32,
    /// Why the answer broke off after events that were worth handing over first.
    broken: Option<Failure>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Stream,
    Whole,
    Vectors,
}

impl Answer {
    pub(crate) fn stream() -> Self {
        Self::of(Form::Stream)
    }

    pub(crate) fn whole() -> Self {
        Self::of(Form::Whole)
    }

    pub(crate) fn vectors() -> Self {
        Self::of(Form::Vectors)
    }

    fn of(form: Form) -> Self {
        Self { form, started: false, over: false, calls: 0, broken: None }
    }
}

impl Exchange for Answer {
    fn frames(&mut self, frames: Vec<Frame>) -> Result<Vec<Event>, Failure> {
        let mut events = Vec::with_capacity(frames.len() + 1);
        for frame in &frames {
            if self.broken.is_none() {
                self.broken = self.frame(frame, &mut events).err();
            }
        }
        // What came before the failure is handed over before it: how the network happened to
        // cut the stream must not decide what the sender gets to see.
        match self.broken.take_if(|_| events.is_empty()) {
            Some(failure) => Err(failure),
            None => Ok(events),
        }
    }

    fn end(&mut self) -> Result<Ending, Failure> {
        match self.broken.take() {
            Some(failure) => Err(failure),
            None if !self.over => Err(malformed("the upstream's answer was cut off".to_owned())),
            None => Ok(Ending::Done(Vec::new())),
        }
    }
}

impl Answer {
    fn frame(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Failure> {
        let text = frame
            .as_text()
            .ok_or_else(|| malformed("the upstream's answer is not text".to_owned()))?;
        match self.form {
            Form::Stream if text == "[DONE]" => self.over = true,
            Form::Stream if text.is_empty() => {}
            Form::Stream | Form::Whole => self.chunk(read(text)?, events)?,
            Form::Vectors => {
                vectors::read(text, events)?;
                self.over = true;
            }
        }
        Ok(())
    }

    fn chunk(&mut self, chunk: Chunk<'_>, events: &mut Vec<Event>) -> Result<(), Failure> {
        if let Some(error) = chunk.error {
            return Err(error_failure(None, error));
        }
        let pieces = chunk.choices.unwrap_or_default();
        if self.form == Form::Whole {
            if pieces.is_empty() {
                return Err(malformed("the upstream's answer has no choices".to_owned()));
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
        for (text, event) in [
            (reasoning, Event::Reasoning as fn(TextDelta) -> Event),
            (words.thinking, Event::Reasoning),
            (words.text, Event::Text),
            (delta.refusal.unwrap_or_default(), Event::Refusal),
        ] {
            if !text.is_empty() {
                events.push(event(TextDelta { index, text }));
            }
        }
        for call in delta.tool_calls.unwrap_or_default() {
            events.push(Event::ToolCall(self.call(call)));
        }
    }

    fn call(&mut self, call: ToolDelta<'_>) -> ToolCallDelta {
        let id = call.id.filter(|id| !id.0.is_empty()).map(|id| id.0.into_owned());
        // Upstreams that leave the number out send each call whole, or at least its id first.
        let index = call.index.unwrap_or(match id {
            Some(_) => self.calls,
            None => self.calls.saturating_sub(1),
        });
        self.calls = self.calls.max(index + 1);
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

/// One chunk. The error names the place and not what stood there, which may be anything.
fn read(text: &str) -> Result<Chunk<'_>, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let place = error.column();
        malformed(format!("the upstream sent what is not a chat completion (column {place})"))
    })
}

pub(crate) fn malformed(message: String) -> Failure {
    Failure::new(FailureKind::Malformed, message)
}
