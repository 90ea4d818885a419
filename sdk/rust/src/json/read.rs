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
        let (bytes, from) = (self.text.as_bytes(), self.at + 1);
        let mut end = from;
        while let Some(rest) = bytes.get(end..) {
            end += plain(rest);
            match bytes.get(end) {
                Some(b'"') => {
                    self.at = end + 1;
                    return Ok(&self.text[from..end]);
                }
                // A backslash, and what it makes of the next byte.
                _ => end += 2,
            }
        }
        self.at = bytes.len();
        self.stray()
    }

    /// A number, or one of the three words.
    fn scalar(&mut self) -> Result<Json<'a>, Unreadable> {
        let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let length = self.text.as_bytes()[self.at..].iter().take_while(part).count();
        let scalar = &self.text[self.at..self.at + length];
        let digit = |byte: &u8| !byte.is_ascii_alphabetic() || matches!(byte, b'e' | b'E');
        match scalar.as_bytes() {
            b"null" | b"true" | b"false" => {}
            [b'-' | b'0'..=b'9', rest @ ..] if rest.iter().all(digit) => {}
            _ => return self.stray(),
        }
        self.at += length;
        Ok(if scalar == "null" { Json::Null } else { Json::Raw(Cow::Borrowed(scalar)) })
    }

    /// The byte that comes next, white space aside.
    fn next(&mut self) -> Option<u8> {
        while let Some(&byte) = self.text.as_bytes().get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    fn stray<T>(&self) -> Result<T, Unreadable> {
        Err(Unreadable(self.at + 1))
    }
}

/// The bytes before the first quote or backslash. Eight at a time: a text may be an image of
/// megabytes.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    // Marks the bytes that are zero, and behind the first of them maybe others.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let like = |word: u64, byte: u8| zeros(word ^ u64::from_ne_bytes([byte; 8]));
    let (eights, rest) = bytes.as_chunks();
    for (index, eight) in eights.iter().enumerate() {
        let word = u64::from_le_bytes(*eight);
        let found = like(word, b'"') | like(word, b'\\');
        if found != 0 {
            return index * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let found = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
    eights.len() * 8 + found.unwrap_or(rest.len())
}
