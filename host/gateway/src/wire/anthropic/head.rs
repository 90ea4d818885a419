//! The fields of a Messages request that the gateway acts on, read without copying the rest.
//!
//! <https://platform.claude.com/docs/en/api/messages/create>

use crate::refusal::Refusal;
use crate::request::Operation;
use crate::wire::fields::{Fields, messages};
use crate::wire::head::{self, Head};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Tokens that the vendor counts for an image of usual size, roughly.
const TOKENS_PER_IMAGE: usize = 1_000;

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct OutputConfig<'a> {
    #[serde(borrow)]
    effort: Option<&'a RawValue>,
    #[serde(borrow)]
    format: Option<&'a RawValue>,
}

/// Reads a body.
///
/// # Errors
///
/// A refusal that names the field, for what is not JSON, not an object, or of a wrong type.
pub fn read(operation: Operation, body: &[u8]) -> Result<Head, Refusal> {
    let mut fields = Fields::of(body)?;
    let model = fields.model()?;
    let messages = messages(fields.take("messages"), "messages")?.get();
    let max_output_tokens = fields.typed("max_tokens", "a whole number")?;
    if operation == Operation::Chat && max_output_tokens.is_none() {
        return Err(Refusal::missing("max_tokens"));
    }
    let mut needs = Vec::new();
    let tools: Option<Vec<&RawValue>> = fields.typed("tools", "an array")?;
    let tools = tools.unwrap_or_default();
    if !tools.is_empty() {
        needs.push("tools");
    }
    let tools: usize = tools.iter().map(|tool| tool.get().len()).sum();
    let output: Option<OutputConfig<'_>> = fields.typed("output_config", "an object")?;
    if output.as_ref().is_some_and(|output| output.format.is_some()) {
        needs.push("json-schema");
    }
    let thinking: Option<Kind<'_>> = fields.typed("thinking", "an object with a `type`")?;
    let effort = output.is_some_and(|output| output.effort.is_some());
    if effort || thinking.is_some_and(|thinking| thinking.kind != "disabled") {
        needs.push("reasoning");
    }
    let media = media(messages);
    needs.extend(media.iter().copied());
    let system = fields.take("system").map_or(0, |system| system.get().len());
    Ok(Head {
        model,
        streaming: operation == Operation::Chat
            && fields.typed("stream", "a boolean")?.unwrap_or(false),
        wants_usage: true,
        base64: false,
        answers: 1,
        needs,
        max_output_tokens,
        labels: labels(fields.take("metadata")),
        input_tokens: estimate(messages, system + tools, &media),
    })
}

#[derive(Deserialize)]
struct Turn<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
}

/// The blocks of all turns, those inside of tools' results with them.
fn each_block<'a>(messages: &'a str, see: &mut impl FnMut(&Block<'a>)) {
    fn inside<'a>(content: &'a RawValue, see: &mut impl FnMut(&Block<'a>)) {
        let blocks: Vec<Block<'a>> = serde_json::from_str(content.get()).unwrap_or_default();
        for block in &blocks {
            see(block);
            if let Some(content) = block.content {
                inside(content, see);
            }
        }
    }
    let turns: Vec<Turn<'a>> = serde_json::from_str(messages).unwrap_or_default();
    for content in turns.iter().filter_map(|turn| turn.content) {
        inside(content, see);
    }
}

/// Features that blocks need.
fn media(messages: &str) -> Vec<&'static str> {
    const KINDS: [(&str, &str); 2] = [("image", "vision"), ("document", "files")];
    // Most requests have none, and then nothing is parsed.
    if !KINDS.iter().any(|(kind, _)| messages.contains(&format!("\"{kind}\""))) {
        return Vec::new();
    }
    let mut found = [false; KINDS.len()];
    each_block(messages, &mut |block| {
        // A document that is text becomes a text, which every model can read.
        let text = block.source.is_some_and(is_text);
        for (found, (kind, _)) in found.iter_mut().zip(KINDS) {
            *found |= !text && block.kind.as_deref() == Some(kind);
        }
    });
    KINDS.iter().zip(found).filter(|(_, found)| *found).map(|((_, feature), _)| *feature).collect()
}

