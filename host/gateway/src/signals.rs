//! How a candidate did of late, as policies read it.
//!
//! The newest few outcomes are kept as they are and summed up when somebody asks: a median of
//! 32 numbers costs less than keeping an estimate up to date at every request, and says what
//! happened instead of what an exponent remembers.

use crate::contract::candidacy::{Headroom, Performance};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Outcomes that are kept.
const WINDOW: usize = 32;

/// The signals of one candidate.
#[derive(Debug, Default)]
pub struct Signals {
    in_flight: AtomicU32,
    window: Mutex<Window>,
    headroom: Mutex<Left>,
}

#[derive(Debug, Default)]
struct Window {
    outcomes: Vec<Outcome>,
    next: usize,
}

/// What became of one attempt.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Whether it was answered.
    pub succeeded: bool,
    /// From the call to the first byte of content.
    pub first_token: Option<Duration>,
    /// From the call to the end of the answer.
    pub total: Duration,
    /// Tokens of output a second, after the first.
    pub tokens_per_second: Option<f64>,
}

#[derive(Debug, Default)]
struct Left {
    requests: Option<u64>,
    tokens: Option<u64>,
    resets_at: Option<Instant>,
}

/// An attempt under way. Dropping it ends the count.
#[derive(Debug)]
pub struct InFlight<C: AsRef<Signals>>(C);

impl Signals {
    /// Keeps an outcome.
    pub fn note(&self, outcome: Outcome) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.outcomes.len() < WINDOW {
            window.outcomes.push(outcome);
        } else {
            let next = window.next;
            window.outcomes[next] = outcome;
            window.next = (next + 1) % WINDOW;
        }
    }

    /// Keeps what the upstream says its rate limits leave.
    pub fn note_headroom(
        &self,
        requests: Option<u64>,
        tokens: Option<u64>,
        resets_in: Option<Duration>,
    ) {
        if requests.is_none() && tokens.is_none() {
            return;
        }
        let resets_at = resets_in.map(|resets_in| Instant::now() + resets_in);
        *self.headroom.lock().unwrap_or_else(PoisonError::into_inner) =
            Left { requests, tokens, resets_at };
    }

    /// The contract's view of the window.
    pub fn performance(&self) -> Performance {
        let window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let outcomes = &window.outcomes;
        let failed = outcomes.iter().filter(|outcome| !outcome.succeeded).count();
        let of = |value: fn(&Outcome) -> Option<f64>| {
            median(outcomes.iter().filter(|outcome| outcome.succeeded).filter_map(value))
        };
        Performance {
            error_rate: if outcomes.is_empty() {
                0.0
            } else {
                failed as f64 / outcomes.len() as f64
            },
            first_token_ms: of(|o| o.first_token.map(|first| first.as_secs_f64() * 1e3)),
            total_ms: of(|o| Some(o.total.as_secs_f64() * 1e3)),
            output_tokens_per_second: of(|o| o.tokens_per_second),
            in_flight: self.in_flight.load(Ordering::Relaxed),
        }
    }

    /// Whether the upstream's rate limits take no request at present.
    pub fn exhausted(&self) -> bool {
        let left = self.headroom();
        left.requests == Some(0) || left.tokens == Some(0)
    }

    /// The contract's view of the upstream's rate limits; nothing once they were reset.
    pub fn headroom(&self) -> Headroom {
        let left = self.headroom.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if left.resets_at.is_some_and(|at| at <= now) {
            return Headroom { requests: None, tokens: None, resets_in_ms: None };
        }
        let ms = |at: Instant| u64::try_from((at - now).as_millis()).unwrap_or(u64::MAX);
        Headroom {
            requests: left.requests,
            tokens: left.tokens,
            resets_in_ms: left.resets_at.map(ms),
        }
    }
}

impl<C: AsRef<Signals>> InFlight<C> {
    /// Counts an attempt as under way.
    pub fn new(candidate: C) -> Self {
        candidate.as_ref().in_flight.fetch_add(1, Ordering::Relaxed);
        Self(candidate)
    }
}

impl<C: AsRef<Signals>> Drop for InFlight<C> {
    fn drop(&mut self) {
        self.0.as_ref().in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(ms: u64, succeeded: bool) -> Outcome {
        let total = Duration::from_millis(ms);
        Outcome { succeeded, first_token: None, total, tokens_per_second: None }
    }

    #[test]
    fn the_window_forgets_what_is_old() {
        let signals = Signals::default();
        (0..WINDOW).for_each(|_| signals.note(outcome(1_000, false)));
        assert!((signals.performance().error_rate - 1.0).abs() < f64::EPSILON);
        (0..WINDOW as u64).for_each(|ms| signals.note(outcome(ms, true)));
        let performance = signals.performance();
        assert!(performance.error_rate.abs() < f64::EPSILON);
        assert_eq!(performance.total_ms, Some(WINDOW as f64 / 2.0));
    }

    #[tokio::test(start_paused = true)]
    async fn headroom_is_forgotten_when_the_limit_resets() {
        let signals = Signals::default();
        signals.note_headroom(Some(0), None, Some(Duration::from_secs(1)));
        assert_eq!(signals.headroom().requests, Some(0));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(signals.headroom().requests, None);
    }
}
