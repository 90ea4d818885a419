//! Where a request could go: a model at a provider, and how it did of late.

use crate::circuit::{self, Circuit};
use crate::config::Candidate as Configured;
use crate::contract::{Usage, candidacy};
use crate::events;
use crate::failure::Failure;
use crate::request::Request;
use crate::signals::{Outcome, Signals};
use portcullis_sandbox::{State, Tags};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::component::Resource;

/// One model at one provider, with what the gateway knows of it.
pub struct Candidate {
    /// As the operator configured it.
    pub profile: Configured,
    /// The upstream's name of the model.
    pub model: Arc<str>,
    /// How it did of late.
    pub signals: Signals,
    /// Whether it is passed over at present.
    pub circuit: Circuit,
}

impl Candidate {
    /// A candidate that nobody has asked yet.
    pub fn new(profile: Configured) -> Self {
        let model = Arc::from(profile.model.as_str());
        Self { profile, model, signals: Signals::default(), circuit: Circuit::default() }
    }

    /// What the request would cost at most, in US dollars; `None` where a price is unknown.
    pub fn estimated_cost(&self, request: &Request) -> Option<f64> {
        const MILLION: f64 = 1e6;
        let input = self.profile.input_price? * f64::from(request.input_tokens);
        // A request that sets no bound is estimated at what most answers stay under.
        let output_tokens = request.max_output_tokens.unwrap_or(1_024);
        let output = self.profile.output_price? * f64::from(output_tokens);
        Some((input + output) / MILLION)
    }
}

/// What becomes of its attempts.
impl Candidate {
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
            events::CircuitOpened { candidate: &self.profile.id, open_for, failure }.emit();
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

impl<D: Tags> candidacy::Host for State<D> {}

type Handle = Resource<Choice>;

fn choice<'a, D>(state: &'a mut State<D>, handle: &Handle) -> wasmtime::Result<&'a Choice> {
    state.host_call()?;
    Ok(state.table.get(handle)?)
}

/// The candidate at `index`. One that does not exist ends the policy: it was told how many
/// there are.
fn at<'a, D>(
    state: &'a mut State<D>,
    handle: &Handle,
    index: u32,
) -> wasmtime::Result<&'a Arc<Candidate>> {
    let choice = choice(state, handle)?;
    let count = choice.candidates.len();
    choice.candidates.get(index as usize).ok_or_else(|| {
        let message = format!("it asked for candidate {index} of {count}");
        portcullis_sandbox::Fault::Malformed { message }.into()
    })
}

impl<D: Tags> candidacy::HostCandidates for State<D> {
    fn count(&mut self, handle: Handle) -> wasmtime::Result<u32> {
        Ok(u32::try_from(choice(self, &handle)?.candidates.len()).unwrap_or(u32::MAX))
    }

    fn id(&mut self, handle: Handle, index: u32) -> wasmtime::Result<String> {
        Ok(at(self, &handle, index)?.profile.id.clone())
    }

    fn find(&mut self, handle: Handle, id: String) -> wasmtime::Result<Option<u32>> {
        let found = choice(self, &handle)?.candidates.iter().position(|c| c.profile.id == id);
        Ok(found.and_then(|index| u32::try_from(index).ok()))
    }

    fn profile(&mut self, handle: Handle, index: u32) -> wasmtime::Result<candidacy::Profile> {
        let profile = &at(self, &handle, index)?.profile;
        Ok(candidacy::Profile {
            id: profile.id.clone(),
            provider: profile.id.split('/').next().unwrap_or_default().to_owned(),
            model: profile.model.clone(),
            priority: profile.priority,
            operations: profile.operations.clone(),
            features: profile.features.clone(),
            tags: profile.tags.clone(),
            local: profile.local,
            context_tokens: profile.context_tokens,
            input_price: profile.input_price,
            output_price: profile.output_price,
            extra: Vec::new(),
        })
    }

    fn priority(&mut self, handle: Handle, index: u32) -> wasmtime::Result<u32> {
        Ok(at(self, &handle, index)?.profile.priority)
    }

    fn circuit(&mut self, handle: Handle, index: u32) -> wasmtime::Result<candidacy::Circuit> {
        Ok(match at(self, &handle, index)?.circuit.state() {
            circuit::State::Closed => candidacy::Circuit::Closed,
            circuit::State::HalfOpen => candidacy::Circuit::HalfOpen,
            circuit::State::Open => candidacy::Circuit::Open,
        })
    }

    fn performance(
        &mut self,
        handle: Handle,
        index: u32,
    ) -> wasmtime::Result<candidacy::Performance> {
        Ok(at(self, &handle, index)?.signals.performance())
    }

    fn headroom(&mut self, handle: Handle, index: u32) -> wasmtime::Result<candidacy::Headroom> {
        Ok(at(self, &handle, index)?.signals.headroom())
    }

    fn estimated_cost(&mut self, handle: Handle, index: u32) -> wasmtime::Result<Option<f64>> {
        let request = choice(self, &handle)?.request.clone();
        Ok(at(self, &handle, index)?.estimated_cost(&request))
    }

    fn drop(&mut self, handle: Handle) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}
