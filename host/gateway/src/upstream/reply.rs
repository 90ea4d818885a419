//! What an upstream answers, as it comes.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use tokio::time::{Instant, Sleep, sleep_until};

use super::command::Output;
use super::failure::{SendError, chain};
use super::pool::Coming;

/// The head of a reply, and the rest of it while it is still coming.
///
/// Dropping it ends the call: over HTTP/1.1 the connection is closed, over HTTP/2 the stream is
/// reset.
#[derive(Debug)]
pub struct Reply {
    /// The status, whatever it is: redirects and failures are replies like any other.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: ReplyBody,
}

/// The body of a reply.
#[derive(Debug)]
pub struct ReplyBody {
    source: Source,
    ended: bool,
}

/// Where a body comes from.
#[derive(Debug)]
enum Source {
    /// A connection. No pause in it may be longer than the time-out between chunks.
    Sent(Coming, Patience),
    /// A program, which has a time-out for all of it.
    Printed(Output),
}

impl ReplyBody {
    pub(super) fn new(incoming: Coming, between_chunks: Duration) -> ReplyBody {
        ReplyBody { source: Source::Sent(incoming, Patience::new(between_chunks)), ended: false }
    }

    pub(super) fn printed(output: Output) -> ReplyBody {
        ReplyBody { source: Source::Printed(output), ended: false }
    }

    /// The next bytes, or `None` at the end, and after an error. The future may be dropped and
    /// asked for again without losing any.
    pub async fn next(&mut self) -> Option<Result<Bytes, SendError>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// All that is still to come, if it is not more than `limit` bytes.
    pub async fn collect(mut self, limit: usize) -> Result<Bytes, SendError> {
        let too_large = SendError::TooLarge { limit };
        if let Source::Sent(incoming, _) = &self.source
            && incoming.at_least() > limit as u64
        {
            return Err(too_large);
        }
        let Some(first) = self.next().await.transpose()? else {
            return Ok(Bytes::new());
        };
        if first.len() > limit {
            return Err(too_large);
        }
        let Some(second) = self.next().await.transpose()? else {
            return Ok(first);
        };
        let mut all = BytesMut::from(first);
        let mut next = Some(second);
        while let Some(chunk) = next {
            if all.len() + chunk.len() > limit {
                return Err(too_large);
            }
            all.extend_from_slice(&chunk);
            next = self.next().await.transpose()?;
        }
        Ok(all.freeze())
    }

    /// Its first bytes, `limit` at most, or what came of them before it broke off.
    pub async fn beginning(mut self, limit: usize) -> Bytes {
        let mut all = BytesMut::new();
        while all.len() < limit
            && let Some(Ok(chunk)) = self.next().await
        {
            all.extend_from_slice(&chunk[..chunk.len().min(limit - all.len())]);
        }
        all.freeze()
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, SendError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = match &mut self.source {
            Source::Sent(incoming, patience) => ready!(poll_sent(incoming, patience, cx)),
            Source::Printed(output) => ready!(output.poll_next(cx)),
        };
        self.ended = !matches!(next, Some(Ok(_)));
        Poll::Ready(next)
    }
}

fn poll_sent(
    incoming: &mut Coming,
    patience: &mut Patience,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, SendError>>> {
    loop {
        let result = match incoming.poll_frame(cx) {
            Poll::Pending => Err(ready!(patience.poll(cx))),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => Err(SendError::Broken { why: chain(&error) }),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) if !data.is_empty() => Ok(data),
                // Trailers say nothing that anybody here reads.
                _ => continue,
            },
        };
        patience.is_rewarded();
        return Poll::Ready(Some(result));
    }
}

/// How long a pause may be.
///
/// There is one timer a reply, and it is not set anew for each chunk, which would take the
/// timer wheel's lock each time. When it rings, it is looked at how long the pause has really
/// been, and only then is it set for the rest. A reply that never makes anybody wait has none.
#[derive(Debug)]
struct Patience {
    most: Duration,
    /// Since when the next chunk has been waited for, if it is. The time in which nobody asked
    /// for one does not count.
    since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn new(most: Duration) -> Patience {
        // Far enough away, and not past what a clock can hold.
        let most = most.min(Duration::from_secs(30 * 24 * 3600));
        Patience { most, since: None, timer: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<SendError> {
        let until = *self.since.get_or_insert_with(Instant::now) + self.most;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        loop {
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= until {
                return Poll::Ready(SendError::ChunkTimedOut { after: self.most });
            }
            timer.as_mut().reset(until);
        }
    }

    fn is_rewarded(&mut self) {
        self.since = None;
    }
}
