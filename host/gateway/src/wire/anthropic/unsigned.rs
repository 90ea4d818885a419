//! Thoughts without a signature, taken out of a request.
//!
//! What models of other vendors thought is shown to a client of this dialect as blocks without a
//! signature, since nobody signed them. The client sends them back with its next turn; the vendor
//! of this dialect, who may be the next to be asked, refuses a request that holds any.

use crate::wire::json_edit::{self, EditRef};
use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    messages: Vec<Turn<'a>>,
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
    signature: Option<Cow<'a, str>>,
}

/// The body without them; as it came, if it holds none.
pub fn removed(body: Bytes) -> Bytes {
    // Nearly no request holds any, and then nothing is parsed.
    if memmem::find(&body, b"\"thinking\"").is_none() {
        return body;
    }
    let pointers = unsigned(&body);
    if pointers.is_empty() {
        return body;
    }
    let edits = pointers.iter().map(|pointer| EditRef::Remove(pointer));
    let edited = json_edit::apply(&body, edits);
    edited.map_or(body, Bytes::from)
}

/// Where they are, last first: what is removed moves what stands behind it.
fn unsigned(body: &[u8]) -> Vec<String> {
    let Ok(body) = serde_json::from_slice::<Body<'_>>(body) else { return Vec::new() };
    let mut found = Vec::new();
    for (turn, content) in body.messages.iter().enumerate() {
        let blocks = content.content.map(RawValue::get).unwrap_or_default();
        let blocks: Vec<Block<'_>> = serde_json::from_str(blocks).unwrap_or_default();
        for (place, block) in blocks.iter().enumerate() {
            let signed = block.signature.as_deref().is_some_and(|signature| !signature.is_empty());
            if block.kind.as_deref() == Some("thinking") && !signed {
                found.push(format!("/messages/{turn}/content/{place}"));
            }
        }
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &str, expected: &str) {
        let of = |content: &str| {
            let turn = format!(r#"{{"role":"assistant","content":{content}}}"#);
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":"Hi"}},{turn}]}}"#)
        };
        let removed = removed(Bytes::from(of(content)));
        let read = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&removed), read(of(expected).as_bytes()));
    }

    #[test]
    fn thoughts_that_nobody_signed_are_taken_out() {
        let signed = r#"{"type":"thinking","thinking":"a","signature":"s"}"#;
        let empty = r#"{"type":"thinking","thinking":"b","signature":""}"#;
        let none = r#"{"type":"thinking","thinking":"c"}"#;
        let text = r#"{"type":"text","text":"\"thinking\""}"#;
        check(&format!("[{empty},{signed},{none},{text}]"), &format!("[{signed},{text}]"));
        check(&format!("[{signed},{text}]"), &format!("[{signed},{text}]"));
        check("\"thinking\"", "\"thinking\"");
    }
}
