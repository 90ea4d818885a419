//! Whether a candidate is passed over at present.
//!
//! Closed: requests flow. After a row of failures that are the upstream's own it opens, for a
//! time that doubles with each time it opens again. When that time is over it is half open:
//! one request may try, and its outcome closes or opens it. An upstream that says how long to
//! wait is believed.
//!
//! Checks of the upstream open it by the same rule, and close what they have opened.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Failures in a row that open a circuit.
const FAILURES: u32 = 5;
/// How long it stays open the first time.
const FIRST: Duration = Duration::from_secs(5);
/// How long it stays open at most, whatever an upstream says.
const LONGEST: Duration = Duration::from_secs(300);

/// What a circuit lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Everything.
    Closed,
    /// One request, to see whether it is well again.
    HalfOpen,
    /// Nothing.
    Open,
}

/// The circuit of one candidate.
#[derive(Debug, Default)]
pub struct Circuit(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    failures: u32,
    /// How often it opened since it was last well.
    openings: u32,
    open_until: Option<Instant>,
    trying: bool,
    /// Checks in a row that found its upstream ill.
    ill: u32,
    /// Checks opened it, and no upstream asked for it.
    by_checks: bool,
}

/// Leave to send one request. Dropping it without a verdict lets the next one try.
#[derive(Debug)]
pub struct Leave<'a> {
    circuit: &'a Circuit,
    trial: bool,
}

impl Circuit {
    /// Its state now.
    pub fn state(&self) -> State {
        self.inside().state(Instant::now())
    }

    /// How long it stays open; `None` where it is not.
    pub fn open_for(&self) -> Option<Duration> {
        let left = self.inside().open_until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Leave for one request, or `None` while the circuit is open or another is trying.
    pub fn leave(&self) -> Option<Leave<'_>> {
        let mut inside = self.inside();
        match inside.state(Instant::now()) {
            State::Closed => Some(Leave { circuit: self, trial: false }),
            State::HalfOpen if !inside.trying => {
                inside.trying = true;
                Some(Leave { circuit: self, trial: true })
            }
            State::HalfOpen | State::Open => None,
        }
    }

    /// A request succeeded. Returns whether that closed it.
    pub fn succeeded(&self) -> bool {
        let mut inside = self.inside();
        // Most calls find it well already.
        if inside.failures == 0 && inside.open_until.is_none() {
            return false;
        }
        let closes = inside.open_until.is_some();
        inside.close();
        closes
    }

    /// A check found its upstream well. Returns whether that closed it.
    pub fn found_well(&self) -> bool {
        let mut inside = self.inside();
        inside.ill = 0;
        let closes = inside.by_checks;
        if closes {
            inside.close();
        }
        closes
    }

    /// A check found its upstream ill. Returns for how long the circuit is open now, if this
    /// opened it. What requests have opened is theirs to close.
    pub fn found_ill(&self) -> Option<Duration> {
        let mut inside = self.inside();
        inside.ill += 1;
        let closed = inside.open_until.is_none();
        if inside.ill < FAILURES || !(closed || inside.by_checks) {
            return None;
        }
        inside.by_checks = true;
        let open_for = inside.open(None);
        closed.then_some(open_for)
    }

    /// A request failed by the upstream's doing; `wait` is what it asked for. Returns for how
    /// long the circuit is open now, if this opened it.
    pub fn failed(&self, wait: Option<Duration>) -> Option<Duration> {
        let mut inside = self.inside();
        inside.failures += 1;
        let half_open = inside.open_until.is_some();
        if wait.is_none() && !half_open && inside.failures < FAILURES {
            return None;
        }
        inside.by_checks &= wait.is_none();
        Some(inside.open(wait))
    }

    fn inside(&self) -> std::sync::MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn open(&mut self, wait: Option<Duration>) -> Duration {
        let growing = FIRST * 2u32.saturating_pow(self.openings.min(6));
        let open_for = wait.unwrap_or(growing).min(LONGEST);
        self.openings += u32::from(wait.is_none());
        self.open_until = Some(Instant::now() + open_for);
        open_for
    }

    fn close(&mut self) {
        *self = Self { trying: self.trying, ..Self::default() };
    }

    fn state(&self, now: Instant) -> State {
        match self.open_until {
            None => State::Closed,
            Some(until) if now < until => State::Open,
            Some(_) => State::HalfOpen,
        }
    }
}

