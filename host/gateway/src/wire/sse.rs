//! Server-Sent Events: cut out of a byte stream, and written.
//!
//! The decoder follows the WHATWG's interpretation of an event stream
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>).
//! Unlike a browser's it also hands out the bytes of each event as they came, so that a relay
//! can forward or drop whole events without writing them anew. Where a chunk holds whole
//! events, all that is handed out are slices of that chunk.
//!
//! What is absent: the last event id and the retry time. Nobody resumes an answer of a model.

use std::borrow::Cow;
use std::str::Utf8Error;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memchr2;
use serde::Serialize;

/// How large one event may be where nobody said otherwise, in bytes.
///
/// The largest events seen carry an image in base64 or a whole answer at once.
pub const MAX_EVENT: usize = 4 * 1024 * 1024;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// One event or line grew past its bound. What follows in the stream cannot be trusted to be
/// cut right, so the decoder that said this says it for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than {limit} bytes")]
pub struct TooLong {
    /// The bound, in bytes.
    pub limit: usize,
}

/// One block of the stream: what stands between two blank lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The last `event:` of the block, if it is not empty.
    pub name: Option<Bytes>,
    /// The `data:` lines, joined with line feeds. `None` where the block has none: a comment
    /// that keeps the connection alive, for instance. A browser would not show such a block
    /// to anybody, a relay forwards it.
    pub data: Option<Bytes>,
    /// The bytes of the block as they came, its blank line included. The `raw` of all events
    /// and of [`Decoder::finish`], one after the other, are the stream.
    pub raw: Bytes,
}

impl Event {
    /// The name, if there is one and it is UTF-8.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref().and_then(|name| std::str::from_utf8(name).ok())
    }

    /// The data as text; empty where there is none.
    pub fn text(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(self.data.as_deref().unwrap_or_default())
    }

    /// The data as text, with U+FFFD for what is not UTF-8, which is how a browser reads it.
    pub fn lossy(&self) -> Cow<'_, str> {
        let data = self.data.as_deref().unwrap_or_default();
        // What is UTF-8, as nearly all of it is, is looked at in one go.
        str::from_utf8(data).map_or_else(|_| String::from_utf8_lossy(data), Cow::Borrowed)
    }

    fn parse(raw: Bytes, skip: usize) -> Event {
        let mut name = None;
        let mut data = Joined::Nothing;
        let mut at = skip;
        while at < raw.len() {
            let end = memchr2(b'\n', b'\r', &raw[at..]).map_or(raw.len(), |length| at + length);
            if let Some(value) = field(&raw, b"data", at, end) {
                data.add(&raw, value);
            } else if let Some((from, to)) = field(&raw, b"event", at, end) {
                name = (from < to).then(|| raw.slice(from..to));
            }
            // The second half of a CRLF makes an empty line here, which says nothing.
            at = end + 1;
        }
        Event { name, data: data.finish(&raw), raw }
    }
}

/// Where the value of the field `name` stands in the line `raw[at..end]`, if it is that field.
fn field(raw: &[u8], name: &[u8], at: usize, end: usize) -> Option<(usize, usize)> {
    let rest = raw[at..end].strip_prefix(name)?;
    match rest {
        [] => Some((end, end)),
        [b':', b' ', ..] => Some((at + name.len() + 2, end)),
        [b':', ..] => Some((at + name.len() + 1, end)),
        _ => None,
    }
}

/// The data so far. Nearly every event has one line of it, which then is a slice of the raw.
enum Joined {
    Nothing,
    One(usize, usize),
    Many(Vec<u8>),
}

impl Joined {
    fn add(&mut self, raw: &[u8], (from, to): (usize, usize)) {
        let mut all = match std::mem::replace(self, Joined::Nothing) {
            Joined::Nothing => {
                *self = Joined::One(from, to);
                return;
            }
            Joined::One(first, last) => raw[first..last].to_vec(),
            Joined::Many(all) => all,
        };
        all.push(b'\n');
        all.extend_from_slice(&raw[from..to]);
        *self = Joined::Many(all);
    }

    fn finish(self, raw: &Bytes) -> Option<Bytes> {
        match self {
            Joined::Nothing => None,
            Joined::One(from, to) => Some(raw.slice(from..to)),
            Joined::Many(all) => Some(Bytes::from(all)),
        }
    }
}

/// Cuts a byte stream, pushed in chunks of any size, into events.
///
/// After each [`push`](Decoder::push), call [`next`](Decoder::next) until it has nothing more.
#[derive(Debug)]
pub struct Decoder {
    max_event: usize,
    /// The beginning of an event whose end is not here yet.
    begun: BytesMut,
    /// What has not been looked at.
    chunk: Bytes,
    search: Search,
    /// Length of the byte order mark at the head of the stream, once that is known.
    bom: Option<usize>,
    failed: bool,
}

