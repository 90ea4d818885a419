//! JSON pointers (RFC 6901), taken apart.

use std::borrow::Cow;

use super::EditError;

/// Every step of a pointer may read the whole document, so a long one is an attack.
const MAX_STEPS: usize = 64;

/// How much of a pointer an error repeats, in bytes.
const SHOWN: usize = 120;

/// A pointer and its steps, `~0` and `~1` already read as `~` and `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer<'a> {
    text: &'a str,
    pub(super) steps: Vec<Cow<'a, str>>,
}

impl<'a> Pointer<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Pointer<'a>, EditError> {
        let wrong = |why| EditError::Pointer { pointer: shortened(text), why };
        let Some(rest) = text.strip_prefix('/') else {
            let whole = text.is_empty().then(|| Pointer { text, steps: Vec::new() });
            return whole.ok_or_else(|| wrong("it is neither empty nor begins with `/`"));
        };
        let mut steps = Vec::new();
        for step in rest.split('/') {
            if steps.len() == MAX_STEPS {
                return Err(wrong("it has more than 64 steps"));
            }
            steps.push(unescaped(step).ok_or_else(|| wrong("`~` is followed by 0 or 1"))?);
        }
        Ok(Pointer { text, steps })
    }

    /// The pointer as an error shows it.
    pub(super) fn shown(&self) -> String {
        shortened(self.text)
    }

    pub(super) fn is_within(&self, other: &Pointer<'_>) -> bool {
        self.steps.starts_with(&other.steps)
    }
}

fn unescaped(step: &str) -> Option<Cow<'_, str>> {
    if !step.contains('~') {
        return Some(Cow::Borrowed(step));
    }
    let mut pieces = step.split('~');
    let mut plain = pieces.next()?.to_string();
    for piece in pieces {
        let (character, rest) = match piece.as_bytes().first()? {
            b'0' => ('~', &piece[1..]),
            b'1' => ('/', &piece[1..]),
            _ => return None,
        };
        plain.push(character);
        plain.push_str(rest);
    }
    Some(Cow::Owned(plain))
}

pub(super) fn shortened(pointer: &str) -> String {
    let end = pointer.floor_char_boundary(SHOWN);
    let dots = if end < pointer.len() { "…" } else { "" };
    format!("{}{dots}", &pointer[..end])
}