fn is_text(source: &RawValue) -> bool {
    serde_json::from_str::<Kind<'_>>(source.get()).is_ok_and(|source| source.kind == "text")
}

/// Tokens of the prompt, estimated by its length: that of the turns, and so many bytes beside
/// them. What is not text in it (an image inline) is not counted by its bytes.
fn estimate(messages: &str, beside: usize, media: &[&str]) -> u32 {
    let (mut bytes, mut images) = (messages.len() + beside, 0);
    if !media.is_empty() {
        each_block(messages, &mut |block| {
            if let Some(source) = block.source.filter(|source| !is_text(source)) {
                bytes -= source.get().len();
                images += 1;
            }
        });
    }
    head::tokens(bytes, images * TOKENS_PER_IMAGE)
}

/// Who the sender's own user is, as a label that policies can read.
fn labels(metadata: Option<&RawValue>) -> Vec<(String, String)> {
    #[derive(Deserialize)]
    struct Metadata {
        user_id: Option<String>,
    }
    let said = metadata.and_then(|said| serde_json::from_str::<Metadata>(said.get()).ok());
    let user = said.and_then(|said| said.user_id);
    user.map(|user| ("user".to_owned(), user)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(body: &str, expected: &str) {
        let refusal = read(Operation::Chat, body.as_bytes()).unwrap_err();
        let message = refusal.message;
        assert!(message.contains(expected), "expected {expected:?} in {message:?}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        refused("", "The body is empty");
        refused("[1]", "The body is an array; expected a JSON object");
        refused("{\"model\": ", "not JSON");
        refused("{}", "`model` is missing");
        refused(r#"{"model":"m","model":"n"}"#, "duplicate field `model`");
        refused(r#"{"model":"m"}"#, "`messages` is missing");
        refused(r#"{"model":"m","messages":[ ]}"#, "`messages` is empty");
        refused(r#"{"model":"m","messages":[{}]}"#, "`max_tokens` is missing");
        refused(r#"{"model":"m","messages":[{}],"max_tokens":"9"}"#, "expected a whole number");
        let thinking = r#"{"model":"m","messages":[{}],"max_tokens":9,"thinking":true}"#;
        refused(thinking, "`thinking` is a boolean; expected an object with a `type`");
    }

    #[test]
    fn what_a_request_needs_is_found() {
        let body = r#"{"model":"m","max_tokens":9,"stream":true,"tools":[{}],
            "thinking":{"type":"enabled","budget_tokens":1024},"metadata":{"user_id":"u1"},
            "messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t",
            "content":[{"type":"image","source":{"type":"url","url":"x"}}]}]}]}"#;
        let head = read(Operation::Chat, body.as_bytes()).unwrap();
        assert!(head.streaming);
        assert_eq!(head.needs, ["tools", "reasoning", "vision"]);
        assert_eq!(head.labels, [("user".to_owned(), "u1".to_owned())]);
        let counted = r#"{"model":"m","messages":[{"role":"user","content":"Hello, you there."}]}"#;
        let head = read(Operation::CountTokens, counted.as_bytes()).unwrap();
        assert_eq!((head.input_tokens, head.needs.len()), (11, 0));
        let document = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"document",
            "source":{"type":"text","media_type":"text/plain","data":"Noon."}}]}]}"#;
        let head = read(Operation::CountTokens, document.as_bytes()).unwrap();
        assert!(head.needs.is_empty(), "{:?}", head.needs);
        let offered = counted.replace("\"m\",", r#""m","tools":[{"name":"f","input_schema":{}}],"#);
        let head = read(Operation::CountTokens, offered.as_bytes()).unwrap();
        assert_eq!(head.input_tokens, 19);
    }

    #[test]
    fn the_bytes_of_an_image_are_no_tokens() {
        let image = "A".repeat(1 << 20);
        let body = format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":[{{"type":"image",
            "source":{{"type":"base64","media_type":"image/png","data":"{image}"}}}}]}}]}}"#
        );
        let tokens = read(Operation::Chat, body.as_bytes()).unwrap().input_tokens;
        assert!((1_000..1_100).contains(&tokens), "{tokens}");
    }
}
