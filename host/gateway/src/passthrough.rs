//! The same dialect on both sides: bytes flow natively, and no plugin is alive.
//!
//! The gateway reads along as far as it must: until the first content, before which another
//! candidate can still answer; for the usage, which it always asks for and shows to those who
//! asked; and for the end, which an upstream may leave out. Everything else is forwarded as it
//! came.

use crate::contract::{FailureKind, Usage};
use crate::failure::Failure;
use crate::frame::MAX_WHOLE;
use crate::upstream::http::ReplyBody;
use crate::wire::openai::answer::read_usage;
use crate::wire::sse::{Decoder, Event, MAX_EVENT};
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Bytes that are held back at most while no content has come.
const MOST_HELD: usize = 256 << 10;

/// A whole reply, checked and metered.
///
/// # Errors
///
/// If it breaks off, is not JSON, or is an error in the clothes of a success.
pub async fn whole(body: ReplyBody) -> Result<(Bytes, Option<Usage>), Failure> {
    let bytes = body.collect(MAX_WHOLE).await.map_err(Failure::Call)?;
    // What is not read of it may hold anything, and no SDK reads what is not UTF-8.
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| malformed("The upstream answered with what is not text."))?;
    let reply: Part<'_> = serde_json::from_str(text).map_err(|error| {
        let what =
            if bytes.is_empty() { "nothing".to_owned() } else { format!("no JSON ({error})") };
        malformed(&format!("The upstream answered with {what}."))
    })?;
    if let Some(failure) = reply.failure() {
        return Err(failure);
    }
    let usage = reply.usage.and_then(|usage| read_usage(usage.get()));
    Ok((bytes, usage))
}

fn malformed(message: &str) -> Failure {
    Failure::reported(FailureKind::Malformed, message)
}

/// What is read of a reply or of one event of it.
#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Said {
    message: Option<String>,
    code: Option<serde_json::Value>,
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

impl Part<'_> {
    fn failure(&self) -> Option<Failure> {
        let error = self.error.filter(|error| !is_null(error))?;
        let said: Option<Said> = serde_json::from_str(error.get()).ok();
        let (message, code) = said.map_or((None, None), |said| (said.message, said.code));
        let message = message.unwrap_or_else(|| "The upstream failed in its answer.".to_owned());
        let mut failure = match Failure::reported(FailureKind::Upstream, message) {
            Failure::Reported(failure) => failure,
            other => return Some(other),
        };
        failure.code = code.and_then(|code| code.as_str().map(str::to_owned));
        Some(Failure::Reported(failure))
    }

    /// Whether there is something in it that a person or a program would see.
    fn has_content(&self) -> bool {
        let empty = |delta: &RawValue| {
            let fields: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(delta.get()).unwrap_or_default();
            fields.iter().all(|(name, value)| {
                name == "role" || value.is_null() || value.as_str() == Some("")
            })
        };
        self.choices
            .iter()
            .flatten()
            .any(|choice| choice.delta.is_some_and(|delta| !empty(delta)) || choice.is_finished())
    }

    fn usage(&self) -> Option<Usage> {
        read_usage(self.usage.filter(|usage| !is_null(usage))?.get())
    }
}

impl Choice<'_> {
    fn is_finished(&self) -> bool {
        self.finish_reason.is_some_and(|reason| !is_null(reason))
    }
}

/// A stream that is passed on.
pub struct Stream {
    body: ReplyBody,
    decoder: Decoder,
    wants_usage: bool,
    finished: bool,
    /// What the upstream said it used.
    pub usage: Option<Usage>,
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
    pub async fn begin(body: ReplyBody, wants_usage: bool) -> Result<(Self, Bytes), Failure> {
        let decoder = Decoder::new(MAX_EVENT);
        let mut stream =
            Self { body, decoder, wants_usage, finished: false, usage: None, over: false };
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

    /// Reads an event as far as it matters. Before the first content every event is parsed;
    /// after it only those that could end the answer, fail it, or carry its usage.
    fn look(&mut self, event: &Event, closely: bool) -> Result<Seen, Failure> {
        let Some(data) = event.data.as_deref() else {
            return Ok(Seen::Forward { content: false });
        };
        if data == b"[DONE]" {
            return Ok(Seen::Done);
        }
        if data.is_empty() {
            // SDKs throw at an event whose data is empty.
            return Ok(Seen::Drop);
        }
        if !closely && !matters(data) {
            return Ok(Seen::Forward { content: true });
        }
        let part: Part<'_> = serde_json::from_slice(data).map_err(|error| {
            malformed(&format!("The upstream sent an event that is no JSON ({error})."))
        })?;
        if let Some(failure) = part.failure() {
            return Err(failure);
        }
        if let Some(usage) = part.usage() {
            self.usage = Some(usage);
        }
        let choices = part.choices.as_deref().unwrap_or_default();
        self.finished |= choices.iter().any(Choice::is_finished);
        if choices.is_empty() && self.usage.is_some() && !self.wants_usage {
            return Ok(Seen::Drop);
        }
        Ok(Seen::Forward { content: part.has_content() })
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
        out.extend_from_slice(b"data: [DONE]\n\n");
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

/// Whether an event may be more than content: found by its bytes, since parsing each would cost
/// more than forwarding it.
fn matters(data: &[u8]) -> bool {
    fn is_set(data: &[u8], name: &[u8], null: &[u8]) -> bool {
        memmem::find_iter(data, name).any(|at| !data[at..].starts_with(null))
    }
    is_set(data, b"\"finish_reason\"", b"\"finish_reason\":null")
        || is_set(data, b"\"usage\"", b"\"usage\":null")
        || is_set(data, b"\"error\"", b"\"error\":null")
}
