//! What is sent in place of the sender's body.
//!
//! The body's fields are gone through one by one, and what no arm takes is named as dropped: so
//! none is ignored in silence. Values are passed on as they were written. A schema, for one, has
//! its properties in the order in which the model is to fill them in.

use crate::message::{self, Message};
use crate::settings::{Api, Settings};
use crate::{invalid, prompt, unsupported};
use portcullis_sdk::Request;
use portcullis_sdk::provider::Failure;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt::Display;

/// The fields of an object, unread.
pub(crate) type Fields = BTreeMap<String, Box<RawValue>>;

/// The body of a call.
#[derive(Serialize, Default)]
pub(crate) struct Sent {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<Message>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    options: Fields,
    #[serde(flatten)]
    fields: Fields,
    /// How it is asked.
    #[serde(skip)]
    api: Api,
    /// The names of what the sender asked for and Ollama has no word for.
    #[serde(skip)]
    pub(crate) dropped: Vec<String>,
}

impl Sent {
    pub(crate) fn of(settings: &Settings, request: &Request, api: Api) -> Result<Self, Failure> {
        let mut sent = Self { api, ..Self::default() };
        sent.put("model", serde_json::Value::from(request.model()));
        settings.keep_alive.iter().for_each(|time| sent.put("keep_alive", time));
        settings.truncate.iter().for_each(|truncate| sent.put("truncate", truncate));
        sent.options.extend(settings.num_ctx.map(|tokens| ("num_ctx".to_owned(), json(tokens))));
        let asked: Fields = read("body", &request.body())?;
        let no_tools = asked.get("tool_choice").is_some_and(|it| it.get() == r#""none""#);
        for (name, value) in asked {
            let idle = value.get() == "null" || (no_tools && name == "tools");
            if !idle && !sent.take(&name, value, settings)? {
                sent.dropped.push(name);
            }
        }
        // Said for all that can stream: Ollama does unless it is told not to.
        let stream = (api != Api::Embed).then(|| request.streaming());
        stream.into_iter().for_each(|stream| sent.put("stream", stream));
        if api == Api::Generate {
            let parts = prompt::of(std::mem::take(&mut sent.messages));
            parts.into_iter().for_each(|(name, value)| sent.put(name, value));
        }
        Ok(sent)
    }

    fn put(&mut self, name: &str, value: impl Display) {
        self.fields.insert(name.to_owned(), json(value));
    }

    /// Takes one field of a request; false where there is no place for it.
    fn take(&mut self, name: &str, value: Box<RawValue>, by: &Settings) -> Result<bool, Failure> {
        match (name, value.get()) {
            // The host's part.
            ("model" | "stream" | "stream_options" | "metadata" | "encoding_format", _) => {}
            // What is so in any event.
            ("n", "1") | ("parallel_tool_calls", "true") | ("logprobs" | "store", "false") => {}
            ("tool_choice", r#""auto""# | r#""none""#) | ("tools", "[]") => {}
            ("n", _) => return unsupported("Ollama gives one answer: `n` can only be 1"),
            ("messages", messages) => {
                self.messages = message::translated(read(name, messages)?, &mut self.dropped)?;
            }
            ("tools", _) if self.api == Api::Generate => {
                return unsupported("/api/generate has no tools");
            }
            ("tools", tools) => {
                if read::<Vec<Kind>>(name, tools)?.iter().any(|tool| tool.kind != "function") {
                    return unsupported("Ollama has no tools but functions");
                }
                self.put(name, value);
            }
            ("response_format", format) => {
                let mut format: Kind = read(name, format)?;
                match (format.kind.as_str(), format.json_schema.remove("schema")) {
                    ("text", _) => {}
                    ("json_schema", Some(schema)) => self.put("format", schema),
                    ("json_schema" | "json_object", _) => self.put("format", r#""json""#),
                    _ => return Ok(false),
                }
            }
            ("reasoning_effort", r#""none""#) => self.put("think", false),
            ("reasoning_effort", _) if by.think_switch => self.put("think", true),
            // At either end OpenAI has more words than Ollama.
            ("reasoning_effort", r#""minimal""#) => self.put("think", r#""low""#),
            ("reasoning_effort", r#""xhigh""#) => self.put("think", r#""max""#),
            ("reasoning_effort", _) => self.put("think", value),
            ("suffix", _) if self.api == Api::Generate => self.put(name, value),
            ("input" | "dimensions", _) if self.api == Api::Embed => self.put(name, value),
            ("stop", text) if text.starts_with('"') => {
                self.options.insert(name.to_owned(), json(format_args!("[{value}]")));
            }
            // Here the newer name comes first, and it counts.
            ("max_completion_tokens" | "max_tokens", _) => {
                self.options.entry("num_predict".to_owned()).or_insert(value);
            }
            (
                "stop" | "temperature" | "top_p" | "top_k" | "min_p" | "seed" | "presence_penalty"
                | "frequency_penalty" | "repeat_penalty",
                _,
            ) => drop(self.options.insert(name.to_owned(), value)),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A tool or a form of the answer, as far as it is read.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    json_schema: Fields,
}

/// What is written as JSON.
fn json(value: impl Display) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap_or_default()
}

/// Reads a part of the request. The error names the place and not what stood there.
fn read<T: DeserializeOwned>(what: &str, json: &str) -> Result<T, Failure> {
    serde_json::from_str(json).map_err(|error| {
        invalid(format!("the request's {what} cannot be read (column {})", error.column()))
    })
}
