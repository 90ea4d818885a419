//! Cuts an upstream's reply into the frames that a provider plugin asked for.

use crate::contract::providers::{Frame, Framing};
use crate::wire::lines::Lines;
use crate::wire::sse::{Decoder, MAX_EVENT, TooLong};
use bytes::{Bytes, BytesMut};

/// Bytes of a reply that is handed over as one frame.
pub const MAX_WHOLE: usize = 32 << 20;

/// Cuts one reply.
pub enum Framer {
    /// Kept until the end.
    Whole(BytesMut),
    /// One frame an event.
    Sse(Decoder),
    /// One frame a line.
    Lines(Lines),
    /// One frame a read.
    Raw,
}

impl Framer {
    /// A framer for one reply.
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::Whole => Self::Whole(BytesMut::new()),
            Framing::Sse => Self::Sse(Decoder::new(MAX_EVENT)),
            Framing::Lines => Self::Lines(Lines::new(MAX_EVENT)),
            Framing::Raw => Self::Raw,
        }
    }

    /// The frames that are complete with these bytes.
    ///
    /// # Errors
    ///
    /// If one is longer than is kept.
    pub fn push(&mut self, bytes: Bytes) -> Result<Vec<Frame>, TooLong> {
        let mut frames = Vec::new();
        match self {
            Self::Whole(all) => {
                if all.len() + bytes.len() > MAX_WHOLE {
                    return Err(TooLong { limit: MAX_WHOLE });
                }
                all.extend_from_slice(&bytes);
            }
            Self::Sse(decoder) => {
                decoder.push(bytes);
                while let Some(event) = decoder.next()? {
                    frames.extend(sse(&event));
                }
            }
            Self::Lines(lines) => {
                lines.push(bytes);
                while let Some(line) = lines.next()? {
                    frames.push(text(&line));
                }
            }
            Self::Raw => frames.push(Frame::Bytes(bytes.to_vec())),
        }
        Ok(frames)
    }

    /// The frames that the end of the reply completes.
    pub fn finish(&mut self) -> Vec<Frame> {
        match self {
            Self::Whole(all) => vec![text(&all.split())],
            Self::Sse(decoder) => decoder.finish().iter().filter_map(sse).collect(),
            Self::Lines(lines) => lines.finish().iter().map(|line| text(line)).collect(),
            Self::Raw => Vec::new(),
        }
    }
}

/// An event as a frame; comments that keep a connection alive are none.
fn sse(event: &crate::wire::sse::Event) -> Option<Frame> {
    event.data.as_ref()?;
    let name = event.name().map(str::to_owned);
    Some(Frame::Sse((name, event.lossy().into_owned())))
}

/// Text where it is text; bytes otherwise, so that nothing is lost.
fn text(bytes: &[u8]) -> Frame {
    match std::str::from_utf8(bytes) {
        Ok(text) => Frame::Text(text.to_owned()),
        Err(_) => Frame::Bytes(bytes.to_vec()),
    }
}
