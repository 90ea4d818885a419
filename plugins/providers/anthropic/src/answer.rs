//! Reads an answer into events: a stream, or a whole message as if each of its blocks had come
//! in one piece; or a count of tokens.

use crate::failure::judged;
use portcullis_sdk::prelude::*;

/// What is known of an answer that is being read.
#[derive(Default)]
pub struct Answer {
    /// The upstream has said why it stopped, or how many tokens there are.
    over: bool,
    calls: Calls,
    /// The block that is on, with what has come of it.
    open: Block,
    /// What a thought would stand behind now: the latest call, or text.
    behind: Option<String>,
    /// Tokens of the prompt that had nothing to do with the vendor's cache.
    uncached: Option<u64>,
    /// What was used so far.
    usage: Usage,
}

/// A block of a message.
#[derive(Default)]
enum Block {
    /// Nothing is to be done at its end.
    #[default]
    Other,
    /// A call whose arguments did not come in pieces.
    Call(String),
    Thought {
        thinking: String,
        signature: String,
    },
}

impl ReadFrame for Answer {
    fn frame(&mut self, frame: Unread<'_>, events: &mut Vec<Event>) -> Result<(), Failure> {
        let said = frame.read()?;
        match &*said.get("type").text() {
            "message" => self.message(said, events),
            "message_start" => self.message(said.get("message"), events),
            "content_block_start" => self.begin(said.get("content_block"), events),
            "content_block_delta" => self.delta(said.get("delta"), events),
            "content_block_stop" => self.close(events),
            "message_delta" => {
                self.stop(said.get("delta"), events);
                self.used(said.get("usage"), events);
            }
            "error" => return Err(judged(read_error(said))),
            "" if said.get("input_tokens").as_u64().is_some() => {
                self.over = true;
                let count = said.get("input_tokens");
                events.push(Event::document(object! { "input_tokens": count }));
            }
            // Pings, the end of what has ended, and whatever there will be.
            _ => {}
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

impl Answer {
    /// A message: all of it, or the beginning of a stream, which has no content yet.
    fn message(&mut self, message: View<'_>, events: &mut Vec<Event>) {
        events.push(Event::started(message.get("id"), message.get("model")));
        for block in message.get("content").items() {
            self.begin(block, events);
            self.close(events);
        }
        self.stop(message, events);
        self.used(message.get("usage"), events);
    }

    fn begin(&mut self, block: View<'_>, events: &mut Vec<Event>) {
        self.open = Block::Other;
        match &*block.get("type").text() {
            "text" => drop(self.behind.get_or_insert("text".to_owned())),
            "thinking" => {
                self.open = Block::Thought { thinking: String::new(), signature: String::new() };
            }
            "redacted_thinking" => events.push(self.thought(block.to_json())),
            "tool_use" => {
                let input = block.get("input").to_json().filter(Json::is_object);
                self.open = Block::Call(input.or(object! {}).to_string());
                self.behind = block.get("id").some_text();
                events.push(self.calls.begin(block.get("id"), block.get("name")));
            }
            // Blocks of tools that the vendor runs itself; none was asked for.
            _ => return,
        }
        self.delta(block, events);
    }

    fn delta(&mut self, delta: View<'_>, events: &mut Vec<Event>) {
        events.extend(Event::piece(Event::Text, 0, delta.get("text")));
        if let Some(json) = delta.get("partial_json").some_text() {
            self.open = Block::Other;
            events.push(self.calls.go_on(json));
        }
        if let Block::Thought { thinking, signature } = &mut self.open {
            thinking.push_str(&delta.get("thinking").text());
            signature.push_str(&delta.get("signature").text());
        }
        events.extend(Event::piece(Event::Reasoning, 0, delta.get("thinking")));
    }

    /// The end of a block: of a call that came without arguments in pieces, or of a thought.
    fn close(&mut self, events: &mut Vec<Event>) {
        match std::mem::take(&mut self.open) {
            Block::Call(input) => events.push(self.calls.go_on(input)),
            Block::Thought { thinking, signature } => {
                let thought = object! { "type": "thinking", "thinking": thinking };
                events.push(self.thought(thought.with("signature", signature)));
            }
            Block::Other => {}
        }
    }

    /// What the model thought, with the signature by which its maker knows it again.
    ///
    /// A model that is told a tool's result goes on thinking, so what it thought before has to
    /// come back unchanged. It goes where LiteLLM's clients look for it, and from where they
    /// send it back: <https://docs.litellm.ai/docs/reasoning_content>. `after` is ours: the
    /// dialect keeps text, calls and thoughts apart, and the vendor wants them in their order.
    fn thought(&self, thought: Json<'_>) -> Event {
        let thought = thought.with("after", self.behind.clone());
        // A list: those of a stream are put together by appending.
        Event::other("thinking_blocks", &Json::List(vec![thought]))
    }

    /// Why the message ended, if it did.
    fn stop(&mut self, end: View<'_>, events: &mut Vec<Event>) {
        let Some(reason) = end.get("stop_reason").some_text() else { return };
        self.over = true;
        let reason = match reason.as_str() {
            "end_turn" | "stop_sequence" => "stop",
            "max_tokens" | "model_context_window_exceeded" => "length",
            "tool_use" => "tool-calls",
            "refusal" => {
                let words = end.get("stop_details").get("explanation").some_text();
                let silent = || "The upstream declined to answer this request.".to_owned();
                events.push(Event::refusal(0, words.unwrap_or_else(silent)));
                "content-filter"
            }
            other => other,
        };
        let beside = ["stop_sequence", "stop_details"].map(|name| (name, end.get(name).into()));
        events.push(Event::ended(0, reason, beside));
    }

    /// Counts, in place of the earlier ones. The contract's tokens of the prompt are all of
    /// them; this vendor's are those that had nothing to do with its cache.
    fn used(&mut self, counts: View<'_>, events: &mut Vec<Event>) {
        if !counts.is_object() {
            return;
        }
        let thoughts = counts.get("output_tokens_details").get("thinking_tokens");
        let usage = &mut self.usage;
        for (count, named) in [
            (&mut self.uncached, counts.get("input_tokens")),
            (&mut usage.output_tokens, counts.get("output_tokens")),
            (&mut usage.cached_input_tokens, counts.get("cache_read_input_tokens")),
            (&mut usage.cache_write_tokens, counts.get("cache_creation_input_tokens")),
            (&mut usage.reasoning_tokens, thoughts),
        ] {
            *count = named.as_u64().or(*count);
        }
        let hour = counts.get("cache_creation").get("ephemeral_1h_input_tokens").as_u64();
        if let Some(hour) = hour.filter(|tokens| *tokens > 0) {
            usage.extra = vec![("cache-write-1h-tokens".to_owned(), hour.to_string())];
        }
        let cached = [usage.cached_input_tokens, usage.cache_write_tokens];
        let cached: u64 = cached.into_iter().flatten().sum();
        usage.input_tokens = self.uncached.map(|uncached| uncached + cached);
        events.push(Event::Usage(usage.clone()));
    }
}
