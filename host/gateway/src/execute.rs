//! Tries a plan's candidates until one answers: one after the other, and beside each other where
//! the plan hedges.
//!
//! Everything here happens before the commit point: as long as this has not returned, no byte
//! of content has reached the client. After it nothing is tried again.

use crate::attempt::{self, Answered};
use crate::candidate::Candidate;
use crate::circuit::{Leave, State};
use crate::context;
use crate::contract::FailureKind;
use crate::failure::{Failure, Then};
use crate::meter::Charge;
use crate::plan::{Plan, Planned};
use crate::provider::{Generation, Provider};
use crate::record::{Entry, Tried};
use crate::request::Request;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::{timeout, timeout_at};

/// The first pause before the same candidate is tried again; it doubles from there.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause that a client is made to wait for the same candidate. An upstream that
/// wants more is left alone, and the next candidate asked.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Attempts of one request that are under way beside each other at most.
const MOST_AT_ONCE: usize = 4;

/// Runs a plan.
///
/// # Errors
///
/// The last failure, when no attempt was answered.
pub async fn run(
    providers: &[Arc<Provider>],
    request: &Arc<Request>,
    plan: &Plan,
    entry: &mut Entry,
) -> Result<(Arc<Candidate>, Answered), Failure> {
    let (pins, entry) = (Mutex::default(), Mutex::new(entry));
    let course = Course { providers, request, pins, entry, is_answered: AtomicBool::new(false) };
    course.run(&plan.attempts).await
}

/// One request on its way through its attempts.
struct Course<'a> {
    providers: &'a [Arc<Provider>],
    request: &'a Arc<Request>,
    pins: Mutex<Pins>,
    entry: Mutex<&'a mut Entry>,
    is_answered: AtomicBool,
}

/// A candidate that is being asked. What it came to is noted also where it is dropped before.
struct Asked<'c, 'a> {
    course: &'c Course<'a>,
    candidate: &'c Arc<Candidate>,
    began: Instant,
    is_over: bool,
}

/// What is still to be tried, and what came of the rest.
struct Left<'a> {
    waiting: VecDeque<&'a Planned>,
    /// Those that are asked only when all others have failed.
    skipped: VecDeque<&'a Planned>,
    asked: bool,
    last: Failure,
}

/// What came of one candidate.
type Ended<'a> = (&'a Planned, Result<Answered, Failure>);

impl<'a> Course<'a> {
    async fn run(&self, attempts: &'a [Planned]) -> Result<(Arc<Candidate>, Answered), Failure> {
        let began = Instant::now();
        let mut left = Left::of(attempts);
        let mut running = FuturesUnordered::new();
        while !(running.is_empty() && left.waiting.is_empty()) {
            let hedge = left.hedge().filter(|_| running.len() < MOST_AT_ONCE);
            let ended = match hedge.map(|after| began + after) {
                _ if running.is_empty() => None,
                None => running.next().await,
                Some(at) => timeout_at(at.into(), running.next()).await.ok().flatten(),
            };
            let Some((planned, outcome)) = ended else {
                // All before it have failed, or its own time has come.
                if let Some(planned) = left.waiting.pop_front()
                    && let Some((leave, retries)) = self.admit(planned, &mut left)
                {
                    running.push(self.persist(planned, Some(leave), retries));
                }
                continue;
            };
            match outcome {
                Ok(answered) => {
                    self.is_answered.store(true, Ordering::Relaxed);
                    return Ok((planned.candidate.clone(), answered));
                }
                Err(failure) => left.failed(failure),
            }
        }
        drop(running);
        // A circuit decides who is asked first, not whether anybody is: what it was opened for may
        // be over, and there is nobody else.
        while let Some(planned) = left.skipped.pop_front() {
            match self.persist(planned, None, 0).await {
                (_, Ok(answered)) => return Ok((planned.candidate.clone(), answered)),
                (_, Err(failure)) => left.failed(failure),
            }
        }
        Err(left.last)
    }

    /// Leave to ask a candidate now, and how often again; if there is none, it is noted why.
    fn admit(&self, planned: &'a Planned, left: &mut Left<'a>) -> Option<(Leave<'a>, u32)> {
        let candidate = &planned.candidate;
        if let Err(failure) = context::check(self.request, candidate) {
            self.note(Tried::of(candidate, &failure, Duration::ZERO));
            // What those said that were asked is of more use to the client.
            if !left.asked {
                left.last = failure;
            }
            return None;
        }
        if candidate.signals.exhausted() {
            return self.skip(planned, left, "its upstream's rate limit is used up");
        }
        let Some(leave) = candidate.leave() else {
            return self.skip(planned, left, "its circuit is open");
        };
        left.asked = true;
        // To see whether it is well again, one call is enough.
        let retries = if leave.is_trial() { 0 } else { planned.retries };
        Some((leave, retries))
    }

    fn skip<T>(&self, planned: &'a Planned, left: &mut Left<'a>, why: &str) -> Option<T> {
        let id = &planned.candidate.profile.id;
        lock(&self.entry).remarks.push(format!("{id} comes last: {why}"));
        left.skipped.push_back(planned);
        None
    }

