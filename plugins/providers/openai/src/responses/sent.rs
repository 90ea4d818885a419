//! A chat request as one of the Responses API.
//!
//! The body's fields are gone through one by one, and what no arm takes is named as dropped: so
//! none is ignored in silence. Schemas are passed on as they were written, since a model fills
//! them in from top to bottom.

use crate::edits::{about, asks};
use crate::fields::{Fields, flat, read, written};
use crate::quirks::Quirks;
use crate::unsupported;
use portcullis_sdk::Request;
use portcullis_sdk::provider::Failure;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// The request on its way.
#[derive(Default)]
struct Sent {
    fields: Fields,
    /// The form of the answer, and how many words: one field there.
    text: Fields,
    /// The answer's limit was said by its newer name, which counts.
    limited: bool,
    dropped: Vec<String>,
}

/// The body to send, and the names of what the sender asked for and does not get.
pub(crate) fn translate(
    request: &Request,
    quirks: &Quirks<'_>,
    effort: Option<&str>,
) -> Result<(Vec<u8>, Vec<String>), Failure> {
    let mut asked: Fields = read("body", &request.body())?;
    let mut sent = Sent::default();
    for name in quirks.refused(effort) {
        let lost = asked.take(name).is_some_and(|value| asks(name, &value));
        sent.dropped.extend(lost.then(|| name.to_owned()));
    }
    sent.put("model", &request.model().into());
    if request.streaming() {
        sent.put("stream", &true.into());
    }
    // The other API keeps nothing unless it is told to, this one everything unless it is told not.
    sent.put("store", &false.into());
    for (name, value) in asked.0 {
        if asks(&name, &value) && !sent.take(&name, value, quirks)? {
            sent.dropped.push(name);
        }
    }
    if !sent.text.0.is_empty() {
        sent.fields.set("text", sent.text.written());
    }
    Ok((sent.fields.written().into_bytes(), sent.dropped))
}

impl Sent {
    fn put(&mut self, name: &str, value: &Value) {
        self.fields.set(name, written(value));
    }

