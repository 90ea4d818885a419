//! Where the values of a JSON text begin and end, without reading what they are.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr2;

use super::EditError;

/// One member of an object, or one element of an array, where it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Child {
    /// With its quotes; none in an array.
    pub(super) key: Option<Range<usize>>,
    pub(super) value: Range<usize>,
}

impl Child {
    pub(super) fn start(&self) -> usize {
        self.key.as_ref().map_or(self.value.start, |key| key.start)
    }

    pub(super) fn is_called(&self, text: &[u8], name: &str) -> bool {
        let Some(key) = &self.key else { return false };
        let inner = &text[key.start + 1..key.end - 1];
        if memchr::memchr(b'\\', inner).is_none() {
            return inner == name.as_bytes();
        }
        serde_json::from_slice::<Cow<'_, str>>(&text[key.clone()]).is_ok_and(|key| key == name)
    }
}

/// The span of the document's value, without the white space around it.
pub(super) fn document(text: &[u8]) -> Result<Range<usize>, EditError> {
    let start = space(text, 0);
    Ok(start..value(text, start)?)
}

/// What is in the object or array that begins at `at`.
pub(super) fn children(text: &[u8], at: usize) -> Result<Vec<Child>, EditError> {
    let in_object = text.get(at) == Some(&b'{');
    let mut found = Vec::new();
    let mut at = space(text, at + 1);
    if matches!(text.get(at), Some(b'}' | b']')) {
        return Ok(found);
    }
    loop {
        let mut key = None;
        if in_object {
            let end = string(text, at)?;
            key = Some(at..end);
            at = space(text, end);
            expect(text, at, b":")?;
            at = space(text, at + 1);
        }
        let end = value(text, at)?;
        found.push(Child { key, value: at..end });
        at = space(text, end);
        if expect(text, at, b",}]")? != b',' {
            return Ok(found);
        }
        at = space(text, at + 1);
    }
}

/// The end of the value that begins at `at`.
fn value(text: &[u8], at: usize) -> Result<usize, EditError> {
    match text.get(at) {
        Some(b'"') => string(text, at),
        Some(b'{' | b'[') => container(text, at),
        Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
            let ends =
                |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
            let length = text[at..].iter().position(ends);
            Ok(length.map_or(text.len(), |length| at + length))
        }
        _ => Err(EditError::Malformed { near: at }),
    }
}

/// The end of the object or array that begins at `at`. Only how deep it is in is counted, so
/// ten thousand arrays inside each other cost a counter.
fn container(text: &[u8], mut at: usize) -> Result<usize, EditError> {
    let mut depth = 0_usize;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at = string(text, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Ok(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    Err(EditError::Malformed { near: at })
}

/// The end of the string whose opening quote is at `at`.
fn string(text: &[u8], at: usize) -> Result<usize, EditError> {
    expect(text, at, b"\"")?;
    let mut at = at + 1;
    while let Some(length) = text.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += length;
        if text[at] == b'"' {
            return Ok(at + 1);
        }
        at += 2;
    }
    Err(EditError::Malformed { near: text.len() })
}

fn space(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

fn expect(text: &[u8], at: usize, any_of: &[u8]) -> Result<u8, EditError> {
    match text.get(at) {
        Some(byte) if any_of.contains(byte) => Ok(*byte),
        _ => Err(EditError::Malformed { near: at }),
    }
}
