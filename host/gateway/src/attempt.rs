//! One attempt at one candidate: from the plugin's call to the first content of its answer.
//!
//! Until this returns, nothing has reached the client, and another candidate can take over.

use crate::call::{Call, Reply};
use crate::candidate::Candidate;
use crate::contract::{Usage, providers};
use crate::exchange::{self, Begun};
use crate::failure::Failure;
use crate::provider::{Generation, Provider};
use crate::request::Request;
use crate::signals::{InFlight, Signals};
use crate::{passthrough, relay};
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;

/// A candidate's answer, from its first content on.
pub struct Answered {
    /// What goes to the client.
    pub answer: Answer,
    /// When the call was made.
    pub called: Instant,
    /// When it has to be over, by the provider's time-out of the whole.
    pub until: Instant,
    /// What was held back of a stream until its first content.
    pub held: Bytes,
    /// Fields of the request that the upstream has no place for, by their names.
    pub dropped: Vec<String>,
    /// Time spent in the plugin so far.
    pub plugin: Duration,
    /// Time that the upstream took until its first content.
    pub upstream: Duration,
    /// From the call to the first content.
    pub first_content: Duration,
    /// Ends when the answer does.
    pub under_way: UnderWay,
}

/// What is held while a call is under way.
pub struct UnderWay {
    _in_flight: InFlight<CandidateSignals>,
    _place: Option<OwnedSemaphorePermit>,
}

/// An answer in the client's dialect.
pub enum Answer {
    /// All of it, what it used, and what its plugin emitted that no client sees.
    Whole(Bytes, Option<Usage>, Vec<&'static str>),
    /// Forwarded as it comes.
    Passed(Box<passthrough::Stream>),
    /// Translated as it comes.
    Translated(Box<relay::Stream>),
}

/// Makes one attempt.
///
/// # Errors
///
/// Whatever keeps the candidate from answering.
pub async fn make(
    provider: &Arc<Provider>,
    generation: Generation,
    candidate: &Arc<Candidate>,
    request: &Arc<Request>,
) -> Result<Answered, Failure> {
    let place = match &provider.calls {
        None => None,
        Some(calls) => Some(calls.clone().try_acquire_owned().map_err(|_| {
            Failure::PassedOver { why: "the provider has as many calls under way as it may" }
        })?),
    };
    let under_way =
        UnderWay { _in_flight: InFlight::new(CandidateSignals(candidate.clone())), _place: place };
    let began = Instant::now();
    let (begun, dialect) =
        exchange::begin(provider, generation.clone(), request, &candidate.model).await?;
    let called = Instant::now();
    let before = called - began;
    let mut dropped = dropped(&begun);
    if dialect != request.dialect
        && let Ok(canonical) = request.canonical()
    {
        dropped.extend(canonical.dropped.iter().cloned());
    }
    let (provider, candidate) = (provider.clone(), candidate.clone());
    let call = Call { provider, candidate, request: request.clone(), dialect, generation };
    let whole = call.provider.configured.timeouts.whole;
    let (answer, held, plugin) = match begun {
        // Bytes will flow natively: no sandbox is alive while they do.
        Begun::Passed(wanted) if dialect == request.dialect => {
            let (answer, held) = pass(call.make(&wanted).await?, request).await?;
            (answer, held, before)
        }
        Begun::Passed(wanted) => {
            let reply = call.make(&wanted).await?;
            let translation = relay::Translation::canonical(call, reply);
            let (answer, held, _) = translate(translation, request).await?;
            (answer, held, before)
        }
        Begun::Translated(exchange, wanted) => {
            let reply = call.make(&wanted).await?;
            translate(relay::Translation::begin(call, exchange, reply).await?, request).await?
        }
    };
    let first_content = called.elapsed();
    let upstream = first_content.saturating_sub(plugin.saturating_sub(before));
    Ok(Answered {
        answer,
        held,
        dropped,
        called,
        until: called + whole,
        plugin,
        upstream,
        first_content,
        under_way,
    })
}

/// What the plugin says it left out, as names of fields in a JSON array: `dropped` in its call's
/// `extra`.
fn dropped(begun: &Begun) -> Vec<String> {
    let http = match begun {
        Begun::Passed(call) => call.as_ref(),
        Begun::Translated(_, call) => call,
    };
    let providers::Call::Http(http) = http else { return Vec::new() };
    let said = http.extra.iter().find(|(name, _)| name == "dropped");
    said.and_then(|(_, names)| serde_json::from_str(names).ok()).unwrap_or_default()
}

async fn pass(reply: Reply, request: &Request) -> Result<(Answer, Bytes), Failure> {
    if request.streaming {
        let (stream, held) = passthrough::Stream::begin(reply.body, request).await?;
        return Ok((Answer::Passed(Box::new(stream)), held));
    }
    let (whole, usage) = passthrough::whole(reply.body, request.dialect).await?;
    Ok((Answer::Whole(whole, usage, Vec::new()), Bytes::new()))
}

async fn translate(
    translation: relay::Translation,
    request: &Request,
) -> Result<(Answer, Bytes, Duration), Failure> {
    if request.streaming {
        let (stream, held) = relay::Stream::begin(translation, request).await?;
        let spent = stream.spent();
        return Ok((Answer::Translated(Box::new(stream)), held, spent));
    }
    let whole = translation.whole(request).await?;
    Ok((Answer::Whole(whole.body, whole.usage, whole.ignored), Bytes::new(), whole.spent))
}

/// A candidate's signals, for the guard that counts calls under way.
struct CandidateSignals(Arc<Candidate>);

impl AsRef<Signals> for CandidateSignals {
    fn as_ref(&self) -> &Signals {
        &self.0.signals
    }
}
