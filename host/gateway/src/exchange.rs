//! A provider plugin's half of one exchange with its upstream.
//!
//! Each step enters the plugin's sandbox and comes back with what it says or with the failure
//! that ended it. The time spent inside is added up: it is what the operator sees as the price
//! of the plugin.

use crate::candidate::{Candidate, Choice};
use crate::contract::{Event, Reported, providers};
use crate::failure::Failure;
use crate::memory::Recalled;
use crate::provider::{Generation, Provider, ProviderWorld};
use crate::request::{Lent, Request, Serving};
use crate::wire::dialect::Dialect;
use crate::words;
use portcullis_sandbox::{Fault, Sandbox};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use wasmtime::component::ResourceAny;

/// The code of a failure by which a plugin asks for the canonical dialect.
const NOT_THIS_DIALECT: &str = "dialect";

/// One exchange, with the sandbox that it lives in.
pub struct Exchange {
    sandbox: Sandbox<ProviderWorld>,
    handle: ResourceAny,
    plugin: String,
    /// Time spent in the plugin so far.
    pub spent: Duration,
    generation: Generation,
}

/// What a provider wants for a request.
pub enum Begun {
    /// A call whose reply is passed on: its sandbox, if there was one, is gone.
    Passed(Arc<providers::Call>),
    /// A call whose reply its sandbox reads.
    Translated(Box<Exchange>, providers::Call),
}

/// Asks a provider which call to make. It is lent the request in its own dialect, if it accepts
/// that, and in the canonical one otherwise; in which, stands beside what it wants.
///
/// # Errors
///
/// The plugin's failure, or its fault; or why the request cannot be put into the canonical dialect.
pub async fn begin(
    provider: &Provider,
    generation: Generation,
    request: &Arc<Request>,
    model: &Arc<str>,
) -> Result<(Begun, Dialect), Failure> {
    let accepted = &generation.value.plugin.description().dialects;
    let own = request.dialect;
    if own.name() == Dialect::CANONICAL.name() {
        return Ok((begin_in(own, provider, generation, request, model).await?, own));
    }
    if accepted.iter().any(|dialect| dialect == own.name()) {
        let begun = begin_in(own, provider, generation.clone(), request, model).await;
        match begun {
            // It accepts the dialect, but not of this model, or not as it is configured.
            Err(failure) if failure.code() == Some(NOT_THIS_DIALECT) => {}
            begun => return Ok((begun?, own)),
        }
    }
    request.canonical().map_err(Clone::clone)?;
    let begun = begin_in(Dialect::CANONICAL, provider, generation, request, model).await?;
    Ok((begun, Dialect::CANONICAL))
}

async fn begin_in(
    dialect: Dialect,
    provider: &Provider,
    generation: Generation,
    request: &Arc<Request>,
    model: &Arc<str>,
) -> Result<Begun, Failure> {
    // A provider has no candidates to choose from.
    static NONE: LazyLock<Arc<[Arc<Candidate>]>> = LazyLock::new(|| Arc::from([]));
    let (request, model) = (request.clone(), model.clone());
    let choice = Choice { candidates: NONE.clone(), request: request.clone() };
    let lent = Lent { request, model, noted: Vec::new(), readable: true, dialect };
    let mut keeps = false;
    if let Some(memory) = &generation.value.memory {
        match memory.recall(&lent, &choice) {
            Recalled::Known(call) => return Ok(Begun::Passed(call)),
            Recalled::Unknown => keeps = true,
            Recalled::Own => {}
        }
    }
    let (mut exchange, call) = Exchange::start(provider, generation, lent).await?;
    let passed = match call {
        providers::Call::Http(http) if http.passthrough => Arc::new(providers::Call::Http(http)),
        call => {
            if keeps {
                exchange.keep(&NONE, None);
            }
            return Ok(Begun::Translated(exchange, call));
        }
    };
    if keeps {
        exchange.keep(&NONE, Some(passed.clone()));
    }
    Ok(Begun::Passed(passed))
}

impl Exchange {
    /// Makes a sandbox and asks which call to make.
    ///
    /// # Errors
    ///
    /// The plugin's failure, or its fault.
    pub async fn start(
        provider: &Provider,
        generation: Generation,
        lent: Lent,
    ) -> Result<(Box<Self>, providers::Call), Failure> {
        const STEP: &str = "start";
        let began = Instant::now();
        let plugin = provider.configured.name.clone();
        let fail = |fault| {
            generation.value.conduct.fault(&fault);
            Failure::Plugin { plugin: plugin.clone(), step: STEP, fault }
        };
        let serving = Serving::of(&lent.request);
        let mut sandbox = generation.value.plugin.sandbox(serving).await.map_err(fail)?;
        let lent = sandbox.state_mut().table.push(lent);
        let lent = lent.map_err(|_| fail(Fault::Handles { limit: 0 }))?;
        let (guest, store, watch) = sandbox.enter();
        let started = watch.over(guest.start(store, lent)).await;
        let (handle, call) =
            started.map_err(fail)?.map_err(|said| Failure::Reported(words::failure(said)))?;
        let spent = began.elapsed();
        Ok((Box::new(Self { sandbox, handle, plugin, spent, generation }), call))
    }

