//! Reads an answer into events: a line at a time or whole, or vectors. The three ways of asking
//! and the two forms differ little enough to be read as one.

use crate::refusal;
use portcullis_sdk::prelude::*;

/// What is known of an answer that is being read.
#[derive(Default)]
pub struct Answer {
    /// The events have begun.
    started: bool,
    /// Ollama has said that it is done.
    over: bool,
    calls: Calls,
    /// What makes the ids of calls differ from those of other answers, where Ollama gives none.
    unique: String,
}

impl Answer {
    /// The answer to a request. The ids of its calls hold a part of the request's, so that those
    /// of one conversation differ; not all of it, since other upstreams take 40 letters at most.
    pub(crate) fn to(request: &str) -> Self {
        let tail = request.get(request.len().saturating_sub(16)..).unwrap_or_default();
        Self { unique: tail.to_owned(), ..Self::default() }
    }

    /// The end, and how long each part of the answer took, in nanoseconds.
    fn finished(&self, line: View<'_>) -> Event {
        let reason = match &*line.get("done_reason").text() {
            // Ollama stops where OpenAI would say that it calls tools.
            "" | "stop" if self.calls.begun() > 0 => "tool-calls".to_owned(),
            "" => "stop".to_owned(),
            other => other.to_owned(),
        };
        const DURATIONS: [&str; 4] =
            ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration"];
        Event::ended(0, &reason, DURATIONS.map(|name| (name, line.get(name).into())))
    }
}

impl ReadFrame for Answer {
    fn frame(&mut self, frame: Unread<'_>, events: &mut Vec<Event>) -> Result<(), Failure> {
        let line = frame.read()?;
        if !line.get("error").is_null() {
            return Err(refusal::in_ollamas_words(read_error(line)));
        }
        if !std::mem::replace(&mut self.started, true) {
            events.push(Event::started(View::default(), line.get("model")));
        }
        // Of `/api/chat`, or of `/api/generate`.
        let said = line.get("message");
        let thoughts = said.get("thinking").or(line.get("thinking"));
        let text = said.get("content").or(line.get("response"));
        events.extend(Event::piece(Event::Reasoning, 0, thoughts));
        events.extend(Event::piece(Event::Text, 0, text));
        for call in said.get("tool_calls").items() {
            let function = call.get("function");
            let (name, arguments) = (function.get("name"), function.get("arguments"));
            events.push(self.calls.whole(call.get("id"), &self.unique, name, arguments));
        }
        events.extend(Event::embeddings(line.get("embeddings").items())?);
        let done = line.get("done") == true;
        self.over |= done || !line.get("embeddings").is_null();
        events.extend(done.then(|| self.finished(line)));
        let counts = ["prompt_eval_count", "eval_count"].map(|name| line.get(name).as_u64());
        events.extend(Event::counted(counts));
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.over
    }
}
