//! Events of a provider, written as answers of the canonical dialect.
//!
//! Whatever a plugin emits, what leaves here keeps the invariants that the official SDKs rest
//! on: one id and one time for all chunks; the role on a choice's first delta only; an index on
//! every tool call's delta, its id and name on the first only; nothing for a choice that is
//! finished; numbers that JSON can hold.

use crate::contract::Usage;
use crate::contract::events::{Event, TextDelta, ToolCallDelta};
use crate::request::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

/// Choices of one answer, and tool calls of one choice, that a plugin may name: an index past
/// this would have the gateway keep state without bound.
const MOST: u32 = 128;

/// What is the same in all parts of one answer.
#[derive(Debug)]
pub struct Writer {
    id: String,
    created: u64,
    model: String,
    choices: BTreeMap<u32, Choice>,
    usage: Option<Usage>,
    /// What a plugin emitted and no client sees, in words for the record.
    ignored: BTreeSet<&'static str>,
}

/// An event for a choice that is finished.
const AFTER_THE_END: &str = "the plugin went on after the end of its answer";
/// An event for a choice or a tool call past [`MOST`].
const FAR_OUT: &str = "the plugin numbered a choice or a tool call past 127";

/// What was said of one choice so far.
#[derive(Debug, Default)]
struct Choice {
    begun: bool,
    tools: BTreeSet<u32>,
    finished: bool,
}

