//! A chat in OpenAI's dialect: the sender's own body with a few edits, and the answer passed on.

use crate::answer::Answer;
use crate::settings::{Server, Settings};
use portcullis_sdk::prelude::*;

/// What TGI takes, and does nothing with.
const UNUSED: [&str; 5] =
    ["logit_bias", "parallel_tool_calls", "reasoning_effort", "service_tier", "user"];

pub(crate) fn call(settings: &Settings, request: &Request) -> Result<(Answer, HttpCall), Failure> {
    let given = |name: &str| request.get(&format!("/{name}"), u32::MAX).filter(|it| it != "null");
    if given("n").is_some_and(|n| n != "1") {
        return Err(Failure::unsupported("n", "Hugging Face gives one answer: `n` can only be 1"));
    }
    if request.needs("audio") || request.needs("files") {
        let message = "Hugging Face takes text and images in a chat, no sounds and no files";
        return Err(Failure::unsupported("messages", message));
    }
    let streaming = request.streaming();
    let set = |pointer: &str, json: String| JsonEdit::Set((pointer.to_owned(), json));
    let [newer, older] = ["/max_completion_tokens", "/max_tokens"].map(str::to_owned);
    let model = Json::from(request.model()).to_string();
    let mut edits = vec![set("/model", model), JsonEdit::Move((newer, older))];
    // Models' templates know "system" only, and some servers refuse any other.
    let roles = request.in_messages("role").into_iter();
    let developers = roles.filter(|(_, role)| role == r#""developer""#);
    edits.extend(
        developers.map(|(at, _)| set(&format!("/messages/{at}/role"), r#""system""#.to_owned())),
    );
    edits.extend(streaming.then(|| set("/stream_options/include_usage", "true".to_owned())));
    // A list is all that it takes.
    let stop = given("stop").filter(|stop| stop.starts_with('"'));
    edits.extend(stop.map(|stop| set("/stop", format!("[{stop}]"))));
    let mut dropped = Vec::new();
    if settings.server == Server::Dedicated {
        let format = request.get("/response_format", u32::MAX).unwrap_or_default();
        let grammar = grammar(Json::read(&format).unwrap_or_default())?;
        let grammar = (!grammar.is_null()).then(|| set("/response_format", grammar.to_string()));
        edits.extend(grammar);
        dropped.extend(UNUSED.iter().filter(|name| given(name).is_some()).map(|&it| it.to_owned()));
    }
    let framing = if streaming { Framing::Sse } else { Framing::Whole };
    let call = HttpCall::post("/v1/chat/completions", Body::Edited(edits)).framing(framing);
    let passthrough = settings.passthrough && request.dialect() == "openai";
    Ok((Answer::to(request, Vec::new(), None), HttpCall { passthrough, ..call.dropping(dropped) }))
}

/// The schema that the answer has to satisfy, in TGI's form; null where it is text.
pub(crate) fn grammar(format: Json<'_>) -> Result<Json<'_>, Failure> {
    match Form::read(format)? {
        Form::Text => Ok(Json::Null),
        Form::Schema(schema) => Ok(object! { "type": "json", "value": schema }),
        Form::Object => {
            let message = "text-generation-inference knows no JSON without a schema";
            Err(Failure::unsupported("response_format", message))
        }
    }
}
