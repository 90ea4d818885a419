//! What `generateContent` insists on, as far as a gateway could get it wrong.

use serde_json::Value;

use crate::request::array;
use crate::vendor::check::{Checked, base64, ensure, knows, within};

const FIELDS: [&str; 8] = [
    "contents",
    "tools",
    "toolConfig",
    "safetySettings",
    "systemInstruction",
    "generationConfig",
    "cachedContent",
    "serviceTier",
];

const CONFIG: [&str; 19] = [
    "stopSequences",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseModalities",
    "candidateCount",
    "maxOutputTokens",
    "temperature",
    "topP",
    "topK",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "responseLogprobs",
    "logprobs",
    "enableEnhancedCivicAnswers",
    "speechConfig",
    "thinkingConfig",
    "mediaResolution",
];

pub(super) fn check(model: &str, body: &Value) -> Checked {
    knows(body, "Invalid JSON payload received", &FIELDS)?;
    if let Some(config) = body.get("generationConfig") {
        knows(config, "Invalid JSON payload received: generation_config", &CONFIG)?;
        within(config, "temperature", 0.0, 2.0)?;
        formed(config)?;
    }
    contents(model, array(&body["contents"]))?;
    let functions = array(&body["tools"]).iter().flat_map(|it| array(&it["functionDeclarations"]));
    for function in functions {
        let fields = ["name", "description", "parameters", "parametersJsonSchema", "behavior"];
        knows(function, "Invalid JSON payload received: function_declarations", &fields)?;
    }
    Ok(())
}

/// A request of which the tokens are counted.
pub(super) fn counted(model: &str, request: &Value) -> Checked {
    named(model, request)?;
    let mut request = request.clone();
    if let Some(fields) = request.as_object_mut() {
        fields.remove("model");
    }
    check(model, &request)
}

/// A request for a vector.
pub(super) fn embedded(model: &str, request: &Value) -> Checked {
    let fields = ["model", "content", "taskType", "title", "outputDimensionality"];
    knows(request, "Invalid JSON payload received", &fields)?;
    named(model, request)?;
    let text = request["content"]["parts"][0]["text"].as_str().unwrap_or_default();
    ensure(!text.is_empty(), || "content is empty".to_owned())
}

/// That a request within another is for the model of the path.
fn named(model: &str, request: &Value) -> Checked {
    ensure(request["model"] == format!("models/{model}"), || {
        format!("model: {} is not that of the URL", request["model"])
    })
}

fn formed(config: &Value) -> Checked {
    let schema = config.get("responseJsonSchema").or_else(|| config.get("responseSchema"));
    let json = config["responseMimeType"] == "application/json";
    ensure(schema.is_none() || json, || {
        "Function calling with a response schema needs the mime type 'application/json'".to_owned()
    })?;
    let level = &config["thinkingConfig"]["thinkingLevel"];
    let known = matches!(level.as_str(), None | Some("minimal" | "low" | "medium" | "high"));
    ensure(known, || format!("Invalid value at 'generation_config.thinking_config': {level}"))
}

/// The turns, and that results follow calls.
/// <https://ai.google.dev/gemini-api/docs/generate-content/function-calling>
fn contents(model: &str, contents: &[Value]) -> Checked {
    ensure(!contents.is_empty(), || "contents is not specified".to_owned())?;
    let mut called = 0;
    for content in contents {
        knows(content, "Invalid JSON payload received: contents", &["role", "parts"])?;
        let role = content["role"].as_str().unwrap_or("user");
        ensure(role == "user" || role == "model", || {
            "Please use a valid role: user, model.".to_owned()
        })?;
        let parts = array(&content["parts"]);
        ensure(!parts.is_empty(), || "contents.parts must not be empty.".to_owned())?;
        parts.iter().try_for_each(part)?;
        let answered = parts.iter().filter(|it| it.get("functionResponse").is_some()).count();
        ensure(answered == called, || {
            "Please ensure that the number of function response parts is equal to the number of \
             function call parts of the function call turn."
                .to_owned()
        })?;
        let calls: Vec<&Value> =
            parts.iter().filter(|part| part.get("functionCall").is_some()).collect();
        called = calls.len();
        // <https://ai.google.dev/gemini-api/docs/generate-content/thought-signatures>
        let signed = calls.first().is_none_or(|call| call["thoughtSignature"].is_string());
        ensure(signed || !model.starts_with("gemini-3"), || {
            "Function call is missing a thought_signature in functionCall parts.".to_owned()
        })?;
    }
    Ok(())
}

fn part(part: &Value) -> Checked {
    const KINDS: [&str; 5] = ["text", "inlineData", "fileData", "functionCall", "functionResponse"];
    let kinds = KINDS.into_iter().filter(|kind| part.get(kind).is_some()).count();
    ensure(kinds == 1, || "contents.parts.data: required oneof field must be set".to_owned())?;
    ensure(part["text"] != "", || "Unable to submit request: empty text parameter".to_owned())?;
    if let Some(data) = part.get("inlineData") {
        ensure(data["mimeType"].is_string(), || "inline_data.mime_type: required".to_owned())?;
        base64(&data["data"], "inline_data.data")?;
    }
    if let Some(response) = part.get("functionResponse") {
        let object = response["response"].is_object() && response["name"].is_string();
        ensure(object, || "function_response.response: must be an object".to_owned())?;
    }
    Ok(())
}
