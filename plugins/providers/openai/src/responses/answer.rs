//! Reads an answer of the Responses API into events: a stream, or a whole one as if each of its
//! items had come in one piece.

use crate::answer::{Reader, push_text};
use crate::fields::written;
use crate::malformed;
use portcullis_sdk::openai::{ErrorBody, Text};
use portcullis_sdk::provider::{
    Event, Failure, FailureKind, TextDelta, ToolCallDelta, Usage, error_failure,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// What is known of an answer that is being read.
pub(crate) struct Response {
    streaming: bool,
    over: bool,
    /// The calls of tools so far: the place of each among the items, and whether its arguments
    /// have begun.
    calls: Vec<(u64, bool)>,
    /// Whether the model has shown what it thought.
    thought: bool,
}

/// What most events of a stream are: a piece of something. The others are read as they are.
#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(default)]
    delta: Option<String>,
    #[serde(default)]
    output_index: u64,
    #[serde(borrow, default)]
    logprobs: Option<&'a RawValue>,
}

impl Response {
    pub(crate) fn new(streaming: bool) -> Self {
        Self { streaming, over: false, calls: Vec::new(), thought: false }
    }
}

impl Reader for Response {
    fn frame(&mut self, text: &str, events: &mut Vec<Event>) -> Result<(), Failure> {
        match text {
            "" | "[DONE]" if self.streaming => Ok(()),
            text if self.streaming => self.piece(text, read(text)?, events),
            text => {
                let whole: Value = read(text)?;
                events.push(started(&whole));
                for (place, item) in (0..).zip(list(&whole["output"])) {
                    self.item(place, item, events);
                }
                self.end(&whole, events)
            }
        }
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

impl Response {
    fn piece(
        &mut self,
        text: &str,
        piece: Piece<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), Failure> {
        let delta = piece.delta.unwrap_or_default();
        match &*piece.kind.0 {
            "response.output_text.delta" => {
                say(events, Event::Text, delta);
                events.extend(logprobs(piece.logprobs.map(RawValue::get)));
            }
            "response.refusal.delta" => say(events, Event::Refusal, delta),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.thought = true;
                say(events, Event::Reasoning, delta);
            }
            "response.function_call_arguments.delta" => {
                self.arguments(piece.output_index, &delta, events);
            }
            "response.reasoning_summary_part.added" => self.next_thought(events),
            kind => return self.other(kind, text, piece.output_index, events),
        }
        Ok(())
    }

    /// An event that is no piece of a text.
    fn other(
        &mut self,
        kind: &str,
        text: &str,
        place: u64,
        events: &mut Vec<Event>,
    ) -> Result<(), Failure> {
        match kind {
            "response.created" => events.push(started(&read::<Value>(text)?["response"])),
            "response.completed" | "response.incomplete" | "response.failed" => {
                self.end(&read::<Value>(text)?["response"], events)?;
            }
            "response.output_text.annotation.added" => {
                events.extend(annotations(&[read::<Value>(text)?["annotation"].take()]));
            }
            "response.output_item.added" | "response.output_item.done" => {
                let item = &read::<Value>(text)?["item"];
                // Of the other kinds everything came in pieces.
                if item["type"] == "function_call" {
                    self.call(place, item, events);
                }
            }
            "error" => return Err(failed(text)),
            // What repeats what came in pieces, and whatever there will be.
            _ => {}
        }
        Ok(())
    }

    /// An item of a whole answer.
    fn item(&mut self, place: u64, item: &Value, events: &mut Vec<Event>) {
        match item["type"].as_str().unwrap_or_default() {
            "function_call" => self.call(place, item, events),
            "reasoning" => {
                for part in list(&item["summary"]).chain(list(&item["content"])) {
                    self.next_thought(events);
                    self.thought = true;
                    say(events, Event::Reasoning, owned(&part["text"]));
                }
            }
            "message" => {
                for part in list(&item["content"]) {
                    say(events, Event::Text, owned(&part["text"]));
                    say(events, Event::Refusal, owned(&part["refusal"]));
                    events.extend(part["annotations"].as_array().and_then(|it| annotations(it)));
                    let tokens = Some(&part["logprobs"]).filter(|it| it.is_array()).map(written);
                    events.extend(logprobs(tokens.as_deref()));
                }
            }
            // Of tools that the vendor runs itself.
            _ => {}
        }
    }

    /// A paragraph between what was thought and what will be.
    fn next_thought(&self, events: &mut Vec<Event>) {
        let gap = if self.thought { "\n\n" } else { "" };
        say(events, Event::Reasoning, gap.to_owned());
    }

    /// A call of a tool that begins, or is whole.
    fn call(&mut self, place: u64, item: &Value, events: &mut Vec<Event>) {
        if !self.calls.iter().any(|(at, _)| *at == place) {
            self.calls.push((place, false));
            let [id, name] = ["call_id", "name"].map(|name| item[name].as_str().map(str::to_owned));
            let index = self.calls.len() as u32 - 1;
            let call = ToolCallDelta { index, id, name, arguments: String::new() };
            events.push(Event::ToolCall(call));
        }
        // Not all upstreams send the arguments in pieces.
        if !self.calls.contains(&(place, true)) {
            self.arguments(place, item["arguments"].as_str().unwrap_or_default(), events);
        }
    }

    /// A piece of the arguments of the call at a place.
    fn arguments(&mut self, place: u64, arguments: &str, events: &mut Vec<Event>) {
        let found = (0..).zip(&mut self.calls).find(|(_, (at, _))| *at == place);
        let Some((index, (_, begun))) = found else { return };
        if !arguments.is_empty() {
            *begun = true;
            let arguments = arguments.to_owned();
            events.push(Event::ToolCall(ToolCallDelta { index, id: None, name: None, arguments }));
        }
    }

    /// How it ended, and what was used.
    fn end(&mut self, whole: &Value, events: &mut Vec<Event>) -> Result<(), Failure> {
        let details = whole["incomplete_details"]["reason"].as_str();
        let reason = match (whole["status"].as_str().unwrap_or_default(), details) {
            ("completed", _) if self.calls.is_empty() => "stop",
            ("completed", _) => "tool-calls",
            ("incomplete", None | Some("max_output_tokens")) => "length",
            ("incomplete", Some("content_filter")) => "content-filter",
            ("incomplete", Some(other)) => other,
            ("failed", _) => return Err(failed(&written(&whole["error"]))),
            // One that was put off, which nobody asked for.
            _ => return Err(malformed("the upstream's answer is not whole")),
        };
        self.over = true;
        events.push(Event::finished(reason));
        events.extend(Some(&whole["usage"]).filter(|it| it.is_object()).map(used));
        Ok(())
    }
}

fn say(events: &mut Vec<Event>, event: fn(TextDelta) -> Event, text: String) {
    push_text(events, 0, [(event, text)]);
}

fn started(whole: &Value) -> Event {
    Event::Started((owned(&whole["id"]), owned(&whole["model"])))
}

fn used(usage: &Value) -> Event {
    let (input, output) = (&usage["input_tokens_details"], &usage["output_tokens_details"]);
    // A number at OpenRouter, its parts at Perplexity.
    let cost = &usage["cost"];
    Event::Usage(Usage {
        input_tokens: usage["input_tokens"].as_u64(),
        output_tokens: usage["output_tokens"].as_u64(),
        cached_input_tokens: input["cached_tokens"].as_u64(),
        cache_write_tokens: input["cache_write_tokens"].as_u64(),
        reasoning_tokens: output["reasoning_tokens"].as_u64(),
        cost_usd: cost.as_f64().or_else(|| cost["total_cost"].as_f64()),
        ..Usage::default()
    })
}

/// Links that the text rests on, in the chat's shape; it knows none of files.
fn annotations(found: &[Value]) -> Option<Event> {
    let links: Vec<_> = found.iter().filter(|it| it["type"] == "url_citation").map(link).collect();
    let json = json!({ "index": 0, "annotations": links });
    (!links.is_empty()).then(|| Event::Other(("annotations".to_owned(), written(&json))))
}

fn link(it: &Value) -> Value {
    let mut link = it.clone();
    link.as_object_mut().into_iter().for_each(|it| drop(it.remove("type")));
    json!({ "type": "url_citation", "url_citation": link })
}

/// How likely each token was, in the chat's shape.
fn logprobs(tokens: Option<&str>) -> Option<Event> {
    let tokens = tokens.filter(|tokens| *tokens != "[]")?;
    let json = format!(r#"{{"index":0,"logprobs":{{"content":{tokens}}}}}"#);
    Some(Event::Other(("logprobs".to_owned(), json)))
}

/// The failure that an error under a successful status amounts to.
fn failed(error: &str) -> Failure {
    let error = ErrorBody::read(error.as_bytes()).unwrap_or_default();
    let failure = error_failure(None, error);
    let kind = match failure.code.as_deref().unwrap_or_default() {
        "image_content_policy_violation" | "bio_policy" => FailureKind::ContentRefused,
        "vector_store_timeout" => FailureKind::TimedOut,
        code if code == "invalid_prompt" || code.contains("image") => FailureKind::InvalidRequest,
        _ => failure.kind,
    };
    Failure { kind, ..failure }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn owned(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Reads what came. The error names the place and not what stood there, which may be anything.
fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let place = error.column();
        malformed(format!("the upstream sent what is not a response (column {place})"))
    })
}
