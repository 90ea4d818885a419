//! Cuts a reply into frames as the host does: each is handed over once it is complete.

use crate::provider::{Frame, Framing};
use eventsource_stream::{Event, EventStreamError, Eventsource};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

/// A reply on its way into frames.
pub(super) enum Cutter {
    /// All of it, once it is at its end.
    Whole(Vec<u8>),
    /// A frame an event.
    Events(Events),
    /// A frame a line; what has no end yet is kept.
    Lines(Vec<u8>),
    /// A frame a piece.
    Raw,
}

impl Cutter {
    pub(super) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Whole => Self::Whole(Vec::new()),
            Framing::Sse => Self::Events(Events::new()),
            Framing::Lines => Self::Lines(Vec::new()),
            Framing::Raw => Self::Raw,
        }
    }

    /// The frames that this piece completes.
    pub(super) fn push(&mut self, piece: &[u8]) -> Vec<Frame> {
        match self {
            Self::Whole(kept) => {
                kept.extend_from_slice(piece);
                Vec::new()
            }
            Self::Events(events) => events.push(piece),
            Self::Lines(kept) => {
                kept.extend_from_slice(piece);
                let complete =
                    kept.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
                let complete: Vec<u8> = kept.drain(..complete).collect();
                complete.split(|&byte| byte == b'\n').filter_map(line).collect()
            }
            Self::Raw => vec![Frame::Bytes(piece.to_vec())],
        }
    }

    /// The frames that the end of the reply completes. An event without its empty line is
    /// none: that is what the standard says.
    pub(super) fn finish(self) -> Vec<Frame> {
        match self {
            Self::Whole(kept) => vec![text(kept)],
            Self::Lines(kept) => line(&kept).into_iter().collect(),
            Self::Events(_) | Self::Raw => Vec::new(),
        }
    }
}

/// A line without its end; an empty one is no frame.
fn line(bytes: &[u8]) -> Option<Frame> {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    (!bytes.is_empty()).then(|| text(bytes.to_vec()))
}

fn text(bytes: Vec<u8>) -> Frame {
    String::from_utf8(bytes).map_or_else(|error| Frame::Bytes(error.into_bytes()), Frame::Text)
}

type Parsed = Result<Event, EventStreamError<Infallible>>;

/// Server-sent events. The parser reads from a stream, which here is a queue that is never
/// waited for.
pub(super) struct Events {
    pieces: Arc<Mutex<VecDeque<Vec<u8>>>>,
    parsed: BoxStream<'static, Parsed>,
}

impl Events {
    fn new() -> Self {
        let pieces = Arc::new(Mutex::new(VecDeque::new()));
        let queue = Arc::clone(&pieces);
        let arriving = stream::poll_fn(move |_| {
            let piece = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            piece.map_or(Poll::Pending, |piece| Poll::Ready(Some(Ok(piece))))
        });
        Self { pieces, parsed: arriving.eventsource().boxed() }
    }

    fn push(&mut self, piece: &[u8]) -> Vec<Frame> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner).push_back(piece.to_vec());
        let mut frames = Vec::new();
        while let Some(Some(Ok(event))) = self.parsed.next().now_or_never() {
            // The parser fills in the name that the standard gives to events without one.
            let name = Some(event.event).filter(|name| name != "message");
            frames.push(Frame::Sse((name, event.data)));
        }
        frames
    }
}