    /// Tries one candidate, and again as often as it may.
    async fn persist(
        &self,
        planned: &'a Planned,
        _leave: Option<Leave<'a>>,
        mut retries: u32,
    ) -> Ended<'a> {
        let mut pause = FIRST_PAUSE;
        loop {
            let failure = match self.once(planned).await {
                Ok(answered) => return (planned, Ok(answered)),
                Err(failure) => failure,
            };
            if failure.verdict().0 != Then::Again || retries == 0 {
                return (planned, Err(failure));
            }
            // Half of it at random, so that those who failed together do not return together.
            let jittered = pause.mul_f64(rand::random_range(0.5..1.0));
            let wait = failure.retry_after().map_or(jittered, |asked| asked + jittered / 10);
            if wait > LONGEST_PAUSE || wait >= self.request.time_left() {
                return (planned, Err(failure));
            }
            tokio::time::sleep(wait).await;
            // This very failure may have opened it.
            if planned.candidate.circuit.state() == State::Open {
                return (planned, Err(failure));
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            retries -= 1;
        }
    }

    /// One attempt, with its time bounded and its outcome noted.
    async fn once(&self, planned: &Planned) -> Result<Answered, Failure> {
        let candidate = &planned.candidate;
        let provider = &self.providers[candidate.provider];
        let began = Instant::now();
        let bound = planned.timeout.unwrap_or(provider.configured.timeouts.whole);
        let left = self.request.time_left();
        self.claim(candidate).await?;
        let generation = lock(&self.pins).of(candidate.provider, provider, &self.request.id);
        let mut asked = Asked { course: self, candidate, began, is_over: false };
        let attempt = attempt::make(provider, generation.clone(), candidate, self.request);
        let failure = match timeout(bound.min(left), attempt).await {
            Ok(Ok(answered)) => {
                candidate.succeeded();
                provider.noted(&generation, None);
                asked.is_over = true;
                self.note(Tried::answered(candidate, began.elapsed()));
                return Ok(answered);
            }
            Ok(Err(failure)) => failure,
            Err(_) if left <= bound => Failure::OutOfTime,
            Err(_) => {
                let message = format!("No answer began within {} ms.", bound.as_millis());
                Failure::reported(FailureKind::TimedOut, message)
            }
        };
        asked.is_over = true;
        self.note(Tried::of(candidate, &failure, began.elapsed()));
        if failure.may_be_charged() {
            lock(&self.entry).charges.push(Charge::of_question(self.request, candidate));
        }
        candidate.failed(&failure, began.elapsed());
        provider.noted(&generation, Some(&failure));
        Err(failure)
    }

    /// Reserves what counts at this candidate alone.
    async fn claim(&self, candidate: &Arc<Candidate>) -> Result<(), Failure> {
        let claiming = |entry: MutexGuard<'_, &'a mut Entry>| {
            entry.meter.as_ref().and_then(|meter| meter.claiming(self.request, candidate))
        };
        let Some(claiming) = claiming(lock(&self.entry)) else { return Ok(()) };
        match claiming.reserve().await {
            Ok(claimed) => {
                if let Some(meter) = &mut lock(&self.entry).meter {
                    meter.keep(claimed);
                }
                Ok(())
            }
            Err(failure) => {
                self.note(Tried::of(candidate, &failure, Duration::ZERO));
                Err(failure)
            }
        }
    }

    fn note(&self, tried: Tried) {
        lock(&self.entry).tried.push(tried);
    }
}

impl Drop for Asked<'_, '_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let overtaken = self.course.is_answered.load(Ordering::Relaxed);
        let tried = Tried::broken_off(self.candidate, overtaken, self.began.elapsed());
        let charge = Charge::of_question(self.course.request, self.candidate);
        let mut entry = lock(&self.course.entry);
        entry.tried.push(tried);
        entry.charges.push(charge);
    }
}

impl<'a> Left<'a> {
    fn of(attempts: &'a [Planned]) -> Self {
        Self {
            waiting: attempts.iter().collect(),
            skipped: VecDeque::new(),
            asked: false,
            last: Failure::PassedOver { why: "none is configured" },
        }
    }

    /// When the next attempt begins beside those that are under way, if it does.
    fn hedge(&self) -> Option<Duration> {
        self.waiting.front().map(|planned| planned.start_after).filter(|after| !after.is_zero())
    }

    fn failed(&mut self, failure: Failure) {
        if self.last.verdict().0 == Then::GiveUp {
            return;
        }
        if failure.verdict().0 == Then::GiveUp {
            // Nobody else is asked. Whoever was asked beside it may see it otherwise.
            self.waiting.clear();
            self.skipped.clear();
        }
        self.last = failure;
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The versions of plugins that one request began with: it sees no other, however often it is
/// tried and whatever is published meanwhile.
#[derive(Default)]
struct Pins(Vec<(usize, Generation)>);

impl Pins {
    fn of(&mut self, index: usize, provider: &Provider, request: &str) -> Generation {
        if let Some((_, pinned)) = self.0.iter().find(|(known, _)| *known == index) {
            return pinned.clone();
        }
        let pinned = provider.plugin.pin_for(request);
        self.0.push((index, pinned.clone()));
        pinned
    }
}
