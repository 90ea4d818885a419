//! Reads what Claude Code prints: the messages of a run, a line each, or its result alone.
//!
//! `--output-format json` prints one object, the result. `stream-json` prints a line for each
//! message before it as well, and with `--include-partial-messages` the events of the API that
//! each of the assistant's messages came in. What was read from those is not read again from the
//! message, nor from the result.

use crate::failure::{malformed, of_result};
use portcullis_sdk::provider::{
    Ending, Event, Exchange, Failure, FailureKind, Finish, Frame, TextDelta, Usage,
};
use serde_json::Value;

/// What is known of an answer that is being read.
#[derive(Default)]
pub struct Answer {
    model: String,
    /// Only what fits the schema is the answer, and the result says it.
    has_schema: bool,
    started: bool,
    /// There are events of the API, which come before the messages that they make.
    streams: bool,
    /// A message is coming in, and text of it came.
    unfinished: bool,
    /// Text of the answer came.
    said: bool,
    stop_reason: Option<String>,
    /// The word beside an error.
    word: Option<String>,
    /// When a limit ends that was reached, in seconds since the Unix epoch.
    resets_at: Option<u64>,
    over: bool,
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
        // What came before the failure is handed over before it: how the pipe happened to cut
        // the lines must not decide what the sender gets to see.
        match self.broken.take_if(|_| events.is_empty()) {
            Some(failure) => Err(failure),
            None => Ok(events),
        }
    }

    fn end(&mut self) -> Result<Ending, Failure> {
        match self.broken.take() {
            Some(failure) => Err(failure),
            None if !self.over => Err(malformed("Claude Code ended without a result")),
            None => Ok(Ending::Done(Vec::new())),
        }
    }
}

impl Answer {
    pub(crate) fn new(model: String, has_schema: bool) -> Self {
        Self { model, has_schema, ..Self::default() }
    }

