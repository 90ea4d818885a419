//! Reads an answer into events: a line at a time or whole, or vectors. The three ways of asking
//! and the two forms differ little enough to be read as one.

use crate::{malformed, refusal};
use portcullis_sdk::openai::ErrorBody;
use portcullis_sdk::provider::{
    Ending, Event, Exchange, Failure, Finish, Frame, TextDelta, ToolCallDelta, Usage, error_failure,
};
use serde::Deserialize;
use serde_json::Value;

/// What is known of an answer that is being read.
#[derive(Default)]
pub struct Answer {
    /// The events have begun.
    started: bool,
    /// Ollama has said that it is done.
    over: bool,
    /// How many tools were called so far.
    calls: u32,
    /// What the ids of calls begin with, where Ollama gives them none.
    ids: String,
    /// Why the answer broke off after events that were worth handing over first.
    broken: Option<Failure>,
}

/// One line of a stream, or all of an answer.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Line {
    model: String,
    /// Of `/api/chat`.
    message: Option<Said>,
    /// Of `/api/generate`, as is `thinking`.
    response: Option<String>,
    thinking: Option<String>,
    /// Of `/api/embed`.
    embeddings: Option<Vec<Vec<f32>>>,
    done: bool,
    done_reason: Option<String>,
    prompt_eval_count: Option<u64>,
    eval_count: Option<u64>,
    total_duration: Option<u64>,
    load_duration: Option<u64>,
    prompt_eval_duration: Option<u64>,
    eval_duration: Option<u64>,
    error: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Said {
    content: Option<String>,
    thinking: Option<String>,
    tool_calls: Option<Vec<Value>>,
}

impl Answer {
    /// The answer to a request. The ids of its calls hold a part of the request's, so that those
    /// of one conversation differ; not all of it, since other upstreams take 40 letters at most.
    pub(crate) fn to(request: &str) -> Self {
        let tail = request.get(request.len().saturating_sub(16)..).unwrap_or_default();
        Self { ids: format!("call_{tail}_"), ..Self::default() }
    }
}

impl Exchange for Answer {
    fn frames(&mut self, frames: Vec<Frame>) -> Result<Vec<Event>, Failure> {
        let mut events = Vec::with_capacity(frames.len() + 1);
        if self.broken.is_none() {
            let mut frames = frames.iter();
            self.broken = frames.try_for_each(|frame| self.frame(frame, &mut events)).err();
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
            None if !self.over => Err(malformed("the upstream's answer was cut off")),
            None => Ok(Ending::Done(Vec::new())),
        }
    }
}

impl Answer {
    fn frame(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Failure> {
        let text = frame.as_text().ok_or_else(|| malformed("the upstream's answer is not text"))?;
        let mut line: Line = serde_json::from_str(text).map_err(|error| {
            // The place, and not what stood there, which may be anything.
            let place = error.column();
            malformed(format!("the upstream sent what is no answer of Ollama's (column {place})"))
        })?;
        if let message @ Some(_) = line.error {
            let error = ErrorBody { message, ..ErrorBody::default() };
            return Err(refusal::in_ollamas_words(error_failure(None, error)));
        }
        if !std::mem::replace(&mut self.started, true) {
            events.push(Event::Started((String::new(), std::mem::take(&mut line.model))));
        }
        self.said(&mut line, events);
        let vectors = line.embeddings.take();
        self.over |= line.done || vectors.is_some();
        events.extend((0..).zip(vectors.into_iter().flatten()).map(Event::Embedding));
        events.extend(line.done.then(|| self.finished(&line)));
        let (input_tokens, output_tokens) = (line.prompt_eval_count, line.eval_count);
        if input_tokens.or(output_tokens).is_some() {
            events.push(Event::Usage(Usage { input_tokens, output_tokens, ..Usage::default() }));
        }
        Ok(())
    }

    fn said(&mut self, line: &mut Line, events: &mut Vec<Event>) {
        let (text, thoughts) = (line.response.take(), line.thinking.take());
        let said = line.message.take().unwrap_or_default();
        let piece = |text: String| (!text.is_empty()).then_some(TextDelta { index: 0, text });
        events.extend(said.thinking.or(thoughts).and_then(piece).map(Event::Reasoning));
        events.extend(said.content.or(text).and_then(piece).map(Event::Text));
        for called in said.tool_calls.unwrap_or_default() {
            events.push(Event::ToolCall(self.call(&called)));
        }
    }

    /// A call of a tool, which Ollama sends whole.
    fn call(&mut self, called: &Value) -> ToolCallDelta {
        let index = self.calls;
        self.calls += 1;
        let id = called.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
        let id = id.map_or_else(|| format!("{}{index}", self.ids), str::to_owned);
        let name = called.pointer("/function/name").and_then(Value::as_str).map(str::to_owned);
        let arguments = match called.pointer("/function/arguments") {
            None | Some(Value::Null) => "{}".to_owned(),
            // Some models write the object into a string.
            Some(Value::String(text)) => text.clone(),
            Some(object) => object.to_string(),
        };
        ToolCallDelta { index, id: Some(id), name, arguments }
    }

    /// The end, and how long each part of the answer took, in nanoseconds.
    fn finished(&self, line: &Line) -> Event {
        let reason = match line.done_reason.as_deref() {
            // Ollama stops where OpenAI would say that it calls tools.
            None | Some("stop") if self.calls > 0 => "tool-calls",
            other => other.unwrap_or("stop"),
        };
        let durations = [
            ("total_duration", line.total_duration),
            ("load_duration", line.load_duration),
            ("prompt_eval_duration", line.prompt_eval_duration),
            ("eval_duration", line.eval_duration),
        ];
        let known = |(name, time): (&str, Option<u64>)| Some((name.to_owned(), time?.to_string()));
        let (reason, extra) =
            (reason.to_owned(), durations.into_iter().filter_map(known).collect());
        Event::Finished(Finish { index: 0, reason, extra })
    }
}