impl Writer {
    /// A writer of the answer to `request`, by a model of that name.
    pub fn new(request: &Request, model: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            id: format!("chatcmpl-{}", request.id),
            created: now.as_secs(),
            model: model.to_owned(),
            choices: BTreeMap::new(),
            usage: None,
            ignored: BTreeSet::new(),
        }
    }

    /// What a plugin emitted and no client sees, in words for the record.
    pub fn ignored(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.ignored.iter().copied()
    }

    /// Whether every choice that began was finished, and one was.
    pub fn is_finished(&self) -> bool {
        !self.choices.is_empty() && self.choices.values().all(|choice| choice.finished)
    }

    /// The usage, if the upstream said.
    pub fn usage(&self) -> Option<&Usage> {
        self.usage.as_ref()
    }

    /// The data of the chunk for an event, or `None` where it has nothing to tell the client.
    pub fn chunk(&mut self, event: Event) -> Option<String> {
        let (index, mut delta, reason) = match event {
            Event::Started((id, model)) => {
                // Once a chunk was written, its id and model stand.
                if self.choices.is_empty() {
                    self.identify(id, model);
                }
                return None;
            }
            Event::Text(TextDelta { index, text }) => (index, json!({ "content": text }), None),
            Event::Reasoning(TextDelta { index, text }) => {
                (index, json!({ "reasoning_content": text }), None)
            }
            Event::Refusal(TextDelta { index, text }) => (index, json!({ "refusal": text }), None),
            Event::ToolCall(call) => {
                let index = 0;
                (index, self.tool_call(index, call)?, None)
            }
            Event::Finished(finish) => {
                (finish.index, json!({}), Some(dialect_word(&finish.reason)))
            }
            Event::Usage(usage) => {
                self.usage = Some(usage);
                return None;
            }
            Event::Embedding(_) | Event::Document(_) | Event::Data(_) | Event::Other(_) => {
                return None;
            }
        };
        let choice = self.choice(index)?;
        if choice.finished {
            self.ignored.insert(AFTER_THE_END);
            return None;
        }
        if !choice.begun {
            choice.begun = true;
            delta["role"] = "assistant".into();
        }
        choice.finished = reason.is_some();
        let choice = json!({ "index": index, "delta": delta, "finish_reason": reason });
        Some(self.envelope("chat.completion.chunk", vec![choice]).to_string())
    }

    /// The data of the chunk that carries the usage, for a client that asked for one.
    pub fn usage_chunk(&self) -> Option<String> {
        let mut chunk = self.envelope("chat.completion.chunk", Vec::new());
        chunk["usage"] = usage_value(self.usage.as_ref()?);
        Some(chunk.to_string())
    }

    fn identify(&mut self, id: String, model: String) {
        if !id.is_empty() {
            self.id = id;
        }
        if !model.is_empty() {
            self.model = model;
        }
    }

    fn choice(&mut self, index: u32) -> Option<&mut Choice> {
        if index >= MOST {
            self.ignored.insert(FAR_OUT);
            return None;
        }
        Some(self.choices.entry(index).or_default())
    }

    /// The delta of a tool call. Id, type and name on its first one only: SDKs concatenate.
    fn tool_call(&mut self, choice: u32, call: ToolCallDelta) -> Option<Value> {
        if call.index >= MOST {
            self.ignored.insert(FAR_OUT);
            return None;
        }
        let first = self.choice(choice)?.tools.insert(call.index);
        let mut function = Map::new();
        if first && let Some(name) = call.name {
            function.insert("name".to_owned(), name.into());
        }
        function.insert("arguments".to_owned(), call.arguments.into());
        let mut written = json!({ "index": call.index, "function": function });
        if first {
            let id = call.id.unwrap_or_else(|| format!("call_{}_{}", self.id, call.index));
            written["id"] = id.into();
            written["type"] = "function".into();
        }
        Some(json!({ "tool_calls": [written] }))
    }

    fn envelope(&self, object: &str, choices: Vec<Value>) -> Value {
        json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        })
    }

    /// The whole answer to a chat that was not streamed.
    pub fn completion(&mut self, events: Vec<Event>) -> String {
        let mut messages: BTreeMap<u32, Message> = BTreeMap::new();
        for event in events {
            match event {
                Event::Started((id, model)) => self.identify(id, model),
                Event::Usage(usage) => self.usage = Some(usage),
                event => {
                    let index = index_of(&event);
                    let ignored = match index < MOST {
                        true => messages.entry(index).or_default().take(event),
                        false => Some(FAR_OUT),
                    };
                    self.ignored.extend(ignored);
                }
            }
        }
        let whole = |(index, message): (u32, Message)| message.choice(index);
        let choices = messages.into_iter().map(whole).collect();
        let mut answer = self.envelope("chat.completion", choices);
        if let Some(usage) = &self.usage {
            answer["usage"] = usage_value(usage);
        }
        answer.to_string()
    }

    /// The whole answer to a request for embeddings.
    pub fn embeddings(&mut self, events: Vec<Event>, base64: bool) -> String {
        let mut data = Vec::new();
        for event in events {
            match event {
                Event::Started((id, model)) => self.identify(id, model),
                Event::Usage(usage) => self.usage = Some(usage),
                Event::Embedding((index, values)) => data.push(json!({
                    "object": "embedding",
                    "index": index,
                    "embedding": vector(&values, base64),
                })),
                _ => {}
            }
        }
        let mut answer = json!({ "object": "list", "data": data, "model": self.model });
        let tokens = self.usage.as_ref().and_then(|usage| usage.input_tokens).unwrap_or(0);
        answer["usage"] = json!({ "prompt_tokens": tokens, "total_tokens": tokens });
        answer.to_string()
    }
}

/// Little-endian 32-bit floats in base64, which SDKs ask for by default, or numbers.
fn vector(values: &[f32], base64: bool) -> Value {
    if base64 {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        return STANDARD.encode(bytes).into();
    }
    // JSON has no NaN and no infinity: serde_json writes them as null, which no SDK reads.
    let finite = |value: &f32| {
        if value.is_finite() { f64::from(*value) } else { 0.0 }
    };
    values.iter().map(finite).collect::<Vec<f64>>().into()
}

fn index_of(event: &Event) -> u32 {
    match event {
        Event::Text(delta) | Event::Reasoning(delta) | Event::Refusal(delta) => delta.index,
        Event::Finished(finish) => finish.index,
        _ => 0,
    }
}