    fn frame(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Failure> {
        // The error names the place and not what stood there, which may be anything.
        let text = frame.as_text().unwrap_or_default();
        let printed: Value = serde_json::from_str(text).map_err(|error| {
            let place = error.column();
            malformed(format!("Claude Code printed what is not a message (column {place})"))
        })?;
        match printed {
            // `--verbose` makes a list of all messages of the one object.
            Value::Array(messages) => {
                messages.iter().try_for_each(|message| self.message(message, events))
            }
            message => self.message(&message, events),
        }
    }

    fn message(&mut self, message: &Value, events: &mut Vec<Event>) -> Result<(), Failure> {
        // What agents below say is part of how the answer came about.
        if !message["parent_tool_use_id"].is_null() {
            return Ok(());
        }
        match message["type"].as_str().unwrap_or_default() {
            "system" if message["subtype"] == "init" => self.start(message, events),
            "stream_event" => return self.event(&message["event"], events),
            "assistant" => self.assistant(message, events),
            "rate_limit_event" => {
                let info = &message["rate_limit_info"];
                self.resets_at = info["resetsAt"].as_u64().filter(|_| info["status"] == "rejected");
            }
            "result" => return self.result(message, events),
            // Retries, hooks, tools at work, and whatever there will be.
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, message: &Value, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            let session = message["session_id"].as_str().unwrap_or_default();
            // A result names the models that it took, which may be several.
            let took = message["modelUsage"].as_object().filter(|models| models.len() == 1);
            let took = took.and_then(|models| models.keys().next()).unwrap_or(&self.model);
            let model = message["model"].as_str().unwrap_or(took);
            events.push(Event::Started((session.to_owned(), model.to_owned())));
        }
    }

    /// One event of the API: https://platform.claude.com/docs/en/build-with-claude/streaming
    fn event(&mut self, event: &Value, events: &mut Vec<Event>) -> Result<(), Failure> {
        self.streams = true;
        match event["type"].as_str().unwrap_or_default() {
            // Where a connection breaks Claude Code asks again, and the text begins anew.
            "message_start" if self.unfinished => {
                let why = "Claude Code began its answer anew after a part of it had come";
                return Err(Failure::new(FailureKind::Upstream, why));
            }
            "content_block_start" => self.begin(&event["content_block"], events),
            "content_block_delta" => self.piece(&event["delta"], events),
            "message_delta" => self.stopped(&event["delta"]),
            "message_stop" => self.unfinished = false,
            _ => {}
        }
        Ok(())
    }

    /// A whole message: of interest where its events did not come, or where it is an error.
    fn assistant(&mut self, message: &Value, events: &mut Vec<Event>) {
        if let Some(word) = message["error"].as_str() {
            // Its text is the error's, and the result repeats it.
            self.word = Some(word.to_owned());
        } else if !self.streams {
            for block in message["message"]["content"].as_array().into_iter().flatten() {
                self.begin(block, events);
            }
            self.stopped(&message["message"]);
            self.unfinished = false;
        }
    }

    /// The beginning of a block, or all of it.
    fn begin(&mut self, block: &Value, events: &mut Vec<Event>) {
        if block["type"] == "text" && self.said {
            // Between two texts there was the work of a tool.
            self.text("\n\n", events);
        }
        self.piece(block, events);
    }

    /// A piece of a block, or a block.
    fn piece(&mut self, piece: &Value, events: &mut Vec<Event>) {
        let part = |name: &str| piece[name].as_str().unwrap_or_default();
        match part("type") {
            "text" | "text_delta" => self.text(part("text"), events),
            "thinking" | "thinking_delta" => {
                let text = part("thinking").to_owned();
                let thought = (!text.is_empty()).then_some(TextDelta { index: 0, text });
                events.extend(thought.map(Event::Reasoning));
            }
            // Signatures, and tools of Claude Code's own at work.
            _ => {}
        }
    }

    fn text(&mut self, text: &str, events: &mut Vec<Event>) {
        if !text.is_empty() && !self.has_schema {
            (self.said, self.unfinished) = (true, true);
            events.push(Event::text(text));
        }
    }

    fn stopped(&mut self, message: &Value) {
        let reason = message["stop_reason"].as_str().map(str::to_owned);
        self.stop_reason = reason.or(self.stop_reason.take());
    }

    /// The end of a run: its answer, where that did not come before, and what it took.
    fn result(&mut self, result: &Value, events: &mut Vec<Event>) -> Result<(), Failure> {
        if result["is_error"] == true || result["subtype"] != "success" {
            return Err(of_result(result, self.word.as_deref(), self.resets_at));
        }
        self.start(result, events);
        let words = result["result"].as_str().unwrap_or_default();
        if self.has_schema {
            events.push(Event::text(fitting(&result["structured_output"], words)?));
        } else if !self.said {
            self.text(words, events);
        }
        self.stopped(result);
        self.over = true;
        let reason = match self.stop_reason.as_deref().unwrap_or("end_turn") {
            "end_turn" | "stop_sequence" => "stop",
            // So it hands over what fits a schema.
            "tool_use" if self.has_schema => "stop",
            "max_tokens" | "model_context_window_exceeded" => "length",
            "refusal" => "content-filter",
            other => other,
        };
        let beside = ["session_id", "num_turns", "duration_ms", "duration_api_ms"];
        let beside = beside.iter().filter(|name| !result[**name].is_null());
        let extra = beside.map(|name| ((*name).to_owned(), result[*name].to_string())).collect();
        events.push(Event::Usage(usage(result)));
        events.push(Event::Finished(Finish { index: 0, reason: reason.to_owned(), extra }));
        Ok(())
    }
}

/// The answer that fits the schema: in the words of the model, which are in the schema's order,
/// where they say the same.
fn fitting(output: &Value, words: &str) -> Result<String, Failure> {
    match serde_json::from_str::<Value>(words) {
        Ok(said) if said == *output => Ok(words.to_owned()),
        _ if !output.is_null() => Ok(output.to_string()),
        _ => Err(malformed("Claude Code gave no answer that fits the schema")),
    }
}

/// The counts of a run. Those of tokens are the main conversation's; the cost is that of all
/// that was asked for it, by Claude Code's own list of prices.
fn usage(result: &Value) -> Usage {
    let count = |name: &str| result["usage"][name].as_u64();
    let (read, written) = (count("cache_read_input_tokens"), count("cache_creation_input_tokens"));
    let input = count("input_tokens").map(|fresh| fresh + read.unwrap_or(0) + written.unwrap_or(0));
    Usage {
        input_tokens: input,
        output_tokens: count("output_tokens"),
        cached_input_tokens: read,
        cache_write_tokens: written,
        cost_usd: result["total_cost_usd"].as_f64(),
        ..Usage::default()
    }
}
