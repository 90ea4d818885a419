//! Reads JSON, once from its beginning to its end, into one flat list of its values.
//!
//! It holds texts to their quotes and everything else to its place. Whether an escape in a text
//! or a digit of a number is right is left to who needs what it says: most of what is read here
//! is passed on, and a text of megabytes is best gone over as few times as can be.
//!
//! A list and not a tree, since an answer comes in hundreds of frames, and a tree of each would be
//! a piece of memory for each of its objects. A [`Tape`] that is used again takes no more memory
//! than its longest text needed.

use super::{Json, View};
use std::borrow::Cow;

/// Values in values. The stack of a plugin is 64 KiB; a document that is deeper than this is
/// somebody's attempt on it.
const DEEPEST: u32 = 128;

/// A text that is not JSON: the byte, counted from 1, at which that shows. What stood there is
/// not said; it may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable(pub usize);

/// The values of one text of JSON, each followed by those in it. To be used for one text after
/// another.
#[derive(Debug, Default)]
pub struct Tape(Vec<Node>);

/// A value on a tape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Where its name stands, if it is a member of an object, between the quotes.
    pub(super) name: Span,
    /// Where it stands; a text, between its quotes.
    pub(super) value: Span,
    /// How many values it is: itself and those in it.
    pub(super) count: usize,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    /// A number, `true` or `false`.
    Scalar,
    /// A text without escapes.
    Plain,
    /// A text with escapes.
    Escaped,
    List,
    Object,
}

/// A place in the text.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Span {
    pub(super) fn of(self, text: &str) -> &str {
        text.get(self.from..self.to).unwrap_or_default()
    }
}

impl Tape {
    /// Reads a text that is one value, in place of what was read before.
    pub fn read<'a>(&'a mut self, text: &'a str) -> Result<View<'a>, Unreadable> {
        self.fill(text)?;
        Ok(View { text, nodes: &self.0 })
    }

    fn fill(&mut self, text: &str) -> Result<(), Unreadable> {
        self.0.clear();
        let mut reader = Reader { bytes: text.as_bytes(), at: 0, nodes: &mut self.0 };
        let whole = reader.value(Span::default(), DEEPEST);
        let whole = whole.filter(|()| reader.next().is_none());
        whole.ok_or(Unreadable(reader.at + 1))
    }
}

impl<'a> Json<'a> {
    /// Reads a text that is one value.
    pub fn read(text: &'a str) -> Result<Self, Unreadable> {
        let mut tape = Tape::default();
        tape.fill(text)?;
        Ok(tree(text, &tape.0))
    }
}

/// The value that these nodes are, to be changed.
pub(super) fn tree<'a>(text: &'a str, nodes: &[Node]) -> Json<'a> {
    let Some((node, _)) = nodes.split_first() else { return Json::Null };
    let value = Cow::Borrowed(node.value.of(text));
    match node.kind {
        Kind::Null => Json::Null,
        Kind::Scalar => Json::Raw(value),
        Kind::Plain | Kind::Escaped => Json::Text(value),
        Kind::List => children(nodes).map(|(_, nodes)| tree(text, nodes)).collect(),
        Kind::Object => {
            let member = |(name, nodes): (Span, _)| (name.of(text).into(), tree(text, nodes));
            Json::Object(children(nodes).map(member).collect())
        }
    }
}

/// The values that stand in this one, with their names.
pub(super) fn children(nodes: &[Node]) -> impl Iterator<Item = (Span, &[Node])> {
    let mut rest = nodes.get(1..).unwrap_or_default();
    std::iter::from_fn(move || {
        let node = rest.first()?;
        let (child, behind) = rest.split_at_checked(node.count)?;
        rest = behind;
        Some((node.name, child))
    })
}

/// What returns nothing stands at the byte where the text shows not to be JSON.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: &'a mut Vec<Node>,
}

impl Reader<'_> {
    fn value(&mut self, name: Span, depth: u32) -> Option<()> {
        let (kind, value) = match self.next() {
            Some(b'"') => self.string()?,
            Some(b'{') if depth > 0 => return self.nested(Kind::Object, b'}', name, depth - 1),
            Some(b'[') if depth > 0 => return self.nested(Kind::List, b']', name, depth - 1),
            _ => self.scalar()?,
        };
        self.nodes.push(Node { kind, name, value, count: 1 });
        Some(())
    }

    fn nested(&mut self, kind: Kind, end: u8, name: Span, depth: u32) -> Option<()> {
        let (from, place) = (self.at, self.nodes.len());
        self.nodes.push(Node { kind, name, value: Span::default(), count: 1 });
        self.at += 1;
        let mut goes_on = self.next()? != end;
        while goes_on {
            let name = if kind == Kind::Object { self.name()? } else { Span::default() };
            self.value(name, depth)?;
            goes_on = match self.next() {
                Some(b',') => true,
                Some(byte) if byte == end => false,
                _ => return None,
            };
            self.at += usize::from(goes_on);
        }
        self.at += 1;
        let count = self.nodes.len() - place;
        let value = Span { from, to: self.at };
        self.nodes[place] = Node { kind, name, value, count };
        Some(())
    }

    fn name(&mut self) -> Option<Span> {
        if self.next() != Some(b'"') {
            return None;
        }
        let (_, name) = self.string()?;
        if self.next() != Some(b':') {
            return None;
        }
        self.at += 1;
        Some(name)
    }

    /// What stands between the quotes that begin here.
    fn string(&mut self) -> Option<(Kind, Span)> {
        let from = self.at + 1;
        let (mut kind, mut to) = (Kind::Plain, from);
        while let Some(rest) = self.bytes.get(to..) {
            to += plain(rest);
            match self.bytes.get(to) {
                Some(b'"') => {
                    self.at = to + 1;
                    return Some((kind, Span { from, to }));
                }
                // A backslash, and what it makes of the next byte.
                _ => (kind, to) = (Kind::Escaped, to + 2),
            }
        }
        self.at = self.bytes.len();
        None
    }

    /// A number, or one of the three words.
    fn scalar(&mut self) -> Option<(Kind, Span)> {
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let rest = &self.bytes[self.at..];
        // Most numbers are digits and nothing else.
        let mut length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut kind = Kind::Scalar;
        if length == 0 || rest.get(length).is_some_and(part) {
            length += rest[length..].iter().take_while(|byte| part(byte)).count();
            let digit = |byte: &u8| !byte.is_ascii_alphabetic() || matches!(byte, b'e' | b'E');
            kind = match &rest[..length] {
                b"null" => Kind::Null,
                b"true" | b"false" => Kind::Scalar,
                [b'-' | b'0'..=b'9', rest @ ..] if rest.iter().all(digit) => Kind::Scalar,
                _ => return None,
            };
        }
        let from = self.at;
        self.at += length;
        Some((kind, Span { from, to: self.at }))
    }

    /// The byte that comes next, white space aside.
    fn next(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
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
