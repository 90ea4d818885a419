//! Reads an answer into events: a stream, or a whole message as if each of its blocks had come
//! in one piece.

use crate::failure::{judged, malformed};
use crate::written;
use portcullis_sdk::openai::ErrorBody;
use portcullis_sdk::provider::{
    Ending, Event, Exchange, Failure, Finish, Frame, TextDelta, ToolCallDelta, Usage, error_failure,
};
use serde_json::{Map, Value, json};

/// What is known of an answer that is being read.
#[derive(Default)]
pub struct Answer {
    /// The upstream has said why it stopped.
    over: bool,
    /// How many calls of tools have begun.
    calls: u32,
    /// The block that is on, with what has come of it.
    open: Value,
    /// What a thought would stand behind now: the latest call, or text.
    behind: Option<String>,
    /// Counts so far, by the vendor's names.
    counts: Map<String, Value>,
    /// Why the answer broke off after events that were worth handing over first.
    broken: Option<Failure>,
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
            None if !self.over => Err(malformed("the upstream's answer is not whole")),
            None => Ok(Ending::Done(Vec::new())),
        }
    }
}

impl Answer {
    fn frame(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Failure> {
        // The error names the place and not what stood there, which may be anything.
        let text = frame.as_text().unwrap_or_default();
        let said: Value = serde_json::from_str(text).map_err(|error| {
            let place = error.column();
            malformed(format!("the upstream sent what is not a message (column {place})"))
        })?;
        match said["type"].as_str().unwrap_or_default() {
            "message" => self.message(&said, events),
            "message_start" => self.message(&said["message"], events),
            "content_block_start" => self.begin(&said["content_block"], events),
            "content_block_delta" => self.delta(&said["delta"], events),
            "content_block_stop" => self.close(events),
            "message_delta" => {
                self.stop(&said["delta"], events);
                self.used(&said["usage"], events);
            }
            "error" => {
                let error = ErrorBody::read(text.as_bytes()).unwrap_or_default();
                return Err(judged(error_failure(None, error)));
            }
            // Pings, the end of what has ended, and whatever there will be.
            _ => {}
        }
        Ok(())
    }

    /// A message: all of it, or the beginning of a stream, which has no content yet.
    fn message(&mut self, message: &Value, events: &mut Vec<Event>) {
        let [id, model] = ["id", "model"].map(|name| owned(&message[name]).unwrap_or_default());
        events.push(Event::Started((id, model)));
        for block in message["content"].as_array().into_iter().flatten() {
            self.begin(block, events);
            self.close(events);
        }
        self.stop(message, events);
        self.used(&message["usage"], events);
    }

    fn begin(&mut self, block: &Value, events: &mut Vec<Event>) {
        self.open = Value::Null;
        match block["type"].as_str().unwrap_or_default() {
            "text" => drop(self.behind.get_or_insert("text".to_owned())),
            "thinking" => {
                self.open = json!({ "type": "thinking", "thinking": "", "signature": "" });
            }
            "redacted_thinking" => self.open = block.clone(),
            "tool_use" => {
                self.open = json!({ "input": block["input"] });
                self.behind = owned(&block["id"]);
                self.calls += 1;
                events.push(self.call(self.behind.clone(), owned(&block["name"]), String::new()));
            }
            // Blocks of tools that the vendor runs itself; none was asked for.
            _ => return,
        }
        self.delta(block, events);
    }

    fn delta(&mut self, delta: &Value, events: &mut Vec<Event>) {
        let new = |name: &str| owned(&delta[name]).filter(|text| !text.is_empty());
        events.extend(new("text").map(Event::text));
        if let Some(json) = new("partial_json") {
            self.open = Value::Null;
            events.push(self.call(None, None, json));
        }
        for name in ["thinking", "signature"] {
            if let (Some(text), Some(Value::String(all))) = (new(name), self.open.get_mut(name)) {
                all.push_str(&text);
            }
        }
        let thought = |text| Event::Reasoning(TextDelta { index: 0, text });
        events.extend(new("thinking").map(thought));
    }

    /// The end of a block: of a call that came without arguments in pieces, or of a thought.
    fn close(&mut self, events: &mut Vec<Event>) {
        match self.open.take() {
            Value::Object(mut call) if call.contains_key("input") => {
                let input = call.remove("input").filter(Value::is_object);
                let input = input.map_or("{}".to_owned(), |input| written(&input));
                events.push(self.call(None, None, input));
            }
            Value::Object(thought) => events.push(self.thought(thought)),
            _ => {}
        }
    }

    /// A piece of the latest call.
    fn call(&self, id: Option<String>, name: Option<String>, arguments: String) -> Event {
        let index = self.calls.saturating_sub(1);
        Event::ToolCall(ToolCallDelta { index, id, name, arguments })
    }

    /// What the model thought, with the signature by which its maker knows it again.
    ///
    /// A model that is told a tool's result goes on thinking, so what it thought before has to
    /// come back unchanged. It goes where LiteLLM's clients look for it, and from where they
    /// send it back: <https://docs.litellm.ai/docs/reasoning_content>. `after` is ours: the
    /// dialect keeps text, calls and thoughts apart, and the vendor wants them in their order.
    fn thought(&self, mut thought: Map<String, Value>) -> Event {
        let place = self.behind.clone().map(|place| ("after".to_owned(), place.into()));
        thought.extend(place);
        // A list: those of a stream are put together by appending.
        let list = Value::Array(vec![Value::Object(thought)]);
        Event::Other(("thinking_blocks".to_owned(), written(&list)))
    }

    /// Why the message ended, if it did.
    fn stop(&mut self, end: &Value, events: &mut Vec<Event>) {
        let Some(reason) = end["stop_reason"].as_str() else { return };
        self.over = true;
        let reason = match reason {
            "end_turn" | "stop_sequence" => "stop",
            "max_tokens" | "model_context_window_exceeded" => "length",
            "tool_use" => "tool-calls",
            "refusal" => {
                let words = end["stop_details"]["explanation"].as_str();
                let text =
                    words.unwrap_or("The upstream declined to answer this request.").to_owned();
                events.push(Event::Refusal(TextDelta { index: 0, text }));
                "content-filter"
            }
            other => other,
        };
        let noted = ["stop_sequence", "stop_details"].map(|name| (name.to_owned(), &end[name]));
        let noted = noted.into_iter().filter(|(_, value)| !value.is_null());
        let extra = noted.map(|(name, value)| (name, written(value))).collect();
        events.push(Event::Finished(Finish { index: 0, reason: reason.to_owned(), extra }));
    }

    /// Counts, in place of the earlier ones. The contract's tokens of the prompt are all of
    /// them; this vendor's are those that had nothing to do with its cache.
    fn used(&mut self, counts: &Value, events: &mut Vec<Event>) {
        let Value::Object(counts) = counts else { return };
        let there = counts.iter().filter(|(_, count)| !count.is_null());
        self.counts.extend(there.map(|(name, count)| (name.clone(), count.clone())));
        let count = |name: &str| self.counts.get(name).and_then(Value::as_u64);
        let cached = count("cache_read_input_tokens");
        let cache_write_tokens = count("cache_creation_input_tokens");
        let all = |others| others + cached.unwrap_or(0) + cache_write_tokens.unwrap_or(0);
        let details = self.counts.get("output_tokens_details");
        events.push(Event::Usage(Usage {
            input_tokens: count("input_tokens").map(all),
            output_tokens: count("output_tokens"),
            cached_input_tokens: cached,
            cache_write_tokens,
            reasoning_tokens: details.and_then(|details| details["thinking_tokens"].as_u64()),
            ..Usage::default()
        }));
    }
}

fn owned(text: &Value) -> Option<String> {
    text.as_str().map(str::to_owned)
}
