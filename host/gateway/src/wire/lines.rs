//! Newline-delimited JSON, cut into lines: what some local servers stream instead of
//! Server-Sent Events, and what a command prints.

use bytes::{Bytes, BytesMut};
use memchr::memchr;

pub use super::sse::TooLong;

/// Cuts a byte stream, pushed in chunks of any size, into its lines. Empty ones are left out.
///
/// After each [`push`](Lines::push), call [`next`](Lines::next) until it has nothing more.
#[derive(Debug)]
pub struct Lines {
    max_line: usize,
    /// The beginning of a line whose end is not here yet.
    begun: BytesMut,
    /// What has not been looked at.
    chunk: Bytes,
    failed: bool,
}

impl Lines {
    /// A splitter for lines of at most `max_line` bytes, their line ends included.
    pub fn new(max_line: usize) -> Lines {
        Lines { max_line, begun: BytesMut::new(), chunk: Bytes::new(), failed: false }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            self.chunk = [std::mem::take(&mut self.chunk), chunk].concat().into();
        }
    }

    /// The next whole line without its end, or `None` if it is not here yet. A line that came
    /// in one chunk is a slice of it.
    #[allow(
        clippy::should_implement_trait,
        reason = "an iterator that ends would be read as the end of the stream"
    )]
    pub fn next(&mut self) -> Result<Option<Bytes>, TooLong> {
        while !self.failed {
            let end = memchr(b'\n', &self.chunk);
            let taken = self.chunk.split_to(end.map_or(self.chunk.len(), |end| end + 1));
            if self.begun.len() + taken.len() > self.max_line {
                self.failed = true;
                break;
            }
            if end.is_some() && self.begun.is_empty() {
                if let Some(line) = trimmed(taken) {
                    return Ok(Some(line));
                }
                continue;
            }
            self.begun.extend_from_slice(&taken);
            if end.is_none() {
                return Ok(None);
            }
            if let Some(line) = trimmed(self.begun.split().freeze()) {
                return Ok(Some(line));
            }
        }
        Err(TooLong { limit: self.max_line })
    }

    /// What is left when the stream has ended: a line without its end.
    pub fn finish(&mut self) -> Option<Bytes> {
        self.begun.extend_from_slice(&std::mem::take(&mut self.chunk));
        let rest = self.begun.split().freeze();
        if self.failed { None } else { trimmed(rest) }
    }
}

/// The line without white space around it, unless nothing else is in it.
fn trimmed(line: Bytes) -> Option<Bytes> {
    let text = line.trim_ascii();
    (!text.is_empty()).then(|| line.slice_ref(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(input: &[u8], size: usize) -> Vec<Bytes> {
        let mut lines = Lines::new(64);
        let mut found = Vec::new();
        for chunk in input.chunks(size) {
            lines.push(Bytes::copy_from_slice(chunk));
            while let Some(line) = lines.next().unwrap() {
                found.push(line);
            }
        }
        found.extend(lines.finish());
        found
    }

    #[test]
    fn lines_are_the_same_wherever_the_stream_is_cut() {
        let input = b"{\"a\":1}\n\r\n\n {\"b\":2}\r\n{\"c\":\"\xC3\xA4\"}";
        for size in 1..=input.len() {
            let found = cut(input, size);
            assert_eq!(found, [&b"{\"a\":1}"[..], b"{\"b\":2}", b"{\"c\":\"\xC3\xA4\"}"], "{size}");
        }
    }

    #[test]
    fn a_whole_line_is_a_slice_of_its_chunk() {
        let chunk = Bytes::from_static(b"{}\n[]\n");
        let mut lines = Lines::new(64);
        lines.push(chunk.clone());
        assert_eq!(lines.next().unwrap().unwrap().as_ptr(), chunk.as_ptr());
        assert_eq!(lines.next().unwrap().unwrap().as_ptr(), chunk[3..].as_ptr());
        assert_eq!(lines.next(), Ok(None));
    }

    #[test]
    fn a_line_past_its_bound_is_an_error_for_good() {
        let mut lines = Lines::new(8);
        lines.push(Bytes::from_static(b"12345678"));
        assert_eq!(lines.next(), Ok(None));
        lines.push(Bytes::from_static(b"9\n1\n"));
        assert_eq!(lines.next(), Err(TooLong { limit: 8 }));
        assert_eq!(lines.next(), Err(TooLong { limit: 8 }));
        assert_eq!(lines.finish(), None);
    }
}
