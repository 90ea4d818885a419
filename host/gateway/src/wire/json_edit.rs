//! Edits to JSON text that leave every byte they do not mean as it was.
//!
//! A plugin that speaks the client's own dialect changes two or three fields of a body which
//! may be megabytes of prompt. Reading that into a tree and writing it again costs more than
//! the rest of the request, and loses what the tree has no room for: large numbers, the order
//! of keys, duplicate keys. So the text is scanned for the spans that the edits mean, and the
//! rest is copied around them, once.
//!
//! The text has been validated as JSON when the request was read. What is not JSON is noticed
//! here only where it stands in the way, and never makes this panic or hang: nothing recurses,
//! and pointers and the number of edits are bounded.

mod draft;
mod pointer;
mod scan;

use draft::Draft;
use pointer::Pointer;

/// How many edits are applied to one body: each of them may have to read and copy all of it,
/// on a thread that others wait for.
pub const MAX_EDITS: usize = 64;

/// One edit, its places given as JSON pointers (RFC 6901).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditRef<'a> {
    /// Sets what is at the pointer to a JSON text.
    ///
    /// Objects on the way that are missing, or `null`, are created. In an array, `-` or the
    /// index behind the last element appends, any other index replaces. Of a key that stands
    /// there several times every value is set: some readers take the first, most the last.
    Set(&'a str, &'a str),
    /// Removes what is at the pointer, a repeated key with all its values. Nothing happens if
    /// nothing is there.
    Remove(&'a str),
    /// Moves what is at the first pointer to the second, where it replaces what was there.
    /// Nothing happens if nothing is at the first.
    Move(&'a str, &'a str),
}

/// Why an edit could not be applied. The pointer in it is shortened where it is long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// Not a pointer of RFC 6901, or longer than any body needs.
    #[error("`{pointer}` is not a JSON pointer: {why}")]
    Pointer {
        /// As it was given.
        pointer: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// What should be set is not JSON.
    #[error("the value for `{pointer}` is not JSON: {why}")]
    Value {
        /// Where it should have been set.
        pointer: String,
        /// What the JSON reader says.
        why: String,
    },
    /// There is no such place: it would be inside a text, a number or a boolean, or past the
    /// end of an array.
    #[error("nothing can be set at `{pointer}`: {why}")]
    NoPlace {
        /// Where it should have been set.
        pointer: String,
        /// What is in the way.
        why: &'static str,
    },
    /// A value cannot be moved into itself, nor a whole document away.
    #[error("`{pointer}` cannot be moved into itself")]
    IntoItself {
        /// What should have been moved.
        pointer: String,
    },
    /// The whole document cannot be removed: something has to be sent.
    #[error("the whole document cannot be removed")]
    Everything,
    /// More than [`MAX_EDITS`].
    #[error("there are more than {MAX_EDITS} edits")]
    TooMany,
    /// The text itself is not JSON.
    #[error("the document is not JSON near byte {near}")]
    Malformed {
        /// Where the scan stopped.
        near: usize,
    },
}

/// The document after the edits, each applied to what the ones before it made.
pub fn apply<'a>(
    body: &[u8],
    edits: impl Iterator<Item = EditRef<'a>>,
) -> Result<Vec<u8>, EditError> {
    let mut draft = Draft::new(body);
    for (number, edit) in edits.enumerate() {
        if number == MAX_EDITS {
            return Err(EditError::TooMany);
        }
        match edit {
            EditRef::Set(at, json) => draft.set(&Pointer::parse(at)?, checked(at, json)?)?,
            EditRef::Remove(at) => draft.remove(&Pointer::parse(at)?)?,
            EditRef::Move(from, to) => draft.shift(&Pointer::parse(from)?, &Pointer::parse(to)?)?,
        }
    }
    Ok(draft.finish())
}

/// The text of what is at the pointer, as it stands in the document; of a repeated key the
/// last one. `None` if nothing is there.
pub fn get<'a>(body: &'a [u8], pointer: &str) -> Result<Option<&'a [u8]>, EditError> {
    let spans = Draft::new(body).find(&Pointer::parse(pointer)?)?;
    Ok(spans.and_then(|span| body.get(span)))
}

fn checked<'a>(pointer: &str, json: &'a str) -> Result<&'a [u8], EditError> {
    match serde_json::from_str::<serde::de::IgnoredAny>(json) {
        Ok(_) => Ok(json.trim_ascii().as_bytes()),
        Err(error) => {
            let why = error.to_string();
            Err(EditError::Value { pointer: pointer::shortened(pointer), why })
        }
    }
}

#[cfg(test)]
mod tests;