impl Leave<'_> {
    /// Whether it is to find out if the candidate is well again.
    pub fn is_trial(&self) -> bool {
        self.trial
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.trial {
            self.circuit.inside().trying = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    fn fail(circuit: &Circuit, times: u32) {
        for _ in 0..times {
            circuit.failed(None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_a_row_of_failures_and_lets_one_try_later() {
        let circuit = Circuit::default();
        fail(&circuit, FAILURES - 1);
        assert_eq!(circuit.state(), State::Closed);
        fail(&circuit, 1);
        assert_eq!(circuit.state(), State::Open);
        assert!(circuit.leave().is_none());
        advance(FIRST).await;
        assert_eq!(circuit.state(), State::HalfOpen);
        let trial = circuit.leave().expect("one may try");
        assert!(circuit.leave().is_none(), "only one may try");
        circuit.succeeded();
        drop(trial);
        assert_eq!(circuit.state(), State::Closed);
        assert!(circuit.leave().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_that_fails_opens_it_for_longer_and_one_that_is_dropped_lets_the_next_try() {
        let circuit = Circuit::default();
        fail(&circuit, FAILURES);
        advance(FIRST).await;
        drop(circuit.leave().expect("one may try"));
        let _trial = circuit.leave().expect("the next may try");
        assert_eq!(circuit.failed(None), Some(FIRST * 2));
        advance(FIRST).await;
        assert_eq!(circuit.state(), State::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_in_between_starts_the_count_again() {
        let circuit = Circuit::default();
        fail(&circuit, FAILURES - 1);
        circuit.succeeded();
        fail(&circuit, FAILURES - 1);
        assert_eq!(circuit.state(), State::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn an_upstream_that_says_how_long_to_wait_is_believed_up_to_a_bound() {
        let circuit = Circuit::default();
        assert_eq!(circuit.failed(Some(Duration::from_secs(2))), Some(Duration::from_secs(2)));
        assert_eq!(circuit.state(), State::Open);
        advance(Duration::from_secs(2)).await;
        assert_eq!(circuit.state(), State::HalfOpen);
        assert_eq!(circuit.failed(Some(Duration::from_secs(99_999))), Some(LONGEST));
    }

    fn check_ill(circuit: &Circuit, times: u32) -> Option<Duration> {
        (0..times).find_map(|_| circuit.found_ill())
    }

    #[tokio::test(start_paused = true)]
    async fn checks_open_it_by_the_same_rule_and_close_what_they_opened() {
        let circuit = Circuit::default();
        assert_eq!(check_ill(&circuit, FAILURES - 1), None);
        assert!(!circuit.found_well());
        assert_eq!(check_ill(&circuit, FAILURES - 1), None, "the row was broken");
        assert_eq!(circuit.state(), State::Closed);
        assert_eq!(circuit.found_ill(), Some(FIRST));
        assert_eq!(circuit.state(), State::Open);
        // As long as they find it ill it stays open, without its being news.
        advance(FIRST).await;
        assert_eq!(circuit.state(), State::HalfOpen);
        assert_eq!(circuit.found_ill(), None);
        assert_eq!(circuit.state(), State::Open);
        assert!(circuit.found_well(), "that closes it");
        assert_eq!(circuit.state(), State::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn what_requests_found_out_is_not_undone_by_a_check() {
        let circuit = Circuit::default();
        fail(&circuit, FAILURES);
        assert!(!circuit.found_well());
        assert_eq!(circuit.state(), State::Open, "it answers checks, and no requests");
        assert_eq!(check_ill(&circuit, FAILURES), None);
        advance(FIRST).await;
        assert_eq!(circuit.state(), State::HalfOpen, "their time is their own");
        circuit.succeeded();
        // Checks and requests do not add up to one row.
        assert_eq!(check_ill(&circuit, FAILURES - 1), None);
        fail(&circuit, FAILURES - 1);
        assert_eq!(circuit.state(), State::Closed);
        // An upstream that asks for time gets it, whatever checks say.
        assert!(check_ill(&circuit, 1).is_some());
        circuit.failed(Some(FIRST));
        assert!(!circuit.found_well());
        assert_eq!(circuit.state(), State::Open);
    }
}
