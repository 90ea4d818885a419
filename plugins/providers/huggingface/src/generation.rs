//! Text generation: a prompt, and parameters by TGI's names.

use crate::answer::Answer;
use crate::chat::grammar;
use crate::settings::{Server, Settings};
use crate::{fields, post, prompt, read, unsupported};
use portcullis_sdk::Request;
use portcullis_sdk::provider::{Body, Call, Failure, Framing};
use serde_json::Value;

pub(crate) fn call(settings: &Settings, request: &Request) -> Result<(Answer, Call), Failure> {
    let (asked, mut dropped) = (fields(request)?, Vec::new());
    let has = |name: &str, json: &str| asked.get(name).is_some_and(|value| value.get() == json);
    let drawn = !has("temperature", "0") && !has("temperature", "0.0");
    let is_json = request.needs("json-schema") || request.needs("json-object");
    let (mut inputs, mut stops) = (String::new(), settings.stop.clone());
    let mut parameters = format!(r#""details":true,"return_full_text":false,"do_sample":{drawn}"#);
    for (name, value) in &asked {
        let json = value.get();
        let mut say = |word: &str, json: &str| parameters += &format!(r#","{word}":{json}"#);
        match (name.as_str(), json) {
            // The host's part.
            ("model" | "stream" | "stream_options" | "metadata", _) => {}
            // What is so in any event.
            ("n", "1") | ("parallel_tool_calls", "true") | ("logprobs" | "store", "false") => {}
            ("tools", "[]") | ("tool_choice", r#""auto""# | r#""none""#) => {}
            ("tools", _) if has("tool_choice", r#""none""#) => {}
            ("n", _) => return unsupported("text generation gives one answer: `n` can only be 1"),
            ("tools", _) => return unsupported("text generation calls no tools"),
            ("messages", _) => inputs = prompt::of(&read::<Vec<Value>>(name, json)?, settings)?,
            ("stop", _) if json.starts_with('"') => stops.push(read(name, json)?),
            ("stop", _) => stops.extend(read::<Vec<String>>(name, json)?),
            ("response_format", _) if is_json => say("grammar", &grammar(request)?),
            // It has to be over 0; `do_sample` says what 0 does.
            ("temperature", _) if !drawn => {}
            // It has to be under 1, which is the same as nothing.
            ("top_p", "1" | "1.0") => {}
            ("max_tokens", _) if asked.contains_key("max_completion_tokens") => {}
            ("max_tokens" | "max_completion_tokens", _) => say("max_new_tokens", json),
            (
                "temperature" | "top_p" | "top_k" | "typical_p" | "seed" | "frequency_penalty"
                | "repetition_penalty",
                _,
            ) => say(name, json),
            _ => dropped.push(name.clone()),
        }
    }
    let (inputs, list) = (Value::from(inputs), Value::from(stops.clone()));
    let mut body = format!(r#"{{"inputs":{inputs},"parameters":{{{parameters},"stop":{list}}}}}"#);
    let streaming = request.streaming();
    let path = if streaming { "/generate_stream" } else { "/generate" };
    let framing = if streaming { Framing::Sse } else { Framing::Whole };
    if settings.server == Server::Hub {
        body.insert_str(1, &format!(r#""stream":{streaming},"#));
    }
    let call = post(settings.path(request, path, "")?, Body::Bytes(body.into()), framing, dropped);
    Ok((Answer::to(request, stops, None), Call::Http(call)))
}
