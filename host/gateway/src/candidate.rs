//! Where a request could go: a model at a provider, and how it did of late.

use crate::circuit::{self, Circuit, Leave};
use crate::config::{Candidate as Configured, Used};
use crate::contract::{Usage, candidacy};
use crate::events;
use crate::failure::Failure;
use crate::question::{Question, Trace};
use crate::request::{Request, Serving};
use crate::signals::{Outcome, Signals};
use portcullis_sandbox::State;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use wasmtime::component::Resource;

/// One model at one provider, with what the gateway knows of it.
pub struct Candidate {
    /// As the operator configured it.
    pub profile: Configured,
    /// The upstream's name of the model.
    pub model: Arc<str>,
    /// The index of its provider in its deployment.
    pub provider: usize,
    /// How it did of late. Like its circuit it outlives a deployment that changes nothing of its
    /// provider.
    pub signals: Arc<Signals>,
    /// Whether it is passed over at present.
    pub circuit: Arc<Circuit>,
    /// Names the prices by which its answers are paid.
    pub price_version: Arc<str>,
    /// Calls that may be under way at once, where the operator set a bound.
    pub calls: Option<Arc<Semaphore>>,
}

impl Candidate {
    /// A candidate that nobody has asked yet.
    pub fn new(profile: Configured, provider: usize) -> Self {
        let model = Arc::from(profile.model.as_str());
        let calls = profile.concurrency.map(|most| Arc::new(Semaphore::new(most)));
        let (signals, circuit) = (Arc::default(), Arc::default());
        let price_version = profile.prices.version().into();
        Self { profile, model, provider, signals, circuit, price_version, calls }
    }

    /// With what is known of how it did in an earlier deployment.
    #[must_use]
    pub fn known_as(self, before: &Self) -> Self {
        let calls = match self.profile.concurrency == before.profile.concurrency {
            true => before.calls.clone(),
            false => self.calls,
        };
        let (signals, circuit) = (before.signals.clone(), before.circuit.clone());
        Self { signals, circuit, calls, ..self }
    }

    /// What the request would cost at most, in US dollars; `None` where a price is unknown.
    pub fn estimated_cost(&self, request: &Request) -> Option<f64> {
        // A request that sets no bound is estimated at what most answers stay under.
        let output = request.max_output_tokens.unwrap_or(1_024);
        self.profile.prices.cost(Used {
            input: request.input_tokens.into(),
            output: output.into(),
            ..Used::default()
        })
    }
}

impl Candidate {
    /// The contract's view of its circuit.
    pub fn circuit(&self) -> candidacy::Circuit {
        match self.circuit.state() {
            circuit::State::Closed => candidacy::Circuit::Closed,
            circuit::State::HalfOpen => candidacy::Circuit::HalfOpen,
            circuit::State::Open => candidacy::Circuit::Open,
        }
    }
}

/// What becomes of its attempts.
impl Candidate {
    /// Leave to ask it, unless its circuit is open or somebody else is trying.
    pub fn leave(&self) -> Option<Leave<'_>> {
        let leave = self.circuit.leave()?;
        if leave.is_trial() {
            events::CircuitHalfOpen { candidate: &self.profile.id }.emit();
        }
        Some(leave)
    }

    /// An attempt was answered.
    pub fn succeeded(&self) {
        if self.circuit.succeeded() {
            events::CircuitClosed { candidate: &self.profile.id }.emit();
        }
    }

    /// Keeps that it answered: when its call was made, how long its first content took, and what
    /// it counted.
    pub fn answered(
        &self,
        called: Instant,
        first_content: Option<Duration>,
        usage: Option<&Usage>,
    ) {
        let total = called.elapsed();
        let writing = total.saturating_sub(first_content.unwrap_or_default()).as_secs_f64();
        let tokens = usage.and_then(|usage| usage.output_tokens);
        self.signals.note(Outcome {
            succeeded: true,
            first_token: first_content,
            total,
            tokens_per_second: tokens.filter(|_| writing > 0.0).map(|n| n as f64 / writing),
        });
    }

    /// Lets a failure count against it, if it says something about it.
    pub fn failed(&self, failure: &Failure, total: Duration) {
        if !failure.is_candidates() {
            return;
        }
        let (first_token, tokens_per_second) = (None, None);
        self.signals.note(Outcome { succeeded: false, first_token, total, tokens_per_second });
        if let Some(open_for) = self.circuit.failed(failure.retry_after()) {
            let (candidate, failure) = (&self.profile.id, &failure.word());
            events::CircuitOpened { candidate, open_for, failure }.emit();
        }
    }
}

/// What checks of its upstream find, beside its attempts.
impl Candidate {
    /// Its upstream answered a check.
    pub fn found_well(&self) {
        if self.circuit.found_well() {
            events::CircuitClosed { candidate: &self.profile.id }.emit();
        }
    }

    /// Its upstream did not answer a check.
    pub fn found_ill(&self) {
        if let Some(open_for) = self.circuit.found_ill() {
            let (candidate, failure) = (&self.profile.id, "health-check");
            events::CircuitOpened { candidate, open_for, failure }.emit();
        }
    }
}

/// The candidates of one request, as a policy reads them.
pub struct Choice {
    /// In the route's order; never empty.
    pub candidates: Arc<[Arc<Candidate>]>,
    /// For estimates of cost.
    pub request: Arc<Request>,
}

