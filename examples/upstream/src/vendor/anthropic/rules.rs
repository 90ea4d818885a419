//! What the Messages API insists on, as far as a gateway could get it wrong.

use serde_json::Value;

use crate::request::array;
use crate::vendor::check::{Checked, base64, each_schema, ensure, knows, within};

/// The fields of a request. Whatever else stands there is refused.
const FIELDS: [&str; 20] = [
    "cache_control",
    "container",
    "context_management",
    "inference_geo",
    "max_tokens",
    "mcp_servers",
    "messages",
    "metadata",
    "model",
    "output_config",
    "service_tier",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

/// Models that think and draw as they like.
/// <https://platform.claude.com/docs/en/models/opus-5-5/whats-new-opus-5-5>
fn is_newer(model: &str) -> bool {
    model.contains("-5-5") || model.contains("fable")
}

/// The limit, which counting does not need.
pub(super) fn limited(body: &Value) -> Checked {
    let limit = body["max_tokens"].as_u64();
    ensure(limit.is_some_and(|limit| limit > 0), || "max_tokens: Field required".to_owned())
}

/// Everything else.
pub(super) fn check(body: &Value) -> Checked {
    knows(body, "request", &FIELDS)?;
    ensure(body["model"].is_string(), || "model: Field required".to_owned())?;
    within(body, "temperature", 0.0, 1.0)?;
    within(body, "top_p", 0.0, 1.0)?;
    drawn(body)?;
    system(&body["system"])?;
    messages(array(&body["messages"]))?;
    tools(body)?;
    format(&body["output_config"]["format"])
}

/// How newer models are not spoken to.
fn drawn(body: &Value) -> Checked {
    let model = body["model"].as_str().unwrap_or_default();
    if !is_newer(model) {
        let both = body.get("temperature").is_some() && body.get("top_p").is_some();
        let words = "`temperature` and `top_p` cannot both be specified for this model.";
        return ensure(!both, || words.to_owned());
    }
    for field in ["temperature", "top_p", "top_k"] {
        ensure(body.get(field).is_none(), || {
            format!("`{field}` is not supported for this model.")
        })?;
    }
    let kind = body["thinking"]["type"].as_str().unwrap_or("adaptive");
    ensure(kind == "adaptive", || {
        format!("\"thinking.type.{kind}\" is not supported for this model.")
    })?;
    let forced = matches!(body["tool_choice"]["type"].as_str(), Some("any" | "tool"));
    let refuses = model.contains("opus-5-5") || model.contains("fable");
    ensure(!(forced && refuses), || {
        "tool_choice: type \"tool\" and \"any\" are not supported for this model.".to_owned()
    })
}

fn system(system: &Value) -> Checked {
    array(system).iter().try_for_each(|block| {
        ensure(block["type"] == "text", || "system: only text is allowed".to_owned())?;
        written(block, "system")
    })
}

fn written(block: &Value, place: &str) -> Checked {
    knows(block, place, &["type", "text", "cache_control", "citations"])?;
    let text = block["text"].as_str().unwrap_or_default();
    ensure(!text.trim().is_empty(), || {
        format!("{place}: text content blocks must contain non-whitespace text")
    })
}

fn messages(messages: &[Value]) -> Checked {
    ensure(!messages.is_empty(), || "messages: at least one message is required".to_owned())?;
    ensure(messages[0]["role"] == "user", || {
        "messages: first message must use the \"user\" role".to_owned()
    })?;
    let mut open: Vec<&Value> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let place = format!("messages.{at}");
        knows(message, &place, &["role", "content"])?;
        let known = message["role"] == "user" || message["role"] == "assistant";
        ensure(known, || format!("{place}.role: {} is not a role", message["role"]))?;
        answered(message, &place, &open)?;
        let blocks = array(&message["content"]);
        let text = message["content"].as_str().unwrap_or_default();
        ensure(!blocks.is_empty() || !text.is_empty(), || {
            format!("{place}: all messages must have non-empty content")
        })?;
        blocks.iter().try_for_each(|it| block(it, &place))?;
        open = blocks.iter().filter(|it| it["type"] == "tool_use").map(|it| &it["id"]).collect();
    }
    Ok(())
}

