//! Tries a plan's candidates, in order, until one answers.
//!
//! Everything here happens before the commit point: as long as this has not returned, no byte
//! of content has reached the client. After it nothing is tried again.

use crate::attempt::{self, Answered};
use crate::candidate::Candidate;
use crate::circuit::State;
use crate::context;
use crate::contract::FailureKind;
use crate::failure::{Failure, Then};
use crate::gateway::Gateway;
use crate::plan::{Plan, Planned};
use crate::provider::{Generation, Provider};
use crate::record::{Entry, Tried};
use crate::request::Request;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The first pause before the same candidate is tried again; it doubles from there.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause that a client is made to wait for the same candidate. An upstream that
/// wants more is left alone, and the next candidate asked.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Runs a plan.
///
/// # Errors
///
/// The last failure, when no attempt was answered.
pub async fn run(
    gateway: &Gateway,
    request: &Arc<Request>,
    plan: &Plan,
    entry: &mut Entry,
) -> Result<(Arc<Candidate>, Answered), Failure> {
    let mut last = Failure::PassedOver { why: "none is configured" };
    let mut pins = Pins::default();
    let mut skipped = Vec::new();
    let mut asked = false;
    for planned in &plan.attempts {
        if let Err(failure) = context::check(request, &planned.candidate) {
            entry.tried.push(Tried::of(&planned.candidate, &failure, Duration::ZERO));
            // What those said that were asked is of more use to the client.
            last = if asked { last } else { failure };
            continue;
        }
        let Some(leave) = planned.candidate.circuit.leave() else {
            skipped.push(planned);
            continue;
        };
        asked = true;
        // To see whether it is well again, one call is enough.
        let retries = if leave.is_trial() { 0 } else { planned.retries };
        match persist(gateway, &mut pins, request, planned, retries, entry).await {
            Ok(answered) => return Ok((planned.candidate.clone(), answered)),
            Err(failure) if failure.verdict().0 == Then::GiveUp => return Err(failure),
            Err(failure) => last = failure,
        }
    }
    // A circuit decides who is asked first, not whether anybody is: a request whose only
    // candidates are ill gets their own word for it.
    if !asked && let Some(planned) = skipped.first() {
        let answered = persist(gateway, &mut pins, request, planned, 0, entry).await?;
        return Ok((planned.candidate.clone(), answered));
    }
    for planned in skipped {
        let failure = Failure::PassedOver { why: "its circuit is open" };
        entry.tried.push(Tried::of(&planned.candidate, &failure, Duration::ZERO));
    }
    Err(last)
}

/// Tries one candidate, and again as often as it may.
async fn persist(
    gateway: &Gateway,
    pins: &mut Pins,
    request: &Arc<Request>,
    planned: &Planned,
    mut retries: u32,
    entry: &mut Entry,
) -> Result<Answered, Failure> {
    let mut pause = FIRST_PAUSE;
    loop {
        let failure = match once(gateway, pins, request, planned, entry).await {
            Ok(answered) => return Ok(answered),
            Err(failure) => failure,
        };
        if failure.verdict().0 != Then::Again || retries == 0 {
            return Err(failure);
        }
        // Half of it at random, so that those who failed together do not return together.
        let jittered = pause.mul_f64(rand::random_range(0.5..1.0));
        let wait = failure.retry_after().map_or(jittered, |asked| asked + jittered / 10);
        if wait > LONGEST_PAUSE || wait >= request.time_left() {
            return Err(failure);
        }
        tokio::time::sleep(wait).await;
        // This very failure may have opened it.
        if planned.candidate.circuit.state() == State::Open {
            return Err(failure);
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
        retries -= 1;
    }
}

/// One attempt, with its time bounded and its outcome noted.
async fn once(
    gateway: &Gateway,
    pins: &mut Pins,
    request: &Arc<Request>,
    planned: &Planned,
    entry: &mut Entry,
) -> Result<Answered, Failure> {
    let candidate = &planned.candidate;
    let provider = &gateway.providers[candidate.profile.provider];
    let began = Instant::now();
    let bound = planned.timeout.unwrap_or(provider.configured.timeouts.whole);
    let left = request.time_left();
    let generation = pins.of(candidate.profile.provider, provider);
    let attempt = attempt::make(provider, generation, candidate, request);
    let failure = match tokio::time::timeout(bound.min(left), attempt).await {
        Ok(Ok(answered)) => {
            candidate.circuit.succeeded();
            entry.tried.push(Tried::answered(candidate, began.elapsed()));
            return Ok(answered);
        }
        Ok(Err(failure)) => failure,
        Err(_) if left <= bound => Failure::OutOfTime,
        Err(_) => {
            let message = format!("No answer began within {} ms.", bound.as_millis());
            Failure::reported(FailureKind::TimedOut, message)
        }
    };
    entry.tried.push(Tried::of(candidate, &failure, began.elapsed()));
    candidate.failed(&failure, began.elapsed());
    Err(failure)
}

/// The versions of plugins that one request began with: it sees no other, however often it is
/// tried and whatever is published meanwhile.
#[derive(Default)]
struct Pins(Vec<(usize, Generation)>);

impl Pins {
    fn of(&mut self, index: usize, provider: &Provider) -> Generation {
        if let Some((_, pinned)) = self.0.iter().find(|(known, _)| *known == index) {
            return pinned.clone();
        }
        let pinned = provider.plugin.pin();
        self.0.push((index, pinned.clone()));
        pinned
    }
}
