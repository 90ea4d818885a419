//! A chat request as one of the Responses API.

use super::items;
use crate::provider::{Draft, Failure};
use crate::{Json, Request, object};

/// What of a chat has no place there, and cannot be left out: it would be another answer.
const REFUSED: [&str; 4] = ["n", "modalities", "audio", "functions"];

/// What is the same in both.
const SAME: [&str; 13] = [
    "temperature",
    "top_p",
    "top_logprobs",
    "parallel_tool_calls",
    "metadata",
    "user",
    "safety_identifier",
    "service_tier",
    "reasoning",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "truncation",
];

/// Writes the body, all of it. What the API has no place for stays asked in the draft, which
/// names it.
///
/// `carries`: where tools are offered, the model's thoughts are asked for, encrypted, and those
/// that the sender gives back are sent (see [`Response`](super::Response)). Models that do not
/// reason refuse to be asked.
pub fn write(draft: &mut Draft<'_>, request: &Request, carries: bool) -> Result<(), Failure> {
    if let Some(name) = REFUSED.iter().find(|name| draft.asks(name)) {
        let message = format!("the Responses API has no place for `{name}`");
        return Err(Failure::unsupported(name, message));
    }
    let model = request.model();
    let messages = draft.take("messages");
    let named = |message: &Json<'_>| message["name"].is_text() && message["role"] != "tool";
    if messages.items().iter().any(named) {
        draft.lose("messages.name");
    }
    let input = items::of(messages, Some(&*model).filter(|_| carries))?;
    let tools = draft.take("tools").into_items();
    let thoughts = carries && !tools.is_empty();
    let tools = tools.into_iter().map(tool).collect::<Result<Json<'_>, _>>()?;
    let logprobs = draft.take("logprobs") == true;
    let more =
        [(logprobs, "message.output_text.logprobs"), (thoughts, "reasoning.encrypted_content")];
    let more = more.into_iter().filter(|(asked, _)| *asked).map(|(_, name)| Json::from(name));
    let [store, choice, effort, older, newer, format, verbosity] = [
        "store",
        "tool_choice",
        "reasoning_effort",
        "max_tokens",
        "max_completion_tokens",
        "response_format",
        "verbosity",
    ]
    .map(|name| draft.take(name));
    for name in SAME {
        draft.pass(&[(name, name)]);
    }
    let format = raised(format, "json_schema").something();
    for (name, value) in [
        ("model", model.into()),
        ("stream", request.streaming().then_some(true).into()),
        // The chat API keeps nothing unless it is told to, this one everything unless it is told
        // not.
        ("store", store.or(false)),
        ("input", input.something()),
        ("tools", tools.something()),
        ("tool_choice", raised(choice, "function")),
        ("max_output_tokens", newer.or(older)),
        ("reasoning", object! { "effort": effort }.something()),
        ("text", object! { "format": format, "verbosity": verbosity }.something()),
        ("include", more.collect::<Json<'_>>().something()),
    ] {
        draft.set(name, value);
    }
    Ok(())
}

/// A function that the model may call, its members at the top. Strict by default there, where the
/// chat's are not. Tools of other kinds are that API's own (`web_search`…), and stay as they are.
fn tool(mut tool: Json<'_>) -> Result<Json<'_>, Failure> {
    if !tool.take("custom").is_null() {
        return Err(Failure::unsupported("tools", "this provider offers functions only"));
    }
    if !tool["function"].is_null() {
        tool.set("strict", false);
    }
    Ok(raised(tool, "function"))
}

/// An object with the members of one of its own in that one's place.
pub(super) fn raised<'a>(mut object: Json<'a>, name: &str) -> Json<'a> {
    if let Json::Object(inner) = object.take(name) {
        inner.into_iter().for_each(|(name, value)| object.set(name, value));
    }
    object
}
