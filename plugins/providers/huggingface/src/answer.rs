//! Reads an answer into events: a chat or generated text, streamed or whole, or vectors. What
//! comes says itself which of them it is; read as a value, since servers differ in the shape of
//! the same things.

use crate::{malformed, refusal, vectors};
use portcullis_sdk::Request;
use portcullis_sdk::provider::{
    Ending, Event, Exchange, Failure, Finish, Frame, ReplyHead, TextDelta, ToolCallDelta, Usage,
    header,
};
use serde_json::Value;

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
    /// Why the answer broke off after events that were worth handing over first.
    broken: Option<Failure>,
}

impl Exchange for Answer {
    fn head(&mut self, head: &ReplyHead) -> Result<(), Failure> {
        let counts = ["x-prompt-tokens", "x-compute-tokens"].map(|name| header(head, name));
        self.input_tokens = counts.into_iter().flatten().find_map(|count| count.parse().ok());
        Ok(())
    }

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
    pub(crate) fn to(request: &Request, stops: Vec<String>, texts: Option<usize>) -> Self {
        Self { model: request.model(), stops, texts, ..Self::default() }
    }

    fn frame(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Failure> {
        let text = frame.as_text().ok_or_else(|| malformed("the upstream's answer is not text"))?;
        if let Some(texts) = self.texts {
            let vectors = vectors::read(text, texts)?;
            self.over = true;
            self.start("", None, events);
            events.extend(vectors);
            self.used(None, None, events);
            return Ok(());
        }
        if matches!(text, "" | "[DONE]") {
            return Ok(());
        }
        let reply: Value = serde_json::from_str(text).map_err(|error| {
            // The place, and not what stood there, which may be anything.
            let place = error.column();
            malformed(format!("the upstream sent what is no answer (column {place})"))
        })?;
        // The hub sends generated text in a list of one.
        let reply = reply.get(0).unwrap_or(&reply);
        match reply["choices"].as_array() {
            _ if !reply["error"].is_null() => return Err(refusal::in_a_stream(text)),
            Some(choices) => self.chat(reply, choices, events),
            None => self.generated(reply, events),
        }
        Ok(())
    }

    fn start(&mut self, id: &str, model: Option<&str>, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            let model = model.unwrap_or(&self.model).to_owned();
            events.push(Event::Started((id.to_owned(), model)));
        }
    }

    fn used(&self, input: Option<u64>, output: Option<u64>, events: &mut Vec<Event>) {
        let (input_tokens, output_tokens) = (input.or(self.input_tokens), output);
        if input_tokens.or(output_tokens).is_some() {
            events.push(Event::Usage(Usage { input_tokens, output_tokens, ..Usage::default() }));
        }
    }

    fn chat(&mut self, reply: &Value, choices: &[Value], events: &mut Vec<Event>) {
        self.start(text(&reply["id"]), reply["model"].as_str(), events);
        for choice in choices {
            let index = choice["index"].as_u64().unwrap_or_default() as u32;
            let said = choice.get("delta").unwrap_or(&choice["message"]);
            let thoughts = said["reasoning_content"].as_str().or(said["reasoning"].as_str());
            say(index, thoughts.unwrap_or_default(), Event::Reasoning, events);
            say(index, text(&said["content"]), Event::Text, events);
            // Older versions of TGI send a call by itself, and not in a list.
            let calls = &said["tool_calls"];
            let calls = calls.as_array().map_or(std::slice::from_ref(calls), Vec::as_slice);
            events.extend((0..).zip(calls).filter_map(|(index, it)| call(index, it)));
            if let Some(reason) = choice["finish_reason"].as_str() {
                self.finish(index, reason, events);
            }
        }
        let usage = &reply["usage"];
        self.used(usage["prompt_tokens"].as_u64(), usage["completion_tokens"].as_u64(), events);
    }

    /// A token, or with the last of them and in a whole answer, all of the text.
    fn generated(&mut self, reply: &Value, events: &mut Vec<Event>) {
        self.start("", None, events);
        let (all, details) = (reply["generated_text"].as_str(), &reply["details"]);
        match &reply["token"] {
            Value::Null => self.held += all.unwrap_or_default(),
            token if token["special"] == true => {}
            token => self.held += text(&token["text"]),
        }
        let mut sure = self.held.len();
        if all.is_none() {
            sure -= self.stops.iter().map(String::len).max().unwrap_or_default().min(sure);
        } else if details["finish_reason"] == "stop_sequence" {
            // What it stopped at is part of the text there, and of no answer of OpenAI's.
            let stop = self.stops.iter().find(|stop| self.held.ends_with(stop.as_str()));
            sure -= stop.map_or(0, String::len);
        }
        let rest = self.held.split_off(self.held.floor_char_boundary(sure));
        say(0, &std::mem::replace(&mut self.held, rest), Event::Text, events);
        if all.is_some() {
            self.finish(0, details["finish_reason"].as_str().unwrap_or("stop"), events);
            let (input, output) = (&details["input_length"], &details["generated_tokens"]);
            self.used(input.as_u64(), output.as_u64(), events);
        }
    }

    fn finish(&mut self, index: u32, reason: &str, events: &mut Vec<Event>) {
        self.over = true;
        let reason = match reason {
            "eos_token" | "stop_sequence" => "stop",
            "tool_calls" | "function_call" => "tool-calls",
            "content_filter" => "content-filter",
            other => other,
        };
        let finish = Finish { index, reason: reason.to_owned(), extra: Vec::new() };
        events.push(Event::Finished(finish));
    }
}

/// A piece of a call, or in a whole answer all of it, and then without its number.
fn call(position: u64, call: &Value) -> Option<Event> {
    let function = call.get("function")?;
    let index = call["index"].as_u64().unwrap_or(position) as u32;
    let [id, name] = [&call["id"], &function["name"]]
        .map(|word| Some(text(word).to_owned()).filter(|word| !word.is_empty()));
    let arguments = match &function["arguments"] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        object => object.to_string(),
    };
    Some(Event::ToolCall(ToolCallDelta { index, id, name, arguments }))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn say(index: u32, text: &str, event: fn(TextDelta) -> Event, events: &mut Vec<Event>) {
    if !text.is_empty() {
        events.push(event(TextDelta { index, text: text.to_owned() }));
    }
}
