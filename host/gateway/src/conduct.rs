//! How the latest calls of a version of a plugin ended, to tell whether a new one is worse than
//! the one before it.

use portcullis_sandbox::Fault;
use std::sync::{Mutex, PoisonError};

/// Calls that are looked at.
const WINDOW: u32 = u64::BITS;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With an answer.
    Well,
    /// With a failure that it reported, or that its upstream met it with.
    Failed,
    /// With a fault of its own: it trapped, or took more than it may.
    Fault,
}

/// The latest calls of one version.
#[derive(Debug, Default)]
pub struct Conduct(Mutex<Window>);

/// One bit for each of the latest calls, the newest lowest.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    calls: u64,
    failed: u64,
    faults: u64,
}

/// What the latest calls add up to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tally {
    /// Calls since the version came into use.
    pub calls: u64,
    /// Of the latest ones, those that are looked at.
    pub seen: u32,
    /// Of those, the ones that ended in a fault.
    pub faults: u32,
    /// Of those, the ones that ended in a failure or a fault.
    pub failed: u32,
}

impl Conduct {
    /// Notes how a call ended.
    pub fn note(&self, ended: Ended) {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        window.calls += 1;
        window.faults = window.faults << 1 | u64::from(ended == Ended::Fault);
        window.failed = window.failed << 1 | u64::from(ended != Ended::Well);
    }

    /// Notes a fault, unless it is the host's own: that there was no place for a sandbox.
    pub fn fault(&self, fault: &Fault) {
        if !matches!(fault, Fault::Busy { .. }) {
            self.note(Ended::Fault);
        }
    }

    /// The sums.
    pub fn tally(&self) -> Tally {
        let window = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Tally {
            calls: window.calls,
            seen: u32::try_from(window.calls).unwrap_or(WINDOW).min(WINDOW),
            faults: window.faults.count_ones(),
            failed: window.failed.count_ones(),
        }
    }
}

impl Tally {
    /// The share of the latest calls that failed; 0 of none.
    pub fn failing(&self) -> f64 {
        if self.seen == 0 { 0.0 } else { f64::from(self.failed) / f64::from(self.seen) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_calls_count() {
        let conduct = Conduct::default();
        assert_eq!(conduct.tally(), Tally { calls: 0, seen: 0, faults: 0, failed: 0 });
        assert!(conduct.tally().failing() < 0.1);
        for ended in [Ended::Fault, Ended::Failed, Ended::Well, Ended::Well] {
            conduct.note(ended);
        }
        assert_eq!(conduct.tally(), Tally { calls: 4, seen: 4, faults: 1, failed: 2 });
        assert!((conduct.tally().failing() - 0.5).abs() < 1e-9);
        for _ in 0..WINDOW - 1 {
            conduct.note(Ended::Well);
        }
        assert_eq!(conduct.tally(), Tally { calls: 67, seen: 64, faults: 0, failed: 0 });
    }
}
