//! Reads an answer into events: a chat's, streamed or whole, which differ only in how many
//! pieces there are; vectors; or a count of tokens.

use crate::request::{take, text};
use crate::{error, vectors};
use portcullis_sdk::provider::{
    Ending, Event, Exchange, Failure, FailureKind, Finish, Frame, TextDelta, ToolCallDelta, Usage,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is known of an answer that is being read.
pub struct Answer {
    form: Form,
    /// The upstream's id of it, once it began.
    id: Option<String>,
    /// How many calls of functions there were.
    calls: u32,
    /// The candidates that began, and the end of each that ended. They are told at the end of
    /// the reply: older models say `STOP` in every piece of a stream.
    ends: BTreeMap<u32, Option<Finish>>,
    /// Why the answer broke off after events that were worth handing over first.
    broken: Option<Failure>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Chat,
    Vectors,
    Count,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Count {
    total_tokens: u64,
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
        if let Some(failure) = self.broken.take() {
            return Err(failure);
        }
        let ends = std::mem::take(&mut self.ends).into_values();
        match ends.collect::<Option<Vec<Finish>>>() {
            Some(ends) if self.form != Form::Chat || !ends.is_empty() => {
                Ok(Ending::Done(ends.into_iter().map(Event::Finished).collect()))
            }
            _ => Err(malformed("the upstream's answer was cut off".to_owned())),
        }
    }
}

impl Answer {
    pub(crate) fn of(form: Form) -> Self {
        Self { form, id: None, calls: 0, ends: BTreeMap::new(), broken: None }
    }

    fn frame(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Failure> {
        let json = frame.as_text();
        let json = json.ok_or_else(|| malformed("the upstream's answer is not text".to_owned()))?;
        match self.form {
            Form::Chat if json.is_empty() => Ok(()),
            Form::Chat => self.chunk(read(json)?, events),
            Form::Vectors => vectors::read(json, events),
            Form::Count => {
                let Count { total_tokens } = read(json)?;
                let count = json!({ "input_tokens": total_tokens });
                events.push(Event::Document(text(&count)));
                Ok(())
            }
        }
    }

    fn chunk(&mut self, mut chunk: Value, events: &mut Vec<Event>) -> Result<(), Failure> {
        if let Some(failure) = error::failure(None, &chunk) {
            return Err(failure);
        }
        if self.id.is_none() {
            let [id, model] = ["responseId", "modelVersion"]
                .map(|name| chunk[name].as_str().unwrap_or_default().to_owned());
            self.id = Some(id.clone());
            events.push(Event::Started((id, model)));
        }
        events.extend(usage(&chunk["usageMetadata"]));
        if let Value::Array(candidates) = take(&mut chunk, "candidates") {
            candidates.into_iter().try_for_each(|candidate| self.candidate(candidate, events))?;
        }
        let feedback = &chunk["promptFeedback"];
        if let Some(reason) = feedback["blockReason"].as_str() {
            let message = format!("Google blocked the prompt: {reason}.");
            events.push(Event::Refusal(TextDelta { index: 0, text: message }));
            self.finish(0, "content-filter", feedback, reason);
        }
        Ok(())
    }

    fn candidate(&mut self, mut candidate: Value, events: &mut Vec<Event>) -> Result<(), Failure> {
        let index = candidate["index"].as_u64().and_then(|index| index.try_into().ok());
        let index = index.unwrap_or_default();
        self.ends.entry(index).or_default();
        let mut content = take(&mut candidate, "content");
        if let Value::Array(parts) = take(&mut content, "parts") {
            parts.into_iter().for_each(|part| self.part(index, part, events));
        }
        for (name, value) in [
            ("grounding", take(&mut candidate, "groundingMetadata")),
            ("citations", take(&mut candidate, "citationMetadata")),
            ("logprobs", logprobs(&candidate["logprobsResult"])),
        ] {
            if !value.is_null() {
                events.push(other(name, json!({"index": index, name: value})));
            }
        }
        match candidate["finishReason"].as_str() {
            Some(reason) => self.ending(index, reason, &candidate, events),
            None => Ok(()),
        }
    }

    /// Why a candidate ended: in the contract's words, or as a failure.
    fn ending(
        &mut self,
        index: u32,
        reason: &str,
        candidate: &Value,
        events: &mut Vec<Event>,
    ) -> Result<(), Failure> {
        let message = candidate["finishMessage"].as_str();
        let failed = |kind| {
            let message = message.unwrap_or("the model's answer failed");
            Err(Failure { code: Some(reason.to_owned()), ..Failure::new(kind, message) })
        };
        let word = match reason.strip_prefix("IMAGE_").unwrap_or(reason) {
            "STOP" if self.calls > 0 => "tool-calls",
            "STOP" => "stop",
            "MAX_TOKENS" => "length",
            "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII"
            | "ESCALATION" => {
                let text = format!("Google stopped the answer: {}.", message.unwrap_or(reason));
                events.push(Event::Refusal(TextDelta { index, text }));
                "content-filter"
            }
            "MALFORMED_FUNCTION_CALL"
            | "MALFORMED_RESPONSE"
            | "UNEXPECTED_TOOL_CALL"
            | "TOO_MANY_TOOL_CALLS"
            | "NO_IMAGE" => return failed(FailureKind::Upstream),
            "MISSING_THOUGHT_SIGNATURE" => return failed(FailureKind::InvalidRequest),
            "PUP_LIMITED_DISABLED" => return failed(FailureKind::Permission),
            other => other,
        };
        self.finish(index, word, candidate, reason);
        Ok(())
    }

    fn part(&mut self, index: u32, mut part: Value, events: &mut Vec<Event>) {
        let mut place = json!({ "index": index });
        let thoughts = |name: &String| name.starts_with("thought");
        if part["functionCall"].is_object() {
            place["tool_call"] = self.calls.into();
            events.push(Event::ToolCall(self.call(&part["functionCall"])));
        } else if let Value::String(text) = take(&mut part, "text") {
            let event = if part["thought"] == true { Event::Reasoning } else { Event::Text };
            events.extend((!text.is_empty()).then(|| event(TextDelta { index, text })));
        } else if !part.as_object().is_none_or(|part| part.keys().all(thoughts)) {
            // What Google's own tools did, an image, and what else there may be: the model
            // wants it back as it was, signature and all.
            place["extra_content"] = json!({"google": {"parts": [part.take()]}});
            events.push(other("extra-content", place.take()));
        }
        if let Some(signature) = part["thoughtSignature"].as_str() {
            place["extra_content"] = json!({"google": {"thought_signature": signature}});
            events.push(other("extra-content", place));
        }
    }

    fn call(&mut self, call: &Value) -> ToolCallDelta {
        let index = self.calls;
        self.calls += 1;
        // Older models give a call no id. One that is made up has to differ from those of the
        // answers before.
        let made = || format!("call_{}_{index}", self.id.as_deref().unwrap_or_default());
        let id = call["id"].as_str().map_or_else(made, str::to_owned);
        let args = call.get("args").map_or("{}".to_owned(), text);
        let name = call["name"].as_str().map(str::to_owned);
        ToolCallDelta { index, id: Some(id), name, arguments: args }
    }

    fn finish(&mut self, index: u32, reason: &str, said: &Value, native: &str) {
        let ratings = Some(&said["safetyRatings"]).filter(|ratings| ratings.is_array());
        let ratings = ratings.map(|ratings| ("safety_ratings".to_owned(), text(ratings)));
        let native = ("native_finish_reason".to_owned(), text(&native.into()));
        let extra = [native].into_iter().chain(ratings).collect();
        self.ends.insert(index, Some(Finish { index, reason: reason.to_owned(), extra }));
    }
}

/// What was used so far. OpenAI's count of the answer includes its reasoning.
pub(crate) fn usage(usage: &Value) -> Option<Event> {
    let sum = |names: [&str; 2]| {
        names.iter().filter_map(|name| usage[*name].as_u64()).reduce(u64::saturating_add)
    };
    usage.is_object().then(|| {
        Event::Usage(Usage {
            input_tokens: sum(["promptTokenCount", "toolUsePromptTokenCount"]),
            output_tokens: sum(["candidatesTokenCount", "thoughtsTokenCount"]),
            cached_input_tokens: usage["cachedContentTokenCount"].as_u64(),
            reasoning_tokens: usage["thoughtsTokenCount"].as_u64(),
            ..Usage::default()
        })
    })
}

/// Each token that was chosen, in the dialect's form, and beside it those that were likely.
fn logprobs(result: &Value) -> Value {
    let token = |token: &Value| {
        let (token, logprob) = (&token["token"], &token["logProbability"]);
        json!({"token": token, "logprob": logprob, "bytes": null})
    };
    let Some(chosen) = result["chosenCandidates"].as_array() else { return Value::Null };
    let content = chosen.iter().enumerate().map(|(at, chosen)| {
        let mut chosen = token(chosen);
        let top = result["topCandidates"][at]["candidates"].as_array().into_iter().flatten();
        chosen["top_logprobs"] = top.map(token).collect();
        chosen
    });
    json!({"content": content.collect::<Value>()})
}

fn other(name: &str, value: Value) -> Event {
    Event::Other((name.to_owned(), text(&value)))
}

/// Reads JSON of the upstream's. The error names the place and not what stood there, which may
/// be anything.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let place = error.column();
        malformed(format!("the upstream sent what is no answer of its protocol (column {place})"))
    })
}

fn malformed(message: String) -> Failure {
    Failure::new(FailureKind::Malformed, message)
}
