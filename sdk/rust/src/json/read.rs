//! Reads JSON, once from its beginning to its end.
//!
//! It holds texts to their quotes and everything else to its place. Whether an escape in a text
//! or a digit of a number is right is left to who needs what it says: most of what is read here
//! is passed on, and a text of megabytes is best gone over as few times as can be.

use super::Json;
use std::borrow::Cow;

/// Values in values. The stack of a plugin is 64 KiB; a document that is deeper than this is
/// somebody's attempt on it.
const DEEPEST: u32 = 128;

/// A text that is not JSON: the byte, counted from 1, at which that shows. What stood there is
/// not said; it may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable(pub usize);

impl<'a> Json<'a> {
    /// Reads a text that is one value.
    pub fn read(text: &'a str) -> Result<Self, Unreadable> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(DEEPEST)?;
        match reader.next() {
            None => Ok(value),
            Some(_) => reader.stray(),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: u32) -> Result<Json<'a>, Unreadable> {
        match self.next() {
            Some(b'"') => Ok(Json::Text(Cow::Borrowed(self.string()?))),
            Some(b'{') if depth > 0 => self.object(depth - 1),
            Some(b'[') if depth > 0 => self.list(depth - 1),
            _ => self.scalar(),
        }
    }

    fn object(&mut self, depth: u32) -> Result<Json<'a>, Unreadable> {
        let mut fields = Vec::new();
        while self.goes_on(b'}', fields.is_empty())? {
            if self.next() != Some(b'"') {
                return self.stray();
            }
            let name = Cow::Borrowed(self.string()?);
            if self.next() != Some(b':') {
                return self.stray();
            }
            self.at += 1;
            fields.push((name, self.value(depth)?));
        }
        Ok(Json::Object(fields))
    }

    fn list(&mut self, depth: u32) -> Result<Json<'a>, Unreadable> {
        let mut items = Vec::new();
        while self.goes_on(b']', items.is_empty())? {
            items.push(self.value(depth)?);
        }
        Ok(Json::List(items))
    }

    /// Whether a list or an object has one more; takes the bracket or the comma before it, or
    /// the bracket at the end.
    fn goes_on(&mut self, end: u8, first: bool) -> Result<bool, Unreadable> {
        self.at += usize::from(first);
        match self.next() {
            Some(byte) if byte == end => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !first => {
                self.at += 1;
                Ok(true)
            }
            Some(_) if first => Ok(true),
            _ => self.stray(),
        }
    }

    /// What stands between the quotes that begin here.
    fn string(&mut self) -> Result<&'a str, Unreadable> {
        self.at += 1;
        let from = self.at;
        // Looking for the quote alone is several times as fast as looking at each byte.
        while let Some(found) = self.text[self.at..].find('"') {
            let end = self.at + found;
            self.at = end + 1;
            let before = self.text.as_bytes()[from..end].iter().rev();
            if before.take_while(|&&byte| byte == b'\\').count() % 2 == 0 {
                return Ok(&self.text[from..end]);
            }
        }
        self.at = self.text.len();
        self.stray()
    }

    /// A number, or one of the three words.
    fn scalar(&mut self) -> Result<Json<'a>, Unreadable> {
        let rest = &self.text[self.at..];
        let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let end = rest.bytes().position(|byte| !part(byte)).unwrap_or(rest.len());
        let (scalar, number) =
            (&rest[..end], rest.starts_with(|c: char| c == '-' || c.is_ascii_digit()));
        let digits =
            scalar.bytes().all(|byte| !byte.is_ascii_alphabetic() || matches!(byte, b'e' | b'E'));
        match scalar {
            "null" => self.at += end,
            "true" | "false" => self.at += end,
            _ if number && digits => self.at += end,
            _ => return self.stray(),
        }
        Ok(if scalar == "null" { Json::Null } else { Json::Raw(Cow::Borrowed(scalar)) })
    }

    /// The byte that comes next, white space aside.
    fn next(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes()[self.at..].iter();
        self.at += rest.take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn stray<T>(&self) -> Result<T, Unreadable> {
        Err(Unreadable(self.at + 1))
    }
}
