//! The fields of a Responses request that the gateway acts on, read without copying the rest.
//!
//! <https://platform.openai.com/docs/api-reference/responses/create>

use crate::refusal::Refusal;
use crate::wire::fields::{Fields, kind_of, messages};
use crate::wire::head::{self, Head};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Tokens that the vendor counts for an image of usual size, roughly.
const TOKENS_PER_IMAGE: usize = 765;

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(borrow)]
    format: Option<Format<'a>>,
}

#[derive(Deserialize)]
struct Format<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

/// Reads a body.
///
/// # Errors
///
/// A refusal that names the field, for what is not JSON, not an object, or of a wrong type.
pub fn read(body: &[u8]) -> Result<Head, Refusal> {
    let mut fields = Fields::of(body)?;
    let model = fields.model()?;
    let input = input(fields.take("input"))?;
    let mut needs = Vec::new();
    let tools: Option<Vec<&RawValue>> = fields.typed("tools", "an array")?;
    if tools.is_some_and(|tools| !tools.is_empty()) {
        needs.push("tools");
    }
    let text: Option<Text<'_>> = fields.typed("text", "an object")?;
    match text.and_then(|text| text.format).as_ref().map(|format| &*format.kind) {
        Some("json_object") => needs.push("json-object"),
        Some("json_schema") => needs.push("json-schema"),
        _ => {}
    }
    if fields.take("reasoning").is_some() {
        needs.push("reasoning");
    }
    let images = input.matches("\"input_image\"").count();
    for (kind, feature) in
        [("input_image", "vision"), ("input_audio", "audio"), ("input_file", "files")]
    {
        // The name of a part; a text that quotes it has its quotes escaped.
        if input.contains(&format!("\"{kind}\"")) {
            needs.push(feature);
        }
    }
    let instructions = fields.take("instructions").map_or(0, |text| text.get().len());
    // An image inline is not counted by its bytes.
    let bytes = if images == 0 { input.len() } else { written(input) };
    let labels: Option<std::collections::BTreeMap<String, serde_json::Value>> =
        fields.typed("metadata", "an object")?;
    let labels = labels.into_iter().flatten().filter_map(|(name, value)| match value {
        serde_json::Value::String(value) => Some((name, value)),
        _ => None,
    });
    Ok(Head {
        model,
        streaming: fields.typed("stream", "a boolean")?.unwrap_or(false),
        wants_usage: true,
        base64: false,
        answers: 1,
        needs,
        max_output_tokens: fields.typed("max_output_tokens", "a whole number")?,
        labels: labels.collect(),
        input_tokens: head::tokens(bytes + instructions, images * TOKENS_PER_IMAGE),
    })
}

/// The input: a text, or items.
fn input(input: Option<&RawValue>) -> Result<&str, Refusal> {
    match input.map(RawValue::get) {
        None => Err(Refusal::missing("input")),
        Some(text) if text.starts_with('"') => Ok(text),
        Some(text) if text.starts_with('[') => Ok(messages(input, "input")?.get()),
        Some(other) => {
            let found = kind_of(other);
            let message = format!("`input` is {found}; expected a string or an array.");
            Err(Refusal::invalid(message, Some("input")))
        }
    }
}

/// Bytes of the texts of items.
fn written(input: &str) -> usize {
    fn of(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::Array(items) => items.iter().map(of).sum(),
            serde_json::Value::Object(fields) => fields
                .iter()
                .filter(|(name, _)| matches!(name.as_str(), "content" | "text" | "output"))
                .map(|(_, value)| of(value))
                .sum(),
            serde_json::Value::String(text) => text.len(),
            _ => 0,
        }
    }
    serde_json::from_str(input).map_or(0, |input| of(&input))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(body: &str, expected: &str) {
        let message = read(body.as_bytes()).unwrap_err().message;
        assert!(message.contains(expected), "expected {expected:?} in {message:?}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        refused("{}", "`model` is missing");
        refused(r#"{"model":"m"}"#, "`input` is missing");
        refused(r#"{"model":"m","input":7}"#, "`input` is a number");
        refused(r#"{"model":"m","input":[]}"#, "`input` is empty");
        refused(r#"{"model":"m","input":"x","text":"y"}"#, "`text` is a string");
    }

    #[test]
    fn what_a_request_needs_is_found() {
        let image = "A".repeat(1 << 16);
        let body = format!(
            r#"{{"model":"m","stream":true,"max_output_tokens":7,"metadata":{{"task":"x"}},
            "text":{{"format":{{"type":"json_schema"}}}},"input":[{{"role":"user","content":[
            {{"type":"input_text","text":"four"}},
            {{"type":"input_image","image_url":"data:image/png;base64,{image}"}}]}}]}}"#
        );
        let head = read(body.as_bytes()).unwrap();
        assert_eq!(head.needs, ["json-schema", "vision"]);
        assert_eq!((head.streaming, head.max_output_tokens), (true, Some(7)));
        assert_eq!(head.labels, [("task".to_owned(), "x".to_owned())]);
        assert!((765..800).contains(&head.input_tokens), "{}", head.input_tokens);
    }
}
