//! One attempt at one candidate: from the plugin's call to the first content of its answer.
//!
//! Until this returns, nothing has reached the client, and another candidate can take over.

use crate::call::{Call, Reply};
use crate::candidate::Candidate;
use crate::contract::{Usage, providers};
use crate::exchange::{self, Begun};
use crate::failure::Failure;
use crate::parallel::{self, Parallel};
use crate::provider::{Generation, Provider};
use crate::relay::{Answers, Translation};
use crate::request::Request;
use crate::signals::{InFlight, Signals};
use crate::wire::dialect::Dialect;
use crate::{passthrough, relay};
use bytes::Bytes;
use futures_util::future::try_join_all;
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
    places: Vec<OwnedSemaphorePermit>,
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
    let mut under_way = UnderWay::begin(provider, candidate)?;
    let began = Instant::now();
    let begun = exchange::begin(provider, generation.clone(), request, &candidate.model).await;
    let called = Instant::now();
    let before = called - began;
    let asking = Asking { provider, generation, candidate };
    let (answer, held, plugin, dropped) = match begun {
        Ok((Begun::Passed(wanted), dialect)) if dialect == request.dialect => {
            // Bytes will flow natively: no sandbox is alive while they do.
            let (call, dropped) = (asking.call(request, dialect), dropped(&wanted));
            let (answer, held) = pass(call.make(&wanted).await?, request).await?;
            (answer, held, before, dropped)
        }
        Ok(begun) => {
            let (translation, dropped) = asking.translation(request, begun).await?;
            let answers = Answers::One(translation);
            let (answer, held, spent) = translate(answers, request, candidate).await?;
            (answer, held, spent.max(before), dropped)
        }
        Err(failure) if parallel::serves(request, &failure) => {
            under_way.also(provider, candidate, request.answers - 1)?;
            let (answers, dropped) = asking.several(request).await?;
            let (answer, held, spent) = translate(answers, request, candidate).await?;
            (answer, held, spent, dropped)
        }
        Err(failure) => return Err(failure),
    };
    let first_content = called.elapsed();
    let upstream = first_content.saturating_sub(plugin.saturating_sub(before));
    Ok(Answered {
        answer,
        held,
        dropped,
        called,
        until: called + provider.configured.timeouts.whole,
        plugin,
        upstream,
        first_content,
        under_way,
    })
}

impl UnderWay {
    fn begin(provider: &Provider, candidate: &Arc<Candidate>) -> Result<Self, Failure> {
        let _in_flight = InFlight::new(CandidateSignals(candidate.clone()));
        let mut begun = Self { _in_flight, places: Vec::new() };
        begun.also(provider, candidate, 1)?;
        Ok(begun)
    }

    /// Takes the places of so many calls more.
    fn also(
        &mut self,
        provider: &Provider,
        candidate: &Candidate,
        calls: u32,
    ) -> Result<(), Failure> {
        for (places, why) in [
            (&provider.calls, "the provider has as many calls under way as it may"),
            (&candidate.calls, "the model has as many calls under way as it may"),
        ] {
            let Some(places) = places else { continue };
            let place = places.clone().try_acquire_many_owned(calls);
            self.places.push(place.map_err(|_| Failure::PassedOver { why })?);
        }
        Ok(())
    }
}

/// Who is asked.
struct Asking<'a> {
    provider: &'a Arc<Provider>,
    generation: Generation,
    candidate: &'a Arc<Candidate>,
}

impl Asking<'_> {
    fn call(&self, request: &Arc<Request>, dialect: Dialect) -> Call {
        Call {
            provider: self.provider.clone(),
            candidate: self.candidate.clone(),
            request: request.clone(),
            dialect,
            generation: self.generation.clone(),
        }
    }

    /// Makes the call, for an answer that is read event by event; and what was left out of it.
    async fn translation(
        &self,
        request: &Arc<Request>,
        (begun, dialect): (Begun, Dialect),
    ) -> Result<(Translation, Vec<String>), Failure> {
        let call = self.call(request, dialect);
        let (translation, mut dropped) = match begun {
            Begun::Passed(wanted) => {
                let reply = call.make(&wanted).await?;
                (Translation::canonical(call, reply), dropped(&wanted))
            }
            Begun::Translated(exchange, wanted) => {
                let reply = call.make(&wanted).await?;
                (Translation::begin(call, exchange, reply).await?, dropped(&wanted))
            }
        };
        if dialect.name() != request.dialect.name()
            && let Ok(canonical) = request.canonical()
        {
            dropped.extend(canonical.dropped.iter().cloned());
        }
        Ok((translation, dropped))
    }

    /// Makes a call for each answer that is asked for.
    async fn several(&self, request: &Arc<Request>) -> Result<(Answers, Vec<String>), Failure> {
        let one = Arc::new(parallel::one_of(request));
        let open = async || {
            let (generation, model) = (self.generation.clone(), &self.candidate.model);
            let begun = exchange::begin(self.provider, generation, &one, model).await?;
            self.translation(&one, begun).await
        };
        let opened = try_join_all((0..request.answers).map(|_| open())).await?;
        let (branches, dropped): (Vec<_>, Vec<_>) = opened.into_iter().unzip();
        // They all left out the same.
        let dropped = dropped.into_iter().next().unwrap_or_default();
        Ok((Answers::Several(Parallel::of(branches)), dropped))
    }
}

/// What the plugin says it left out, as names of fields in a JSON array: `dropped` in its call's
/// `extra`.
fn dropped(wanted: &providers::Call) -> Vec<String> {
    let extra = match wanted {
        providers::Call::Http(call) => &call.extra,
        providers::Call::Generate(call) => &call.extra,
        providers::Call::Model(call) => &call.extra,
        providers::Call::Command(call) => &call.extra,
    };
    let said = extra.iter().find(|(name, _)| name == "dropped");
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
    answers: Answers,
    request: &Request,
    candidate: &Candidate,
) -> Result<(Answer, Bytes, Duration), Failure> {
    let model = &candidate.profile.model;
    if request.streaming {
        let (stream, held) = relay::Stream::begin(answers, request, model).await?;
        let spent = stream.spent();
        return Ok((Answer::Translated(Box::new(stream)), held, spent));
    }
    let whole = relay::whole(answers, request, model).await?;
    Ok((Answer::Whole(whole.body, whole.usage, whole.ignored), Bytes::new(), whole.spent))
}

/// A candidate's signals, for the guard that counts calls under way.
struct CandidateSignals(Arc<Candidate>);

impl AsRef<Signals> for CandidateSignals {
    fn as_ref(&self) -> &Signals {
        &self.0.signals
    }
}