    /// Takes one field; false where there is no place for it.
    fn take(&mut self, name: &str, value: String, quirks: &Quirks<'_>) -> Result<bool, Failure> {
        match (name, value.as_str()) {
            // The gateway's part, and what is so in any event.
            ("model" | "stream" | "stream_options", _) => {}
            ("n", "1") | ("modalities", r#"["text"]"#) => {}
            ("n" | "modalities" | "audio" | "functions", _) => {
                let message = format!("the Responses API has no place for `{name}`");
                return Err(about(name, unsupported(message)));
            }
            ("messages", _) => {
                let messages = read(name, &value)?;
                // An image is most of a sandbox's memory.
                drop(value);
                self.put("input", &items(messages)?);
            }
            ("tools", _) => {
                let tools: Vec<Box<RawValue>> = read(name, &value)?;
                let mut list = String::with_capacity(value.len());
                for tool in tools {
                    list.push(if list.is_empty() { '[' } else { ',' });
                    list += &function(tool.get())?;
                }
                self.fields.set(name, list + "]");
            }
            ("tool_choice", _) => match read(name, &value)? {
                Value::Object(choice) => self.put(name, &flat(choice, "function")),
                word => self.put(name, &word),
            },
            ("response_format", _) => {
                let format: Fields = read(name, &value)?;
                self.text.set("format", format.raised("json_schema")?.written());
            }
            ("verbosity", _) => self.text.set(name, value),
            ("reasoning_effort", _) => {
                let word: Value = read(name, &value)?;
                let other = word.as_str().and_then(|word| quirks.effort(word));
                let other = other.and_then(|fields| fields.get("reasoning_effort"));
                let word = other.cloned().unwrap_or(word);
                self.put("reasoning", &json!({ "effort": word }));
            }
            ("max_tokens", _) if self.limited => {}
            ("max_completion_tokens" | "max_tokens", _) => {
                self.limited |= name == "max_completion_tokens";
                self.fields.set("max_output_tokens", value);
            }
            ("logprobs", _) => self.put("include", &json!(["message.output_text.logprobs"])),
            (
                "temperature"
                | "top_p"
                | "top_logprobs"
                | "parallel_tool_calls"
                | "metadata"
                | "store"
                | "user"
                | "safety_identifier"
                | "service_tier"
                | "reasoning"
                | "prompt_cache_key"
                | "prompt_cache_retention"
                | "prompt_cache_options"
                | "truncation",
                _,
            ) => self.fields.set(name, value),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A function that the model may call, its members at the top. Strict by default there, where
/// the chat's are not. Tools of other kinds are that API's own, and stay as they are.
fn function(tool: &str) -> Result<String, Failure> {
    let mut tool: Fields = read("tools", tool)?;
    if tool.take("custom").is_some() {
        return Err(about("tools", unsupported("this provider offers functions only")));
    }
    if let Some(function) = tool.take("function") {
        let Fields(members) = read("tools", &function)?;
        tool.0.push(("strict".to_owned(), "false".to_owned()));
        members.into_iter().for_each(|(name, json)| tool.set(&name, json));
    }
    Ok(tool.written())
}

/// The conversation: what was said, what was called, and what came of it, each an item.
fn items(messages: Vec<Map<String, Value>>) -> Result<Value, Failure> {
    let mut items = Vec::with_capacity(messages.len());
    for mut message in messages {
        let content = message.remove("content").unwrap_or_default();
        let message = Value::from(message);
        let role = message["role"].as_str().unwrap_or_default();
        match role {
            "system" | "developer" | "user" => items.push(said(role, content)?),
            "assistant" => {
                if !content.is_null() && content != "" {
                    items.push(said(role, content)?);
                }
                if message["refusal"].is_string() {
                    let part = json!({ "type": "refusal", "refusal": message["refusal"] });
                    items.push(said(role, vec![part].into())?);
                }
                items.extend(message["tool_calls"].as_array().into_iter().flatten().map(call));
            }
            "tool" => {
                let output = parts("user", content)?;
                let (kind, id) = ("function_call_output", &message["tool_call_id"]);
                items.push(json!({ "type": kind, "call_id": id, "output": output }));
            }
            other => return Err(unsupported(format!("this provider has no role {other:?}"))),
        }
    }
    Ok(items.into())
}

fn said(role: &str, content: Value) -> Result<Value, Failure> {
    Ok(json!({ "role": role, "content": parts(role, content)? }))
}

fn call(call: &Value) -> Value {
    let (id, function) = (&call["id"], &call["function"]);
    let (name, arguments) = (&function["name"], &function["arguments"]);
    json!({ "type": "function_call", "call_id": id, "name": name, "arguments": arguments })
}

/// What a message says: a text as it is, or its parts under their names there.
fn parts(role: &str, content: Value) -> Result<Value, Failure> {
    let Value::Array(parts) = content else { return Ok(content) };
    let parts: Result<Vec<_>, _> = parts.into_iter().map(|it| part(role, it)).collect();
    parts.map(Value::Array)
}

fn part(role: &str, mut part: Value) -> Result<Value, Failure> {
    let kind = match part["type"].as_str().unwrap_or_default() {
        "text" if role == "assistant" => "output_text",
        "text" => "input_text",
        "refusal" => "refusal",
        "image_url" => {
            let mut image = part["image_url"].take();
            let [url, detail] =
                ["/url", "/detail"].map(|it| image.pointer_mut(it).map(Value::take));
            part["image_url"] = url.unwrap_or(image);
            part["detail"] = detail.unwrap_or("auto".into());
            "input_image"
        }
        "file" => {
            if let Value::Object(file) = part {
                part = flat(file, "file");
            }
            "input_file"
        }
        other => {
            let message = format!("the Responses API takes no {other:?} in a message");
            return Err(about("messages", unsupported(message)));
        }
    };
    part["type"] = kind.into();
    Ok(part)
}
