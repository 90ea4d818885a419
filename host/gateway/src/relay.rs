//! Events of a provider plugin, on their way to the client.
//!
//! The upstream's reply is cut into frames, handed to the plugin a read at a time, and what it
//! makes of them is written in the client's dialect. Nothing of the stream is kept, neither
//! here nor in the plugin.

use crate::call::{Call, Reply};
use crate::contract::{Event, FailureKind, Usage, providers};
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::frame::Framer;
use crate::parallel::Parallel;
use crate::refusal::Refusal;
use crate::request::{Operation, Request};
use crate::upstream::http::{ReplyBody, SendError};
use crate::wire::answer::Answer;
use crate::wire::openai::embeddings;
use crate::wire::openai::read::Reader;
use crate::wire::said::Said;
use bytes::{Bytes, BytesMut};
use portcullis_sandbox::Fault;
use std::time::Duration;

/// Calls that one exchange may make in all.
const MOST_CALLS: u32 = 16;
/// Bytes that are held back at most while no content has come.
const MOST_HELD: usize = 256 << 10;

/// A translated answer, all of it.
pub struct Whole {
    /// In the client's dialect.
    pub body: Bytes,
    /// What the upstream said it used.
    pub usage: Option<Usage>,
    /// Time spent in the plugin.
    pub spent: Duration,
    /// What the plugin emitted and no client sees.
    pub ignored: Vec<&'static str>,
}

/// A reply in the hands of its plugin.
pub struct Translation {
    call: Call,
    reading: Reading,
    body: ReplyBody,
    framer: Framer,
    calls: u32,
    over: bool,
}

/// Who reads a reply.
enum Reading {
    /// The plugin that wanted it.
    Plugin(Box<Exchange>),
    /// The host itself: the reply is of the canonical dialect, which the client does not speak.
    Host(Reader),
}

impl Reading {
    async fn frames(&mut self, frames: &[providers::Frame]) -> Result<Vec<Event>, Failure> {
        match self {
            Self::Plugin(exchange) => exchange.frames(frames).await,
            Self::Host(reader) => reader.frames(frames),
        }
    }

    fn spent(&self) -> Duration {
        match self {
            Self::Plugin(exchange) => exchange.spent,
            Self::Host(_) => Duration::ZERO,
        }
    }
}

impl Translation {
    /// A reply of the canonical dialect, for a client of another.
    pub fn canonical(call: Call, reply: Reply) -> Self {
        let framing = match call.request.streaming {
            true => providers::Framing::Sse,
            false => providers::Framing::Whole,
        };
        let reading = Reading::Host(Reader::default());
        Self {
            call,
            reading,
            body: reply.body,
            framer: Framer::new(framing),
            calls: 1,
            over: false,
        }
    }

    /// Hands the plugin the head of its reply.
    ///
    /// # Errors
    ///
    /// What the plugin makes of the head.
    pub async fn begin(
        call: Call,
        mut exchange: Box<Exchange>,
        reply: Reply,
    ) -> Result<Self, Failure> {
        exchange.head(&reply.head()).await?;
        let framer = Framer::new(reply.framing);
        let reading = Reading::Plugin(exchange);
        Ok(Self { call, reading, body: reply.body, framer, calls: 1, over: false })
    }

    /// The next events, a read's worth; `None` when the answer is whole.
    ///
    /// # Errors
    ///
    /// If the upstream or the plugin fails.
    pub async fn events(&mut self) -> Result<Option<Vec<Event>>, Failure> {
        while !self.over {
            let frames = match self.body.next().await {
                Some(Ok(bytes)) => self.framer.push(bytes).map_err(|error| {
                    let message = format!("The upstream's answer: {error}.");
                    Failure::reported(FailureKind::Malformed, message)
                })?,
                Some(Err(error)) => return Err(self.broke(error).await),
                None => {
                    let frames = self.framer.finish();
                    let mut events = match frames.is_empty() {
                        true => Vec::new(),
                        false => self.reading.frames(&frames).await?,
                    };
                    events.extend(self.end().await?);
                    return Ok(Some(events));
                }
            };
            if frames.is_empty() {
                continue;
            }
            let events = self.reading.frames(&frames).await?;
            if !events.is_empty() {
                return Ok(Some(events));
            }
        }
        Ok(None)
    }

    /// What a reply that broke off amounts to. Why a program failed may be the last that it
    /// printed, and then the plugin knows more than its exit status says; that the reply is not
    /// whole is no news.
    async fn broke(&mut self, error: SendError) -> Failure {
        if let (SendError::Exited { .. }, Reading::Plugin(exchange)) = (&error, &mut self.reading)
            && let Err(failure) = exchange.end().await
            && failure.kind() != FailureKind::Malformed
        {
            return failure;
        }
        Failure::Call(error)
    }

