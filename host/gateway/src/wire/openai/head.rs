//! The fields of a request that the gateway acts on, read without copying the rest.

use crate::refusal::Refusal;
use crate::request::Operation;
use crate::wire::fields::{given, kind_of, messages, model, not_an_object, optional, utf8};
use crate::wire::head::Head;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Every field is raw at first: a value of the wrong type is to be reported with its name and
/// what was expected, not with serde's position alone.
#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow)]
    stream_options: Option<&'a RawValue>,
    #[serde(borrow)]
    encoding_format: Option<&'a RawValue>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    #[serde(borrow)]
    response_format: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_effort: Option<&'a RawValue>,
    #[serde(borrow)]
    logprobs: Option<&'a RawValue>,
    #[serde(borrow)]
    n: Option<&'a RawValue>,
    #[serde(borrow)]
    max_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    max_completion_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
struct ResponseFormat {
    #[serde(rename = "type")]
    kind: String,
}

/// Reads a body.
///
/// # Errors
///
/// A refusal that names the field, for what is not JSON, not an object, or of a wrong type.
pub fn read(operation: Operation, body: &[u8]) -> Result<Head, Refusal> {
    let text = utf8(body)?;
    let raw: Raw<'_> = serde_json::from_str(text).map_err(|error| not_an_object(text, &error))?;
    let model = model(raw.model)?;
    let content = match operation {
        Operation::Embeddings => inputs(raw.input)?,
        Operation::Chat | Operation::CountTokens => messages(raw.messages, "messages")?.get(),
        // What was said in a file is not known before it was transcribed.
        Operation::Transcription => "",
    };
    let streaming = matches!(operation, Operation::Chat | Operation::Transcription)
        && optional(raw.stream, "stream", "a boolean")?.unwrap_or(false);
    let options: Option<StreamOptions> =
        optional(raw.stream_options, "stream_options", "an object")?;
    let encoding: Option<String> = optional(raw.encoding_format, "encoding_format", "a string")?;
    let most = optional(raw.max_completion_tokens, "max_completion_tokens", "a whole number")?;
    let most = most.or(optional(raw.max_tokens, "max_tokens", "a whole number")?);
    Ok(Head {
        model,
        streaming,
        wants_usage: options.and_then(|options| options.include_usage).unwrap_or(false),
        answers: optional(raw.n, "n", "a whole number")?.unwrap_or(1),
        base64: encoding.as_deref() == Some("base64"),
        needs: match operation {
            // The fields of these have other meanings where they have the same names.
            Operation::Embeddings | Operation::Transcription => Vec::new(),
            Operation::Chat | Operation::CountTokens => needs(&raw)?,
        },
        max_output_tokens: most,
        labels: labels(raw.metadata),
        input_tokens: super::text::estimate(content),
    })
}

fn inputs(input: Option<&RawValue>) -> Result<&str, Refusal> {
    let Some(input) = given(input) else {
        return Err(Refusal::missing("input"));
    };
    match input.get().as_bytes().first() {
        Some(b'"' | b'[') => Ok(input.get()),
        _ => {
            let found = kind_of(input.get());
            let message = format!("`input` is {found}; expected a string or an array.");
            Err(Refusal::invalid(message, Some("input")))
        }
    }
}

fn needs(raw: &Raw<'_>) -> Result<Vec<&'static str>, Refusal> {
    let mut needs = Vec::new();
    let tools: Option<Vec<&RawValue>> = optional(raw.tools, "tools", "an array")?;
    if tools.is_some_and(|tools| !tools.is_empty()) {
        needs.push("tools");
    }
    let format: Option<ResponseFormat> =
        optional(raw.response_format, "response_format", "an object with a `type`")?;
    match format.as_ref().map(|format| format.kind.as_str()) {
        Some("json_object") => needs.push("json-object"),
        Some("json_schema") => needs.push("json-schema"),
        _ => {}
    }
    if given(raw.reasoning_effort).is_some() {
        needs.push("reasoning");
    }
    if optional(raw.logprobs, "logprobs", "a boolean")?.unwrap_or(false) {
        needs.push("logprobs");
    }
    if let Some(messages) = raw.messages {
        needs.extend(super::text::media(messages.get()));
    }
    Ok(needs)
}

/// `metadata` may hold anything; what is a string there is a label.
fn labels(metadata: Option<&RawValue>) -> Vec<(String, String)> {
    let Some(metadata) = given(metadata) else {
        return Vec::new();
    };
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(metadata.get()).unwrap_or_default();
    let strings = object.into_iter().filter_map(|(name, value)| match value {
        serde_json::Value::String(value) => Some((name, value)),
        _ => None,
    });
    strings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(operation: Operation, body: &str, expected: &str) {
        let refusal = read(operation, body.as_bytes()).unwrap_err();
        assert!(
            refusal.message.contains(expected),
            "expected {expected:?} in {:?}",
            refusal.message
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let chat = Operation::Chat;
        refused(chat, "", "The body is empty");
        refused(chat, "{\"model\": ", "not JSON");
        refused(chat, "hello", "not JSON");
        refused(chat, "[1]", "The body is an array; expected a JSON object");
        refused(chat, "\"x\"", "The body is a string");
        refused(chat, "7", "expected a JSON object");
        refused(chat, "{}", "`model` is missing");
        refused(chat, r#"{"model":null,"messages":[1]}"#, "`model` is missing");
        refused(chat, r#"{"model":7}"#, "`model` is a number; expected a string");
        refused(chat, r#"{"model":"","messages":[{}]}"#, "`model` is empty");
        refused(chat, r#"{"model":"m"}"#, "`messages` is missing");
        refused(
            chat,
            r#"{"model":"m","messages":{}}"#,
            "`messages` is an object; expected an array",
        );
        refused(chat, r#"{"model":"m","messages":[ ]}"#, "`messages` is empty");
        refused(
            chat,
            r#"{"model":"m","messages":[{}],"stream":"yes"}"#,
            "`stream` is a string; expected a boolean",
        );
        refused(
            chat,
            r#"{"model":"m","messages":[{}],"max_tokens":-1}"#,
            "`max_tokens` is a number; expected a whole number",
        );
        refused(chat, r#"{"model":"m","model":"n","messages":[{}]}"#, "duplicate field `model`");
        refused(Operation::Embeddings, r#"{"model":"m"}"#, "`input` is missing");
        refused(Operation::Embeddings, r#"{"model":"m","input":3}"#, "`input` is a number");
    }

    #[test]
    fn what_a_request_needs_is_found() {
        let body = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true},
            "messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}],
            "tools":[{}],"response_format":{"type":"json_schema"},"metadata":{"task":"coding","n":1}}"#;
        let head = read(Operation::Chat, body.as_bytes()).unwrap();
        assert!(head.streaming && head.wants_usage);
        assert_eq!(head.needs, ["tools", "json-schema", "vision"]);
        assert_eq!(head.labels, [("task".to_owned(), "coding".to_owned())]);
    }

    #[test]
    fn the_format_of_a_transcript_is_a_word() {
        let body = r#"{"model":"m","response_format":"srt"}"#;
        assert!(read(Operation::Transcription, body.as_bytes()).unwrap().needs.is_empty());
    }

    #[test]
    fn a_text_that_names_an_image_is_not_one() {
        let body = r#"{"model":"m","messages":[{"role":"user","content":"image_url"}]}"#;
        assert!(read(Operation::Chat, body.as_bytes()).unwrap().needs.is_empty());
    }
}
