//! What people wrote in a request, as far as somebody asks for it.

use crate::wire::fields::Text;
use crate::wire::head;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Tokens that vendors count for an image of usual size, roughly.
const TOKENS_PER_IMAGE: usize = 765;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    messages: Vec<Message<'a>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

/// The texts of a message's content: a string, or the parts that are text.
fn texts(content: &RawValue) -> Vec<Cow<'_, str>> {
    if let Ok(text) = serde_json::from_str::<Text<'_>>(content.get()) {
        return vec![text.0];
    }
    let parts: Vec<Part<'_>> = serde_json::from_str(content.get()).unwrap_or_default();
    parts.into_iter().filter_map(|part| part.text).collect()
}

/// The text that people wrote, newest first, of `most` bytes at most; empty if there is none.
pub fn newest_first(body: &[u8], most: usize) -> String {
    let Ok(body) = serde_json::from_slice::<Body<'_>>(body) else {
        return String::new();
    };
    let contents = body.messages.iter().rev().filter_map(|message| message.content);
    let mut all = String::new();
    for text in contents.chain(body.input).flat_map(texts) {
        if !all.is_empty() {
            all.push('\n');
        }
        all.push_str(&text);
        if all.len() > most {
            all.truncate(all.floor_char_boundary(most));
            break;
        }
    }
    all
}

/// Features that the parts of `messages` need.
pub fn media(messages: &str) -> Vec<&'static str> {
    const KINDS: [(&str, &str); 3] =
        [("image_url", "vision"), ("input_audio", "audio"), ("file", "files")];
    // Nearly no request has any, and then nothing is parsed.
    let quoted = |kind: &str| format!("\"{kind}\"");
    if !KINDS.iter().any(|(kind, _)| contains(messages, &quoted(kind))) {
        return Vec::new();
    }
    let messages: Vec<Message<'_>> = serde_json::from_str(messages).unwrap_or_default();
    let parts: Vec<Part<'_>> = messages
        .iter()
        .filter_map(|message| message.content)
        .flat_map(|content| {
            serde_json::from_str::<Vec<Part<'_>>>(content.get()).unwrap_or_default()
        })
        .collect();
    let present = |kind: &str| parts.iter().any(|part| part.kind.as_deref() == Some(kind));
    KINDS.iter().filter(|(kind, _)| present(kind)).map(|(_, feature)| *feature).collect()
}

/// Tokens of the JSON text of messages or inputs, estimated by its length. What is not text in
/// it (an image inline) is not counted by its bytes.
pub fn estimate(content: &str) -> u32 {
    if !contains(content, "\"image_url\"") {
        return head::tokens(content.len(), 0);
    }
    let messages: Vec<Message<'_>> = serde_json::from_str(content).unwrap_or_default();
    let contents = messages.iter().filter_map(|message| message.content);
    let bytes: usize = contents.flat_map(texts).map(|text| text.len()).sum();
    head::tokens(bytes, TOKENS_PER_IMAGE)
}

fn contains(text: &str, what: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), what.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_text_comes_first_and_is_cut_between_characters() {
        let body = r#"{"messages":[{"role":"system","content":"first"},
            {"role":"user","content":[{"type":"text","text":"zwei ü"},{"type":"image_url"}]}]}"#;
        assert_eq!(newest_first(body.as_bytes(), 100), "zwei ü\nfirst");
        assert_eq!(newest_first(body.as_bytes(), 6), "zwei ");
        assert_eq!(newest_first(br#"{"input":"hello"}"#, 100), "hello");
        assert_eq!(newest_first(b"{}", 100), "");
    }

    #[test]
    fn an_inline_image_is_not_counted_by_its_bytes() {
        let image = "A".repeat(100_000);
        let content =
            format!(r#"[{{"content":[{{"type":"image_url","image_url":{{"url":"{image}"}}}}]}}]"#);
        assert!(estimate(&content) < 1_000);
        assert_eq!(estimate("[{\"content\":\"12345678\"}]"), 6);
    }
}