    /// The reply is over; the answer may need one more.
    async fn end(&mut self) -> Result<Vec<Event>, Failure> {
        let exchange = match &mut self.reading {
            Reading::Plugin(exchange) => exchange,
            Reading::Host(reader) => {
                reader.end()?;
                self.over = true;
                return Ok(Vec::new());
            }
        };
        match exchange.end().await? {
            providers::Ending::Done(events) => {
                self.over = true;
                Ok(events)
            }
            providers::Ending::Again(_) if self.calls >= MOST_CALLS => {
                let message = format!("it wants more than {MOST_CALLS} calls for an answer");
                Err(exchange.broke("end", Fault::Malformed { message }))
            }
            providers::Ending::Again(call) => {
                self.calls += 1;
                let reply = self.call.make(&call).await?;
                exchange.head(&reply.head()).await?;
                (self.body, self.framer) = (reply.body, Framer::new(reply.framing));
                Ok(Vec::new())
            }
        }
    }

    /// Time spent in the plugin so far.
    pub fn spent(&self) -> Duration {
        self.reading.spent()
    }
}

/// Where the events of an answer come from.
#[expect(clippy::large_enum_variant, reason = "nearly every answer is of the large one")]
pub enum Answers {
    /// One reply.
    One(Translation),
    /// As many as there are answers.
    Several(Parallel),
}

impl Answers {
    async fn events(&mut self) -> Result<Option<Vec<Event>>, Failure> {
        match self {
            Self::One(translation) => translation.events().await,
            Self::Several(parallel) => parallel.events().await,
        }
    }

    fn spent(&self) -> Duration {
        match self {
            Self::One(translation) => translation.spent(),
            Self::Several(parallel) => parallel.spent(),
        }
    }
}

/// The answer as a whole, for a client that does not stream, by a model of that name.
///
/// # Errors
///
/// Whatever happens before the last event: nobody has seen anything yet.
pub async fn whole(mut answers: Answers, request: &Request, model: &str) -> Result<Whole, Failure> {
    let mut all = Vec::new();
    while let Some(events) = answers.events().await? {
        all.extend(events);
        if all.len() > 1_000_000 {
            return Err(Failure::reported(FailureKind::Malformed, "The answer has no end."));
        }
    }
    let (body, usage, ignored) = match request.operation {
        Operation::Chat | Operation::Transcription => {
            let mut answer = request.dialect.answer(request, model);
            let whole = answer.whole(all)?;
            if !answer.is_finished() {
                return Err(unfinished());
            }
            (whole, answer.usage().cloned(), answer.ignored().collect())
        }
        Operation::Embeddings => {
            let (whole, usage) = embeddings::whole(all, model, request.base64);
            (whole, usage, Vec::new())
        }
        Operation::CountTokens => {
            (all.iter().find_map(document).ok_or_else(unfinished)?, None, Vec::new())
        }
    };
    Ok(Whole { body: Bytes::from(body), usage, spent: answers.spent(), ignored })
}

fn document(event: &Event) -> Option<String> {
    match event {
        // A document that is no JSON would reach the client as one that it cannot read.
        Event::Document(json) if serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok() => {
            Some(json.clone())
        }
        _ => None,
    }
}

fn unfinished() -> Failure {
    Failure::reported(FailureKind::Malformed, "The answer broke off before it was finished.")
}

/// A translated answer as a stream.
pub struct Stream {
    answers: Answers,
    answer: Answer,
    over: bool,
}

impl Stream {
    /// Reads until the first content, and returns the stream with what was held back.
    ///
    /// # Errors
    ///
    /// If anything fails before any content: nobody has seen anything yet.
    pub async fn begin(
        answers: Answers,
        request: &Request,
        model: &str,
    ) -> Result<(Self, Bytes), Failure> {
        let answer = request.dialect.answer(request, model).counted(request.counted);
        let mut stream = Self { answers, answer, over: false };
        let mut held = BytesMut::new();
        while held.len() < MOST_HELD {
            let content = stream.write(&mut held).await?;
            if content || stream.over {
                break;
            }
        }
        Ok((stream, held.freeze()))
    }

    /// The next bytes for the client; `None` when all was said.
    ///
    /// # Errors
    ///
    /// If the upstream or the plugin fails. The client has to be told.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut out = BytesMut::new();
        while out.is_empty() && !self.over {
            self.write(&mut out).await?;
        }
        Ok((!out.is_empty()).then(|| out.freeze()))
    }

    /// The end of the stream, where it failed.
    pub fn fail(&mut self, refusal: &Refusal, out: &mut BytesMut) {
        self.answer.fail(refusal, out);
    }

    /// What the upstream said it used.
    pub fn usage(&self) -> Option<&Usage> {
        self.answer.usage()
    }

    /// What was said so far.
    pub fn said(&mut self) -> Said {
        self.answer.said()
    }

    /// What the plugin emitted and no client sees.
    pub fn ignored(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.answer.ignored()
    }

    /// Time spent in the plugin so far.
    pub fn spent(&self) -> Duration {
        self.answers.spent()
    }

    /// Writes the next events; says whether there was content among them.
    async fn write(&mut self, out: &mut BytesMut) -> Result<bool, Failure> {
        let Some(events) = self.answers.events().await? else {
            self.over = true;
            if !self.answer.is_finished() {
                return Err(unfinished());
            }
            self.answer.end(out);
            return Ok(true);
        };
        let mut content = false;
        for event in events {
            content |= self.answer.event(event, out)?;
        }
        Ok(content)
    }
}
