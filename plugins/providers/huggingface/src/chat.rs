//! A chat in OpenAI's dialect: the sender's own body with a few edits, and the answer passed on.

use crate::answer::Answer;
use crate::settings::{Server, Settings};
use crate::{post, unsupported};
use portcullis_sdk::Request;
use portcullis_sdk::provider::{Body, Call, Failure, Framing, HttpCall, JsonEdit};

/// What TGI takes, and does nothing with.
const UNUSED: [&str; 5] =
    ["logit_bias", "parallel_tool_calls", "reasoning_effort", "service_tier", "user"];

pub(crate) fn call(settings: &Settings, request: &Request) -> Result<(Answer, Call), Failure> {
    let given = |name: &str| request.get(&format!("/{name}"), u32::MAX).filter(|it| it != "null");
    if given("n").is_some_and(|n| n != "1") {
        return unsupported("Hugging Face gives one answer: `n` can only be 1");
    }
    if request.needs("audio") || request.needs("files") {
        return unsupported("Hugging Face takes text and images in a chat, no sounds and no files");
    }
    let streaming = request.streaming();
    let model = serde_json::Value::from(request.model()).to_string();
    let set = |pointer: &str, json: String| JsonEdit::Set((pointer.to_owned(), json));
    let [newer, older] = ["/max_completion_tokens", "/max_tokens"].map(str::to_owned);
    let mut edits = vec![set("/model", model), JsonEdit::Move((newer, older))];
    edits.extend(streaming.then(|| set("/stream_options/include_usage", "true".to_owned())));
    // A list is all that it takes.
    let stop = given("stop").filter(|stop| stop.starts_with('"'));
    edits.extend(stop.map(|stop| set("/stop", format!("[{stop}]"))));
    let mut dropped = Vec::new();
    if settings.server == Server::Dedicated {
        if request.needs("json-schema") || request.needs("json-object") {
            edits.push(set("/response_format", grammar(request)?));
        }
        dropped.extend(UNUSED.iter().filter(|name| given(name).is_some()).map(|&it| it.to_owned()));
    }
    let framing = if streaming { Framing::Sse } else { Framing::Whole };
    let call = post("/v1/chat/completions".to_owned(), Body::Edited(edits), framing, dropped);
    let passthrough = settings.passthrough && request.dialect() == "openai";
    let answer = Answer::to(request, Vec::new(), None);
    Ok((answer, Call::Http(HttpCall { passthrough, ..call })))
}

/// The schema that the answer has to satisfy, in TGI's form.
pub(crate) fn grammar(request: &Request) -> Result<String, Failure> {
    match request.get("/response_format/json_schema/schema", u32::MAX) {
        Some(schema) => Ok(format!(r#"{{"type":"json","value":{schema}}}"#)),
        None => unsupported("text-generation-inference knows no JSON without a schema"),
    }
}
