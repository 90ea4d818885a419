//! Ollama's own protocol: <https://docs.ollama.com/api/chat>, streams by
//! <https://docs.ollama.com/api/streaming>, vectors by <https://docs.ollama.com/api/embed>, errors
//! by <https://docs.ollama.com/api/errors>.

use serde_json::{Value, json};

use super::check::{Checked, base64, ensure};
use super::{Call, Reply, Vendor, Wanted};
use crate::answer::{Answer, End, pieces, split};
use crate::embeddings::{length, vector};
use crate::failures::{Failure, Fault, LONG};
use crate::request::{Asked, By, Said, Tool, array, strings};

pub(super) struct Ollama;

impl Vendor for Ollama {
    fn read(&self, call: &Call<'_>) -> Result<Wanted, Failure> {
        match (call.parts.method.as_str(), call.path) {
            ("POST", "/api/chat") => {
                check(call.body).map_err(|wrong| error(400, &format!("scripted: {wrong}")))?;
                Ok(Wanted::Chat(Box::new(read(call.body))))
            }
            ("POST", "/api/embed") => vectors(call.body),
            _ => Err(error(404, "404 page not found")),
        }
    }

    fn whole(&self, reply: &Reply<'_>) -> Value {
        let Answer { reasoning, text, .. } = reply.answer;
        let mut message = json!({"role": "assistant", "content": text});
        if !reasoning.is_empty() {
            message["thinking"] = reasoning.clone().into();
        }
        let calls = calls(reply);
        if !calls.is_empty() {
            message["tool_calls"] = calls.into();
        }
        last(reply, message)
    }

    fn stream(&self, reply: &Reply<'_>) -> Vec<String> {
        let Answer { reasoning, text, .. } = reply.answer;
        let thought = |text| json!({"role": "assistant", "content": "", "thinking": text});
        let said = |text| json!({"role": "assistant", "content": text});
        // Each call has a line of its own.
        let called = |call| json!({"role": "assistant", "content": "", "tool_calls": [call]});
        let messages = pieces(reasoning).into_iter().map(thought);
        let messages = messages.chain(split(text).into_iter().map(said));
        let messages = messages.chain(calls(reply).into_iter().map(called));
        let mut lines: Vec<Value> = messages.map(|message| line(reply, message, false)).collect();
        lines.push(last(reply, json!({"role": "assistant", "content": ""})));
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn broken(&self) -> String {
        format!("{}\n", json!({"error": "an error was encountered while running the model"}))
    }

    fn stream_type(&self) -> &'static str {
        "application/x-ndjson"
    }

    fn ends(&self, end: &End) -> bool {
        // A model that declines says so, and there is no filter.
        !matches!(end, End::Refused | End::Filtered)
    }

    fn failure(&self, fault: Fault) -> Option<Failure> {
        Some(match fault {
            Fault::InvalidRequest => error(400, "scripted: missing request body"),
            // The next two are of models of the cloud.
            Fault::Authentication => error(401, "unauthorized"),
            Fault::RateLimited => error(429, "too many requests").header("retry-after", LONG),
            Fault::NotFound => error(404, "model \"llama4\" not found, try pulling it first"),
            Fault::ContextTooLong => {
                let words = "the prompt is longer than the context length currently available to \
                             the model; shorten the prompt, adjust the context length in \
                             settings, or use a model with a longer context length";
                error(400, words)
            }
            Fault::Overloaded => {
                let words = "server busy, please try again.  maximum pending requests exceeded";
                error(503, words).header("retry-after", LONG)
            }
            Fault::Loading => error(503, "Loading model").header("retry-after", LONG),
            Fault::Upstream => error(500, "llama-server process has terminated: exit status 2"),
            Fault::NoTools => {
                error(400, "registry.ollama.ai/library/gemma:2b does not support tools")
            }
            Fault::Permission
            | Fault::ContentRefused
            | Fault::QuotaExhausted
            | Fault::TimedOut
            | Fault::NoVision => return None,
        })
    }

