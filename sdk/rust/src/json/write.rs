//! Writes JSON, and texts that are not JSON yet.

use super::Json;
use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

impl Json<'_> {
    /// It written as JSON, in memory that is taken at once: what grows has two copies for a
    /// while.
    pub fn into_bytes(self) -> Vec<u8> {
        struct Bytes(Vec<u8>);
        impl fmt::Write for Bytes {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.extend_from_slice(text.as_bytes());
                Ok(())
            }
        }
        let mut bytes = Bytes(Vec::with_capacity(self.size()));
        // Writing to memory does not fail.
        let _ = fmt::write(&mut bytes, format_args!("{self}"));
        bytes.0
    }

    /// The bytes that it takes, or a few more.
    fn size(&self) -> usize {
        match self {
            Self::Null => 4,
            Self::Raw(text) | Self::Text(text) => text.len() + 2,
            Self::List(items) => items.iter().map(|item| item.size() + 1).sum::<usize>() + 2,
            Self::Object(fields) => {
                let field = |(name, value): &(Cow<'_, str>, Self)| name.len() + value.size() + 4;
                fields.iter().map(field).sum::<usize>() + 2
            }
        }
    }
}

/// Writes it as JSON, with nothing between its parts.
impl Display for Json<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => out.write_str("null"),
            Self::Raw(json) => out.write_str(json),
            Self::Text(text) => quoted(out, text),
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    out.write_str(if index == 0 { "[" } else { "," })?;
                    item.fmt(out)?;
                }
                out.write_str(if items.is_empty() { "[]" } else { "]" })
            }
            Self::Object(fields) => {
                for (index, (name, value)) in fields.iter().enumerate() {
                    out.write_str(if index == 0 { "{" } else { "," })?;
                    quoted(out, name)?;
                    out.write_str(":")?;
                    value.fmt(out)?;
                }
                out.write_str(if fields.is_empty() { "{}" } else { "}" })
            }
        }
    }
}

fn quoted(out: &mut Formatter<'_>, text: &str) -> fmt::Result {
    out.write_str("\"")?;
    out.write_str(text)?;
    out.write_str("\"")
}