impl Decoder {
    /// A decoder at the start of a stream, for events of at most `max_event` bytes, their
    /// field names and line ends included.
    pub fn new(max_event: usize) -> Decoder {
        Decoder {
            max_event,
            begun: BytesMut::new(),
            chunk: Bytes::new(),
            search: Search::default(),
            bom: None,
            failed: false,
        }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            // Only where the caller has not asked for all that the last chunk held.
            self.chunk = [std::mem::take(&mut self.chunk), chunk].concat().into();
        }
    }

    /// The next whole event, or `None` if it is not here yet.
    #[allow(
        clippy::should_implement_trait,
        reason = "an iterator that ends would be read as the end of the stream"
    )]
    pub fn next(&mut self) -> Result<Option<Event>, TooLong> {
        if self.failed {
            return Err(TooLong { limit: self.max_event });
        }
        if self.chunk.is_empty() || !self.past_bom() {
            return Ok(None);
        }
        // The mark is no part of the first line, which may be an empty one.
        let from = self.skip().saturating_sub(self.begun.len());
        let Some(end) = self.search.blank_line(&self.chunk, from) else {
            self.keep();
            return self.check(self.begun.len()).map(|()| None);
        };
        let whole = self.chunk.split_to(end);
        self.check(self.begun.len() + whole.len())?;
        let raw = if self.begun.is_empty() {
            whole
        } else {
            self.begun.extend_from_slice(&whole);
            self.begun.split().freeze()
        };
        let skip = self.skip();
        self.bom = Some(0);
        Ok(Some(Event::parse(raw, skip)))
    }

    /// What is left when the stream has ended: an event without its blank line.
    ///
    /// A browser would throw it away. Whoever relays has to decide: an upstream that forgets
    /// the last blank line is more common than one that is cut off between two lines.
    pub fn finish(&mut self) -> Option<Event> {
        self.keep();
        let raw = self.begun.split().freeze();
        let skip = if raw.starts_with(BOM) { self.skip() } else { 0 };
        (!raw.is_empty() && !self.failed).then(|| Event::parse(raw, skip))
    }

    fn skip(&self) -> usize {
        self.bom.unwrap_or(0)
    }

    /// Whether it is known if the stream begins with a byte order mark.
    fn past_bom(&mut self) -> bool {
        if self.bom.is_some() {
            return true;
        }
        let head = self.begun.iter().chain(self.chunk.iter()).take(BOM.len());
        let alike = head.zip(BOM).take_while(|(is, mark)| is == mark).count();
        let seen = self.begun.len() + self.chunk.len();
        if alike == seen && alike < BOM.len() {
            self.keep();
            return false;
        }
        self.bom = Some(if alike == BOM.len() { alike } else { 0 });
        if self.skip() == 0 && !self.begun.is_empty() {
            // What was held back as the beginning of a mark was the beginning of a line.
            let held = self.begun.clone().freeze();
            self.search.blank_line(&held, 0);
        }
        true
    }

    fn keep(&mut self) {
        self.begun.extend_from_slice(&self.chunk);
        self.chunk = Bytes::new();
    }

    fn check(&mut self, length: usize) -> Result<(), TooLong> {
        self.failed = length > self.max_event;
        if self.failed { Err(TooLong { limit: self.max_event }) } else { Ok(()) }
    }
}

/// The search for a blank line, which goes on where the last chunk stopped, so that an event
/// that arrives byte by byte is still read once.
#[derive(Debug, Default)]
enum Search {
    /// Before the first byte that is not a line end. Blank lines here end nothing; the second
    /// half of a CRLF that a chunk cut in two is also swallowed here.
    #[default]
    Before,
    /// Inside a line.
    Line,
    /// Behind the end of a line, which was a carriage return or not.
    Start { after_return: bool },
}

impl Search {
    /// Where the block that begins or goes on in `bytes` ends, its blank line included.
    fn blank_line(&mut self, bytes: &[u8], mut at: usize) -> Option<usize> {
        while let Some(&byte) = bytes.get(at) {
            match self {
                Search::Before => match byte {
                    b'\n' | b'\r' => at += 1,
                    _ => *self = Search::Line,
                },
                Search::Line => {
                    at += memchr2(b'\n', b'\r', &bytes[at..])?;
                    *self = Search::Start { after_return: bytes[at] == b'\r' };
                    at += 1;
                }
                Search::Start { after_return } => match byte {
                    b'\n' if *after_return => {
                        *after_return = false;
                        at += 1;
                    }
                    b'\n' => return Some(self.end(at + 1)),
                    b'\r' if bytes.get(at + 1) == Some(&b'\n') => return Some(self.end(at + 2)),
                    b'\r' => return Some(self.end(at + 1)),
                    _ => *self = Search::Line,
                },
            }
        }
        None
    }

    fn end(&mut self, at: usize) -> usize {
        *self = Search::Before;
        at
    }
}

/// Writes one event: its name, if it has one, and its data, a `data:` line for each line of it.
///
/// A name ends at its first line end, since it could otherwise write fields of its own.
pub fn encode(out: &mut impl BufMut, name: Option<&str>, data: &str) {
    if let Some(name) = name {
        let end = memchr2(b'\n', b'\r', name.as_bytes()).unwrap_or(name.len());
        put(out, &[b"event: ", &name.as_bytes()[..end], b"\n"]);
    }
    let mut rest = data.as_bytes();
    while let Some(end) = memchr2(b'\n', b'\r', rest) {
        put(out, &[b"data: ", &rest[..end], b"\n"]);
        rest = &rest[end..];
        rest = rest.strip_prefix(b"\r\n").unwrap_or(&rest[1..]);
    }
    put(out, &[b"data: ", rest, b"\n\n"]);
}

/// The same for a value as JSON, which has no line ends outside of its texts and none inside.
pub fn encode_json(out: &mut BytesMut, name: Option<&str>, value: &impl Serialize) {
    if let Some(name) = name {
        put(out, &[b"event: ", name.as_bytes(), b"\n"]);
    }
    out.put_slice(b"data: ");
    // Memory takes whatever is written; a value that cannot be written would be a bug of ours.
    let written = serde_json::to_writer(out.writer(), value);
    debug_assert!(written.is_ok(), "{written:?}");
    out.put_slice(b"\n\n");
}

fn put(out: &mut impl BufMut, parts: &[&[u8]]) {
    for part in parts {
        out.put_slice(part);
    }
}

#[cfg(test)]
mod tests;
