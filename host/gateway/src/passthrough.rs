//! The same dialect on both sides: bytes flow natively, and no plugin is alive.
//!
//! The gateway reads along as far as it must: until the first content, before which another
//! candidate can still answer; for the usage, which it always asks for and shows to those who
//! asked; and for the end, which an upstream may leave out. Everything else is forwarded as it
//! came.

use crate::contract::{FailureKind, Usage};
use crate::failure::Failure;
use crate::frame::MAX_WHOLE;
use crate::request::Request;
use crate::upstream::http::ReplyBody;
use crate::wire::dialect::Dialect;
use crate::wire::said::{self, Said};
use crate::wire::sse::{Decoder, Event, MAX_EVENT};
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;

/// Bytes that are held back at most while no content has come.
const MOST_HELD: usize = 256 << 10;

/// A whole reply, checked and metered.
///
/// # Errors
///
/// If it breaks off, is not JSON, or is an error in the clothes of a success.
pub async fn whole(body: ReplyBody, dialect: Dialect) -> Result<(Bytes, Option<Usage>), Failure> {
    let bytes = body.collect(MAX_WHOLE).await.map_err(Failure::Call)?;
    // What is not read of it may hold anything, and no SDK reads what is not UTF-8.
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| malformed("The upstream answered with what is not text."))?;
    let usage = dialect.whole(text)?;
    Ok((bytes, usage))
}

fn malformed(message: &str) -> Failure {
    Failure::reported(FailureKind::Malformed, message)
}

/// A stream that is passed on.
pub struct Stream {
    body: ReplyBody,
    decoder: Decoder,
    dialect: Dialect,
    wants_usage: bool,
    finished: bool,
    /// What the upstream said it used.
    pub usage: Option<Usage>,
    /// What was said so far, where somebody counts it.
    pub said: Said,
    counted: bool,
    over: bool,
}

/// What happens to one event.
enum Seen {
    /// It goes on as it came.
    Forward { content: bool },
    /// The client did not ask for it.
    Drop,
    /// The upstream says that this is all.
    Done,
}

impl Stream {
    /// Reads until the first content, and returns the stream with what was held back.
    ///
    /// # Errors
    ///
    /// If the upstream fails before any content: nobody has seen anything yet.
    pub async fn begin(body: ReplyBody, request: &Request) -> Result<(Self, Bytes), Failure> {
        let mut stream = Self {
            body,
            decoder: Decoder::new(MAX_EVENT),
            dialect: request.dialect,
            wants_usage: request.wants_usage,
            finished: false,
            usage: None,
            said: Said::default(),
            counted: request.counted,
            over: false,
        };
        let mut held = BytesMut::new();
        while held.len() < MOST_HELD {
            let Some(event) = stream.event().await? else {
                stream.close(&mut held)?;
                break;
            };
            match stream.look(&event, true)? {
                Seen::Forward { content } => {
                    forward(&mut held, &event);
                    if content {
                        break;
                    }
                }
                Seen::Drop => {}
                Seen::Done => {
                    stream.close(&mut held)?;
                    break;
                }
            }
        }
        Ok((stream, held.freeze()))
    }

    /// The next bytes for the client; `None` when all was said.
    ///
    /// # Errors
    ///
    /// If the upstream breaks off. The client has to be told.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.over {
            return Ok(None);
        }
        // Nearly always a read is one event, and it goes on without being copied.
        let mut first: Option<Bytes> = None;
        let mut out = BytesMut::new();
        loop {
            let event = match self.ready()? {
                Some(event) => event,
                None if first.is_some() => return Ok(first),
                None if !out.is_empty() => return Ok(Some(out.freeze())),
                None => match self.event().await? {
                    Some(event) => event,
                    None => {
                        self.close(&mut out)?;
                        return Ok((!out.is_empty()).then(|| out.freeze()));
                    }
                },
            };
            match self.look(&event, false)? {
                Seen::Forward { .. } => match first.take() {
                    None if out.is_empty() && event.raw.ends_with(b"\n") => first = Some(event.raw),
                    earlier => {
                        out.extend_from_slice(&earlier.unwrap_or_default());
                        forward(&mut out, &event);
                    }
                },
                Seen::Drop => {}
                Seen::Done => {
                    out.extend_from_slice(&first.take().unwrap_or_default());
                    self.close(&mut out)?;
                    return Ok(Some(out.freeze()));
                }
            }
        }
    }

    /// An event that is here already.
    fn ready(&mut self) -> Result<Option<Event>, Failure> {
        self.decoder.next().map_err(|error| malformed(&format!("The upstream's answer: {error}.")))
    }

    /// The next event, or `None` at the end of the reply.
    async fn event(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            if let Some(event) = self.ready()? {
                return Ok(Some(event));
            }
            match self.body.next().await {
                Some(Ok(bytes)) => self.decoder.push(bytes),
                Some(Err(error)) => return Err(Failure::Call(error)),
                None => return Ok(self.decoder.finish()),
            }
        }
    }

    /// Reads an event: every one before the first content, and after it as far as it matters.
    fn look(&mut self, event: &Event, closely: bool) -> Result<Seen, Failure> {
        match event.data.as_deref() {
            None => return Ok(Seen::Forward { content: false }),
            // SDKs throw at an event whose data is empty.
            Some([]) => return Ok(Seen::Drop),
            Some(data) if self.counted => self.said.scan(data, said::keys(self.dialect)),
            Some(_) => {}
        }
        let glance = self.dialect.glance(event, closely, self.usage.as_ref())?;
        if let Some(usage) = glance.usage {
            self.usage = Some(usage);
        }
        self.finished |= glance.finished;
        Ok(match glance.done {
            true => Seen::Done,
            false if glance.only_usage && self.finished && !self.wants_usage => Seen::Drop,
            false => Seen::Forward { content: glance.content },
        })
    }

    /// Ends the stream as SDKs expect it, or says that the upstream broke off.
    fn close(&mut self, out: &mut BytesMut) -> Result<(), Failure> {
        self.over = true;
        // The end of the reply is here already, nearly always, right behind its last event;
        // taking it is what lets the connection serve the next request.
        let _ = self.body.next().now_or_never();
        if !self.finished {
            return Err(malformed("The upstream's answer broke off before it was finished."));
        }
        self.dialect.end(out);
        Ok(())
    }
}

/// Writes an event as it came; one without its blank line gets it, since SDKs drop it silently.
fn forward(out: &mut BytesMut, event: &Event) {
    out.extend_from_slice(&event.raw);
    let ended = [&b"\n\n"[..], b"\r\r", b"\n\r\n"].iter().any(|end| event.raw.ends_with(end));
    if !ended {
        out.extend_from_slice(b"\n\n");
    }
}
