//! The body of an answer: steps that are played one after another.
//!
//! A body of our own, rather than a channel that a task writes into: its drop is how a client
//! that went away is noticed, and there is no task that could outlive it.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::record::Ticket;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Hands over these bytes, as a write of their own.
    Send(Bytes),
    /// Waits.
    Pause(Duration),
    /// Does nothing any more, with the connection open.
    Hang,
    /// Closes the connection in the middle of the answer.
    Cut,
}

/// The same bytes in pieces whose lengths grow from one byte, again and again: some end within a
/// line's end, some within a character.
pub(crate) fn awkward(steps: &[Step]) -> Vec<Step> {
    const LENGTHS: [usize; 10] = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89];
    let mut lengths = LENGTHS.into_iter().cycle();
    let mut cut = Vec::new();
    let mut held = BytesMut::new();
    for step in steps {
        match step {
            Step::Send(bytes) => held.extend_from_slice(bytes),
            other => {
                let left = std::mem::take(&mut held).freeze();
                cut.extend((!left.is_empty()).then_some(Step::Send(left)));
                cut.push(other.clone());
            }
        }
        while let Some(length) = lengths.clone().next().filter(|length| *length <= held.len()) {
            lengths.next();
            cut.push(Step::Send(held.split_to(length).freeze()));
        }
    }
    cut.extend((!held.is_empty()).then(|| Step::Send(held.freeze())));
    cut
}

/// A body that plays steps.
#[derive(Debug)]
pub(crate) struct Play {
    steps: VecDeque<Step>,
    pause: Option<Pin<Box<Sleep>>>,
    /// Whether the last step handed something over which the connection has not yet written.
    flush: bool,
    ticket: Ticket,
}

impl Play {
    pub(crate) fn new(steps: impl Into<VecDeque<Step>>, ticket: Ticket) -> Play {
        let mut play = Play { steps: steps.into(), pause: None, flush: false, ticket };
        play.finish_at_end();
        play
    }

    /// A body that is there at once.
    pub(crate) fn whole(bytes: Bytes, ticket: Ticket) -> Play {
        let steps = if bytes.is_empty() { vec![] } else { vec![Step::Send(bytes)] };
        Play::new(steps, ticket)
    }

    /// The number of the request that is answered.
    pub(crate) fn id(&self) -> u64 {
        self.ticket.id()
    }

    /// A connection that knows the length does not ask for the end, so the end is the last byte.
    fn finish_at_end(&mut self) {
        if self.steps.is_empty() {
            self.ticket.finish();
        }
    }
}

impl Body for Play {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            // Giving way once makes the connection write what it has; otherwise it would put
            // chunks together, and lose those before a cut.
            if std::mem::take(&mut self.flush) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if let Some(pause) = &mut self.pause {
                std::task::ready!(pause.as_mut().poll(context));
                self.pause = None;
            }
            match self.steps.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Send(bytes)) => {
                    self.flush = !self.steps.is_empty();
                    self.ticket.sent();
                    self.finish_at_end();
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Step::Pause(length)) => {
                    self.pause = Some(Box::pin(tokio::time::sleep(length)));
                }
                Some(Step::Hang) => {
                    self.steps.push_front(Step::Hang);
                    return Poll::Pending;
                }
                Some(Step::Cut) => {
                    self.ticket.finish();
                    return Poll::Ready(Some(Err(io::Error::other("the script cuts it here"))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.steps.iter().collect::<Vec<_>>()[..] {
            [] => SizeHint::with_exact(0),
            [Step::Send(bytes)] => SizeHint::with_exact(bytes.len() as u64),
            _ => SizeHint::default(),
        }
    }
}