/// The contract's words for a finish, in the dialect's own.
fn dialect_word(reason: &str) -> String {
    match reason {
        "tool-calls" => "tool_calls".to_owned(),
        "content-filter" => "content_filter".to_owned(),
        other => other.to_owned(),
    }
}

/// One message, put together.
#[derive(Debug, Default)]
struct Message {
    text: Option<String>,
    reasoning: String,
    refusal: Option<String>,
    tools: BTreeMap<u32, Call>,
    reason: Option<String>,
}

#[derive(Debug, Default)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

impl Message {
    /// Takes an event; says why, where it is not taken.
    fn take(&mut self, event: Event) -> Option<&'static str> {
        if self.reason.is_some() {
            return Some(AFTER_THE_END);
        }
        match event {
            Event::Text(delta) => self.text.get_or_insert_default().push_str(&delta.text),
            Event::Reasoning(delta) => self.reasoning.push_str(&delta.text),
            Event::Refusal(delta) => self.refusal.get_or_insert_default().push_str(&delta.text),
            Event::ToolCall(delta) if delta.index < MOST => {
                let call = self.tools.entry(delta.index).or_default();
                if call.id.is_empty() {
                    call.id = delta.id.unwrap_or_default();
                }
                if call.name.is_empty() {
                    call.name = delta.name.unwrap_or_default();
                }
                call.arguments.push_str(&delta.arguments);
            }
            Event::Finished(finish) => self.reason = Some(dialect_word(&finish.reason)),
            Event::ToolCall(_) => return Some(FAR_OUT),
            _ => {}
        }
        None
    }

    fn choice(self, index: u32) -> Value {
        let mut message = json!({
            "role": "assistant",
            "content": self.text,
            "refusal": self.refusal,
        });
        if !self.reasoning.is_empty() {
            message["reasoning_content"] = self.reasoning.into();
        }
        if !self.tools.is_empty() {
            let call = |(index, call): (u32, Call)| {
                let id = if call.id.is_empty() { format!("call_{index}") } else { call.id };
                json!({
                    "id": id,
                    "type": "function",
                    "function": { "name": call.name, "arguments": call.arguments },
                })
            };
            message["tool_calls"] = self.tools.into_iter().map(call).collect();
        }
        json!({ "index": index, "message": message, "logprobs": null, "finish_reason": self.reason })
    }
}

fn usage_value(usage: &Usage) -> Value {
    let (input, output) = (usage.input_tokens.unwrap_or(0), usage.output_tokens.unwrap_or(0));
    let mut value = json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input.saturating_add(output),
    });
    if let Some(cached) = usage.cached_input_tokens {
        value["prompt_tokens_details"] = json!({ "cached_tokens": cached });
    }
    if let Some(reasoning) = usage.reasoning_tokens {
        value["completion_tokens_details"] = json!({ "reasoning_tokens": reasoning });
    }
    value
}

/// Reads the `usage` object of this dialect.
pub fn read_usage(usage: &str) -> Option<Usage> {
    #[derive(serde::Deserialize)]
    struct Details {
        #[serde(default)]
        cached_tokens: Option<u64>,
        #[serde(default)]
        reasoning_tokens: Option<u64>,
    }
    #[derive(serde::Deserialize)]
    struct Said {
        prompt_tokens: Option<u64>,
        completion_tokens: Option<u64>,
        prompt_tokens_details: Option<Details>,
        completion_tokens_details: Option<Details>,
        cost: Option<f64>,
    }
    let said: Said = serde_json::from_str(usage).ok()?;
    Some(Usage {
        input_tokens: said.prompt_tokens,
        output_tokens: said.completion_tokens,
        cached_input_tokens: said.prompt_tokens_details.and_then(|details| details.cached_tokens),
        cache_write_tokens: None,
        reasoning_tokens: said.completion_tokens_details.and_then(|d| d.reasoning_tokens),
        audio_seconds: None,
        cost_usd: said.cost,
        extra: Vec::new(),
    })
}
