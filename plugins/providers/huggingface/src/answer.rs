//! Reads an answer into events: a chat or generated text, streamed or whole, or vectors. What
//! comes says itself which of them it is; read as a value, since servers differ in the shape of
//! the same things.

use crate::{refusal, vectors};
use portcullis_sdk::prelude::*;
use portcullis_sdk::provider::ToolCallDelta;

/// What is known of an answer that is being read.
#[derive(Default)]
pub struct Answer {
    /// The model's name, where the answer does not say it.
    model: String,
    /// Where generated text has to stop.
    stops: Vec<String>,
    /// How many vectors it has to hold, where it is vectors.
    texts: Option<usize>,
    /// Text that may be where it has to stop, and is held back until that is known.
    held: String,
    /// The events have begun.
    started: bool,
    /// The upstream has said why there is no more, or sent its vectors.
    over: bool,
    /// The tokens of the prompt, where a header says them.
    input_tokens: Option<u64>,
}

impl ReadFrame for Answer {
    fn head(&mut self, head: &ReplyHead) {
        let counts = ["x-prompt-tokens", "x-compute-tokens"].map(|name| header(head, name));
        self.input_tokens = counts.into_iter().flatten().find_map(|count| count.parse().ok());
    }

    fn frame(&mut self, frame: Unread<'_>, events: &mut Vec<Event>) -> Result<(), Failure> {
        if frame.text == "[DONE]" {
            return Ok(());
        }
        let reply = frame.read()?;
        if let Some(texts) = self.texts {
            let vectors = vectors::read(reply, texts)?;
            self.over = true;
            self.start(View::default(), View::default(), events);
            events.extend(vectors);
            events.extend(Event::counted([self.input_tokens, None]));
            return Ok(());
        }
        // The hub sends generated text in a list of one.
        let reply = reply.items().next().unwrap_or(reply);
        let [error, choices, used] = reply.pick(["error", "choices", "usage"]);
        if !error.is_null() {
            return Err(refusal::finer(read_error(reply), reply));
        }
        if choices.is_list() {
            self.chat(reply, choices, used, events);
        } else {
            self.generated(reply, events);
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

impl Answer {
    pub(crate) fn to(request: &Request, stops: Vec<String>, texts: Option<usize>) -> Self {
        Self { model: request.model(), stops, texts, ..Self::default() }
    }

    fn start(&mut self, id: View<'_>, model: View<'_>, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            let model = model.some_text().unwrap_or_else(|| self.model.clone());
            events.push(Event::Started((id.text().into_owned(), model)));
        }
    }

    fn chat(
        &mut self,
        reply: View<'_>,
        choices: View<'_>,
        used: View<'_>,
        events: &mut Vec<Event>,
    ) {
        if !self.started {
            self.start(reply.get("id"), reply.get("model"), events);
        }
        for choice in choices.items() {
            let [index, delta, message, reason] =
                choice.pick(["index", "delta", "message", "finish_reason"]);
            let index = index.as_u32().unwrap_or_default();
            let [content, calls, thoughts, reasoning] =
                delta.or(message).pick(["content", "tool_calls", "reasoning_content", "reasoning"]);
            events.extend(Event::piece(Event::Reasoning, index, thoughts.or(reasoning)));
            events.extend(Event::piece(Event::Text, index, content));
            // Older versions of TGI send a call by itself, and not in a list.
            let alone = Some(calls).filter(|calls| calls.is_object());
            let calls = (0..).zip(calls.items().chain(alone));
            events.extend(calls.map(|(position, it)| call(position, it)));
            if let Some(reason) = reason.some_text() {
                self.finish(index, &reason, events);
            }
        }
        let [input, output] = used.pick(["prompt_tokens", "completion_tokens"]).map(View::as_u64);
        events.extend(Event::counted([input.or(self.input_tokens), output]));
    }

    /// A token, or with the last of them and in a whole answer, all of the text.
    fn generated(&mut self, reply: View<'_>, events: &mut Vec<Event>) {
        self.start(View::default(), View::default(), events);
        let (all, details) = (reply.get("generated_text"), reply.get("details"));
        match reply.get("token") {
            nothing if nothing.is_null() => self.held += &all.text(),
            token if token.get("special") == true => {}
            token => self.held += &token.get("text").text(),
        }
        let mut sure = self.held.len();
        if !all.is_text() {
            sure -= self.stops.iter().map(String::len).max().unwrap_or_default().min(sure);
        } else if details.get("finish_reason") == "stop_sequence" {
            // What it stopped at is part of the text there, and of no answer of OpenAI's.
            let stop = self.stops.iter().find(|stop| self.held.ends_with(stop.as_str()));
            sure -= stop.map_or(0, String::len);
        }
        let rest = self.held.split_off(self.held.floor_char_boundary(sure));
        let words = std::mem::replace(&mut self.held, rest);
        events.extend((!words.is_empty()).then(|| Event::text(words)));
        if all.is_text() {
            let reason = details.get("finish_reason").some_text();
            self.finish(0, reason.as_deref().unwrap_or("stop"), events);
            let input = details.get("input_length").as_u64().or(self.input_tokens);
            events.extend(Event::counted([input, details.get("generated_tokens").as_u64()]));
        }
    }

    fn finish(&mut self, index: u32, reason: &str, events: &mut Vec<Event>) {
        self.over = true;
        let reason = match reason {
            "eos_token" | "stop_sequence" => "stop",
            other => finish_reason(other),
        };
        events.push(Event::ended(index, reason, []));
    }
}

/// A piece of a call, or in a whole answer all of it, and then without its number.
fn call(position: u32, call: View<'_>) -> Event {
    let function = call.get("function");
    let arguments = match function.get("arguments") {
        nothing if nothing.is_null() => String::new(),
        text if text.is_text() => text.text().into_owned(),
        object => object.to_json().to_string(),
    };
    Event::ToolCall(ToolCallDelta {
        index: call.get("index").as_u32().unwrap_or(position),
        id: call.get("id").some_text(),
        name: function.get("name").some_text(),
        arguments,
    })
}