    fn headers(&self, _: u64) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

fn error(status: u16, message: &str) -> Failure {
    Failure::new(status, json!({"error": message}))
}

/// The types of Go's structs that a request is read into. What is in none of them is passed over.
fn check(body: &Value) -> Checked {
    for message in array(&body["messages"]) {
        let role = message["role"].as_str().unwrap_or_default();
        let known = ["system", "user", "assistant", "tool"].contains(&role);
        ensure(known, || format!("invalid role: {role}"))?;
        let text = message.get("content").is_none_or(Value::is_string);
        ensure(text, || "json: cannot unmarshal content into a string".to_owned())?;
        array(&message["images"]).iter().try_for_each(|image| base64(image, "images"))?;
        for call in array(&message["tool_calls"]) {
            let object = call["function"]["arguments"].is_object();
            ensure(object, || "json: cannot unmarshal arguments into a map".to_owned())?;
        }
    }
    let options = &body["options"];
    let list = options.get("stop").is_none_or(Value::is_array);
    ensure(list, || "option \"stop\" must be of type array".to_owned())?;
    let number = options.get("num_predict").is_none_or(Value::is_i64);
    ensure(number, || "option \"num_predict\" must be of type integer".to_owned())?;
    let format = &body["format"];
    let known = format.is_null() || format == "json" || format.is_object();
    ensure(known, || format!("invalid format: {format}; expected \"json\" or a JSON schema"))
}

/// The vectors of one text or of several.
fn vectors(body: &Value) -> Result<Wanted, Failure> {
    let texts = match &body["input"] {
        text @ Value::String(_) => std::slice::from_ref(text),
        Value::Array(texts) if texts.iter().all(Value::is_string) => texts,
        _ => return Err(error(400, "invalid input type")),
    };
    let vectors: Vec<_> = texts.iter().map(|text| vector(text, &body["dimensions"])).collect();
    let model = body["model"].as_str().unwrap_or_default().to_owned();
    let made = json!({
        "model": model,
        "embeddings": vectors,
        "total_duration": 14_143_917,
        "load_duration": 1_019_500,
        "prompt_eval_count": texts.iter().map(length).sum::<usize>(),
    });
    Ok(Wanted::Made(model, made))
}

/// What a request asks for. It may not choose among tools, and streams unless it says otherwise.
fn read(body: &Value) -> Asked {
    let messages = array(&body["messages"]);
    let images = messages.iter().flat_map(|message| array(&message["images"]));
    let functions = array(&body["tools"]).iter().map(|tool| &tool["function"]);
    let tools = functions.filter_map(|function| {
        let name = function["name"].as_str()?.to_owned();
        Some(Tool { name, parameters: function["parameters"].clone() })
    });
    Asked {
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        streams: body["stream"] != false,
        includes_usage: true,
        said: messages.iter().map(said).collect(),
        images: images.filter_map(Value::as_str).map(kind).collect(),
        tools: tools.collect(),
        schema: Some(&body["format"]).filter(|format| format.is_object()).cloned(),
        limit: body["options"]["num_predict"].as_u64().map(|limit| limit as usize),
        stop: strings(&body["options"]["stop"]),
        shows_thoughts: true,
        ..Asked::default()
    }
}

fn said(message: &Value) -> Said {
    let by = match message["role"].as_str() {
        Some("user") => By::User,
        Some("tool") => By::Tool,
        _ => By::Other,
    };
    Said { by, text: message["content"].as_str().unwrap_or_default().to_owned() }
}

/// The media type of an image, by how its base64 begins.
fn kind(image: &str) -> String {
    let kinds = [("iVBOR", "image/png"), ("/9j/", "image/jpeg"), ("R0lG", "image/gif")];
    let kind = kinds.into_iter().find(|(beginning, _)| image.starts_with(beginning));
    kind.map_or("unknown", |(_, kind)| kind).to_owned()
}

fn calls(reply: &Reply<'_>) -> Vec<Value> {
    let call = |(index, call): (usize, &crate::answer::Call)| {
        let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
        let function = json!({"index": index, "name": call.name, "arguments": arguments});
        json!({"id": format!("call_{}_{index}", reply.id), "function": function})
    };
    reply.answer.calls.iter().enumerate().map(call).collect()
}

fn line(reply: &Reply<'_>, message: Value, done: bool) -> Value {
    json!({
        "model": reply.asked.model,
        "created_at": "2026-08-04T08:52:19.385406455-07:00",
        "message": message,
        "done": done,
    })
}

fn last(reply: &Reply<'_>, message: Value) -> Value {
    let usage = reply.answer.usage(reply.asked);
    let mut last = line(reply, message, true);
    let reason = if reply.answer.end == End::Length { "length" } else { "stop" };
    last["done_reason"] = reason.into();
    for (name, value) in [
        ("total_duration", 4_883_583_458),
        ("load_duration", 1_334_875),
        ("prompt_eval_count", usage.prompt),
        ("prompt_eval_duration", 342_546_000),
        ("eval_count", usage.said),
        ("eval_duration", 4_535_599_000),
    ] {
        last[name] = value.into();
    }
    last
}