/// That the calls of the message before are answered here, each of them and no others.
fn answered(message: &Value, place: &str, open: &[&Value]) -> Checked {
    let results = array(&message["content"]).iter().filter(|it| it["type"] == "tool_result");
    let results: Vec<&Value> = results.map(|it| &it["tool_use_id"]).collect();
    ensure(open.iter().all(|id| results.contains(id)), || {
        format!("{place}: `tool_use` ids were found without `tool_result` blocks")
    })?;
    ensure(results.iter().all(|id| open.contains(id)), || {
        format!("{place}: unexpected `tool_use_id` found in `tool_result` blocks")
    })
}

fn block(block: &Value, place: &str) -> Checked {
    match block["type"].as_str().unwrap_or_default() {
        "text" => written(block, place),
        "image" | "document" => source(&block["source"], place),
        "tool_use" => {
            let fits = block["input"].is_object() && block["id"].is_string();
            ensure(fits, || format!("{place}: tool_use.input: Input should be a valid dictionary"))
        }
        "tool_result" => array(&block["content"]).iter().try_for_each(|inner| {
            let known = inner["type"] == "text" || inner["type"] == "image";
            ensure(known, || format!("{place}: tool_result takes text and images"))
        }),
        "thinking" => {
            let signed = block["signature"].as_str().is_some_and(|it| !it.is_empty());
            ensure(signed, || format!("{place}: thinking.signature: Field required"))
        }
        "redacted_thinking" => Ok(()),
        other => Err(format!("{place}: Input tag '{other}' does not match any of the expected")),
    }
}

fn source(source: &Value, place: &str) -> Checked {
    match source["type"].as_str().unwrap_or_default() {
        "base64" => {
            let kinds = ["image/jpeg", "image/png", "image/gif", "image/webp", "application/pdf"];
            let kind = source["media_type"].as_str().unwrap_or_default();
            ensure(kinds.contains(&kind), || format!("{place}: media_type {kind:?}"))?;
            base64(&source["data"], place)
        }
        "url" => {
            let url = source["url"].as_str().unwrap_or_default();
            ensure(url.starts_with("https://"), || {
                format!("{place}: Only HTTPS URLs are supported")
            })
        }
        "file" | "text" => Ok(()),
        other => Err(format!("{place}.source: Input tag '{other}' does not match")),
    }
}

fn tools(body: &Value) -> Checked {
    const FIELDS: [&str; 7] = [
        "type",
        "name",
        "description",
        "input_schema",
        "strict",
        "cache_control",
        "input_examples",
    ];
    let tools = array(&body["tools"]);
    // Tools of the vendor's own have a type.
    let own = |tool: &&Value| tool["type"].as_str().is_none_or(|kind| kind == "custom");
    for tool in tools.iter().filter(own) {
        knows(tool, "tools", &FIELDS)?;
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let name = tool["name"].as_str().unwrap_or_default();
        let named = (1..=128).contains(&name.len()) && name.chars().all(good);
        ensure(named, || format!("tools.name: {name:?} should match pattern"))?;
        ensure(tool["input_schema"]["type"] == "object", || {
            format!("tools.{name}.input_schema.type: Field required")
        })?;
    }
    let Some(choice) = body.get("tool_choice") else { return Ok(()) };
    let known = matches!(choice["type"].as_str(), Some("auto" | "any" | "tool" | "none"));
    ensure(known, || "tool_choice: Input tag does not match".to_owned())?;
    ensure(!tools.is_empty(), || {
        "tool_choice may only be specified while providing tools".to_owned()
    })
}

/// <https://platform.claude.com/docs/en/build-with-claude/structured-outputs>
fn format(format: &Value) -> Checked {
    if format.is_null() {
        return Ok(());
    }
    knows(format, "output_config.format", &["type", "schema"])?;
    each_schema(&format["schema"], "output_config.format.schema", &mut |schema, place| {
        let closed = schema["type"] != "object" || schema["additionalProperties"] == false;
        ensure(closed, || {
            format!("{place}: For 'object' type, 'additionalProperties' must be set to false")
        })?;
        let refused = ["minimum", "maximum", "multipleOf", "minLength", "maxLength", "maxItems"];
        match refused.into_iter().find(|keyword| schema.get(keyword).is_some()) {
            Some(keyword) => Err(format!("{place}: property '{keyword}' is not supported")),
            None => Ok(()),
        }
    })
}