impl Choice {
    /// What speaks against each of them at present.
    pub fn standings(&self) -> Vec<candidacy::Standing> {
        let standing = |candidate: &Arc<Candidate>| match candidate.circuit.state() {
            circuit::State::Open => candidacy::Standing::Open,
            _ if candidate.signals.exhausted() => candidacy::Standing::Exhausted,
            circuit::State::Closed | circuit::State::HalfOpen => candidacy::Standing::Well,
        };
        self.candidates.iter().map(standing).collect()
    }
}

impl std::fmt::Debug for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.profile.id)
    }
}

impl candidacy::Host for State<Serving> {}

type Handle = Resource<Choice>;

/// What the handle lends and where its reading is noted, counting the call.
fn choice<'a>(
    state: &'a mut State<Serving>,
    handle: &Handle,
) -> wasmtime::Result<(&'a Choice, &'a mut Trace)> {
    state.host_call()?;
    Ok((state.table.get(handle)?, &mut state.data.trace))
}

/// The candidate at `index`. One that does not exist ends the policy: it was told how many
/// there are.
fn at<'a>(
    state: &'a mut State<Serving>,
    handle: &Handle,
    index: u32,
) -> wasmtime::Result<(&'a Candidate, usize, &'a mut Trace)> {
    let (choice, trace) = choice(state, handle)?;
    let (count, place) = (choice.candidates.len(), index as usize);
    let candidate = choice.candidates.get(place).ok_or_else(|| {
        let message = format!("it asked for candidate {index} of {count}");
        portcullis_sandbox::Fault::Malformed { message }
    })?;
    Ok((candidate, place, trace))
}

impl candidacy::HostCandidates for State<Serving> {
    fn count(&mut self, handle: Handle) -> wasmtime::Result<u32> {
        let (choice, trace) = choice(self, &handle)?;
        trace.note_constant();
        Ok(u32::try_from(choice.candidates.len()).unwrap_or(u32::MAX))
    }

    fn id(&mut self, handle: Handle, index: u32) -> wasmtime::Result<String> {
        let (candidate, _, trace) = at(self, &handle, index)?;
        trace.note_constant();
        Ok(candidate.profile.id.clone())
    }

    fn ids(&mut self, handle: Handle) -> wasmtime::Result<Vec<String>> {
        let (choice, trace) = choice(self, &handle)?;
        trace.note_constant();
        Ok(choice.candidates.iter().map(|candidate| candidate.profile.id.clone()).collect())
    }

    fn find(&mut self, handle: Handle, id: String) -> wasmtime::Result<Option<u32>> {
        let (choice, trace) = choice(self, &handle)?;
        trace.note_constant();
        let found = choice.candidates.iter().position(|c| c.profile.id == id);
        Ok(found.and_then(|index| u32::try_from(index).ok()))
    }

    fn profile(&mut self, handle: Handle, index: u32) -> wasmtime::Result<candidacy::Profile> {
        let (candidate, _, trace) = at(self, &handle, index)?;
        trace.note_constant();
        let profile = &candidate.profile;
        Ok(candidacy::Profile {
            id: profile.id.clone(),
            provider: profile.provider().to_owned(),
            model: profile.model.clone(),
            priority: profile.priority,
            operations: profile.operations.clone(),
            features: profile.features.clone(),
            tags: profile.tags.clone(),
            local: profile.local,
            context_tokens: profile.context_tokens,
            input_price: profile.prices.base.input,
            output_price: profile.prices.base.output,
            extra: Vec::new(),
        })
    }

    fn priority(&mut self, handle: Handle, index: u32) -> wasmtime::Result<u32> {
        let (candidate, _, trace) = at(self, &handle, index)?;
        trace.note_constant();
        Ok(candidate.profile.priority)
    }

    fn circuit(&mut self, handle: Handle, index: u32) -> wasmtime::Result<candidacy::Circuit> {
        let (candidate, place, trace) = at(self, &handle, index)?;
        let circuit = candidate.circuit();
        trace.note(Question::Circuit(place), circuit);
        Ok(circuit)
    }

    fn performance(
        &mut self,
        handle: Handle,
        index: u32,
    ) -> wasmtime::Result<candidacy::Performance> {
        let (candidate, place, trace) = at(self, &handle, index)?;
        let performance = candidate.signals.performance();
        trace.note(Question::Performance(place), &performance);
        Ok(performance)
    }

    fn headroom(&mut self, handle: Handle, index: u32) -> wasmtime::Result<candidacy::Headroom> {
        let (candidate, place, trace) = at(self, &handle, index)?;
        let headroom = candidate.signals.headroom();
        trace.note(Question::Headroom(place), &headroom);
        Ok(headroom)
    }

    fn exhausted(&mut self, handle: Handle, index: u32) -> wasmtime::Result<bool> {
        let (candidate, place, trace) = at(self, &handle, index)?;
        let exhausted = candidate.signals.exhausted();
        trace.note(Question::Exhausted(place), exhausted);
        Ok(exhausted)
    }

    fn standings(&mut self, handle: Handle) -> wasmtime::Result<Vec<candidacy::Standing>> {
        let (choice, trace) = choice(self, &handle)?;
        let standings = choice.standings();
        trace.note(Question::Standings, &*standings);
        Ok(standings)
    }

    fn estimated_cost(&mut self, handle: Handle, index: u32) -> wasmtime::Result<Option<f64>> {
        let request = self.table.get(&handle)?.request.clone();
        let (candidate, place, trace) = at(self, &handle, index)?;
        let cost = candidate.estimated_cost(&request);
        trace.note(Question::EstimatedCost(place), cost);
        Ok(cost)
    }

    fn drop(&mut self, handle: Handle) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}
