//! What chat completions and the other operations insist on, as far as a gateway could get it wrong.

use serde_json::Value;

use crate::request::array;
use crate::vendor::check::{Checked, each_schema, ensure, within};

/// The fields of a request. Whatever else stands there is refused.
const FIELDS: [&str; 35] = [
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

/// The fields of a request for vectors, likewise.
const VECTORS: [&str; 5] = ["dimensions", "encoding_format", "input", "model", "user"];

/// The fields of a request for a transcript, likewise.
const TRANSCRIPT: [&str; 12] = [
    "chunking_strategy",
    "file",
    "include",
    "known_speaker_names",
    "known_speaker_references",
    "language",
    "model",
    "prompt",
    "response_format",
    "stream",
    "temperature",
    "timestamp_granularities",
];

pub(super) fn vectors(body: &Value) -> Checked {
    recognized(body, &VECTORS)
}

pub(super) fn transcript(form: &Value) -> Checked {
    recognized(form, &TRANSCRIPT)?;
    let times = form.get("timestamp_granularities").is_some();
    ensure(!times || form["response_format"] == "verbose_json", || {
        "timestamp_granularities are supported with response_format 'verbose_json' only".to_owned()
    })
}

fn recognized(body: &Value, fields: &[&str]) -> Checked {
    let unknown =
        body.as_object().into_iter().flatten().find(|(name, _)| !fields.contains(&name.as_str()));
    match unknown {
        Some((name, _)) => Err(format!("Unrecognized request argument supplied: {name}")),
        None => Ok(()),
    }
}

pub(super) fn check(body: &Value) -> Checked {
    recognized(body, &FIELDS)?;
    ensure(body["model"].is_string(), || "you must provide a model parameter".to_owned())?;
    within(body, "temperature", 0.0, 2.0)?;
    within(body, "top_p", 0.0, 1.0)?;
    taken(body)?;
    let asks_for_usage = body.get("stream_options").is_some();
    ensure(!asks_for_usage || body["stream"] == true, || {
        "The 'stream_options' parameter is only allowed when 'stream' is enabled.".to_owned()
    })?;
    messages(array(&body["messages"]))?;
    tools(body)?;
    format(body)
}

/// What only some models take: those that reason draw as they like, and count their thoughts into
/// the limit. <https://platform.openai.com/docs/guides/reasoning>
fn taken(body: &Value) -> Checked {
    const NOT_REASONING: [&str; 8] = [
        "max_tokens",
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "logprobs",
        "logit_bias",
        "stop",
    ];
    let model = body["model"].as_str().unwrap_or_default();
    let reasons = ["gpt-5", "o1", "o3", "o4"].iter().any(|family| model.starts_with(family));
    let refused: &[&str] = if reasons { &NOT_REASONING } else { &["reasoning_effort"] };
    match refused.iter().find(|field| body.get(**field).is_some()) {
        Some(field) => {
            Err(format!("Unsupported parameter: '{field}' is not supported with this model."))
        }
        None => Ok(()),
    }
}

fn messages(messages: &[Value]) -> Checked {
    ensure(!messages.is_empty(), || "[] is too short - 'messages'".to_owned())?;
    let mut open: Vec<&Value> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        let known = ["developer", "system", "user", "assistant", "tool", "function"];
        ensure(known.contains(&role), || format!("Invalid value: '{role}' - 'messages.[{at}]'"))?;
        if role == "tool" {
            let expected = open.iter().position(|id| **id == message["tool_call_id"]);
            let Some(at) = expected else {
                return Err("messages with role 'tool' must be a response to a preceding message \
                            with 'tool_calls'."
                    .to_owned());
            };
            open.remove(at);
            continue;
        }
        ensure(open.is_empty(), || {
            "An assistant message with 'tool_calls' must be followed by tool messages responding \
             to each 'tool_call_id'."
                .to_owned()
        })?;
        open = array(&message["tool_calls"]).iter().map(|call| &call["id"]).collect();
    }
    Ok(())
}

fn tools(body: &Value) -> Checked {
    for tool in array(&body["tools"]) {
        let named = tool["type"] != "function" || tool["function"]["name"].is_string();
        ensure(named, || "Missing required parameter: 'tools[0].function'.".to_owned())?;
    }
    let chosen = body.get("tool_choice").is_some() || body.get("parallel_tool_calls").is_some();
    ensure(!chosen || !array(&body["tools"]).is_empty(), || {
        "'tool_choice' is only allowed when 'tools' are specified.".to_owned()
    })
}

/// <https://platform.openai.com/docs/guides/structured-outputs>
fn format(body: &Value) -> Checked {
    let format = &body["response_format"];
    if format["type"] == "json_object" {
        let told = body["messages"].to_string().to_lowercase().contains("json");
        return ensure(told, || {
            "'messages' must contain the word 'json' in some form, to use 'response_format' of \
             type 'json_object'."
                .to_owned()
        });
    }
    let schema = &format["json_schema"];
    if schema.is_null() {
        return Ok(());
    }
    ensure(schema["name"].is_string(), || {
        "Missing required parameter: 'response_format.json_schema.name'.".to_owned()
    })?;
    if schema["strict"] != true {
        return Ok(());
    }
    each_schema(&schema["schema"], "schema", &mut |schema, place| {
        let Some(properties) = schema["properties"].as_object() else { return Ok(()) };
        let closed = schema["additionalProperties"] == false;
        ensure(closed, || format!("{place}: 'additionalProperties' is required to be false."))?;
        let required = array(&schema["required"]);
        let all = properties.keys().all(|name| required.iter().any(|it| it == name));
        ensure(all, || format!("{place}: 'required' is required to include every key."))
    })
}