    /// Remembers what it wants to call.
    fn keep(&mut self, nobody: &Arc<[Arc<Candidate>]>, call: Option<Arc<providers::Call>>) {
        if let Some(memory) = &self.generation.value.memory {
            memory.keep(nobody, self.sandbox.state_mut(), call);
        }
    }

    /// Hands over the head of a reply that is a success.
    ///
    /// # Errors
    ///
    /// The plugin's failure, or its fault.
    pub async fn head(&mut self, head: &providers::ReplyHead) -> Result<(), Failure> {
        let began = Instant::now();
        let (guest, store, watch) = self.sandbox.enter();
        let call = async { guest.all(store)?.exchange().call_head(store, self.handle, head).await };
        let answer = watch.over(call).await;
        self.spent += began.elapsed();
        self.settle("head", answer)
    }

    /// Hands over the frames of one read.
    ///
    /// # Errors
    ///
    /// The plugin's failure, or its fault.
    pub async fn frames(&mut self, frames: &[providers::Frame]) -> Result<Vec<Event>, Failure> {
        let began = Instant::now();
        let (guest, store, watch) = self.sandbox.enter();
        let call =
            async { guest.all(store)?.exchange().call_frames(store, self.handle, frames).await };
        let answer = watch.over(call).await;
        self.spent += began.elapsed();
        let events = self.settle("frames", answer)?;
        self.vet("frames", &events)?;
        Ok(events)
    }

    /// Says that the reply is over.
    ///
    /// # Errors
    ///
    /// The plugin's failure, or its fault.
    pub async fn end(&mut self) -> Result<providers::Ending, Failure> {
        let began = Instant::now();
        let (guest, store, watch) = self.sandbox.enter();
        let call = async { guest.all(store)?.exchange().call_end(store, self.handle).await };
        let answer = watch.over(call).await;
        self.spent += began.elapsed();
        let ending = self.settle("end", answer)?;
        if let providers::Ending::Done(events) = &ending {
            self.vet("end", events)?;
        }
        Ok(ending)
    }

    /// What no dialect can write is the plugin's fault: mended here, it would be another answer.
    fn vet(&self, step: &'static str, events: &[Event]) -> Result<(), Failure> {
        let writable = |event: &Event| match event {
            Event::Embedding((_, values)) => values.iter().all(|value| value.is_finite()),
            Event::Usage(usage) => [usage.cost_usd, usage.audio_seconds]
                .iter()
                .all(|number| number.is_none_or(f64::is_finite)),
            _ => true,
        };
        if events.iter().all(writable) {
            return Ok(());
        }
        let message = "a number that JSON cannot hold".to_owned();
        Err(self.broke(step, Fault::Malformed { message }))
    }

    /// The plugin's failure.
    pub fn broke(&self, step: &'static str, fault: Fault) -> Failure {
        self.generation.value.conduct.fault(&fault);
        Failure::Plugin { plugin: self.plugin.clone(), step, fault }
    }

    fn settle<T>(
        &self,
        step: &'static str,
        answer: Result<Result<T, Reported>, Fault>,
    ) -> Result<T, Failure> {
        answer
            .map_err(|fault| self.broke(step, fault))?
            .map_err(|said| Failure::Reported(words::failure(said)))
    }
}

/// Has a plugin read a reply that is not a success, in a sandbox of its own: that of the
/// exchange is gone by now where the answer would have been passed through.
///
/// Always a failure: the one that the plugin reads, or its fault.
pub async fn refused(
    provider: &Provider,
    generation: &Generation,
    request: &Arc<Request>,
    head: &providers::ReplyHead,
    body: &[u8],
) -> Failure {
    let fail = |fault| {
        generation.value.conduct.fault(&fault);
        Failure::Plugin { plugin: provider.configured.name.clone(), step: "refused", fault }
    };
    let mut sandbox = match generation.value.plugin.sandbox(Serving::of(request)).await {
        Ok(sandbox) => sandbox,
        Err(fault) => return fail(fault),
    };
    let (guest, store, watch) = sandbox.enter();
    let call = async { guest.all(store)?.call_refused(store, head, body).await };
    match watch.over(call).await {
        Ok(said) => Failure::Reported(words::failure(said)),
        Err(fault) => fail(fault),
    }
}
