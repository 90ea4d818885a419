//! What an outcome is worth, from 0 to 1.

use crate::Settings;
use portcullis_sdk::policy::{FailureKind, Outcome};

/// What counts, and how much.
#[derive(Debug)]
pub(crate) struct Worth {
    success: f64,
    thrift: f64,
    dear_usd: f64,
    rating: f64,
}

impl Worth {
    pub(crate) fn of(settings: &Settings) -> Result<Self, String> {
        let &Settings { success, thrift, dear_usd, rating, .. } = settings;
        if success + thrift + rating > 0.0 {
            return Ok(Self { success, thrift, dear_usd, rating });
        }
        Err("success, thrift, rating: nothing counts; give one of them a weight".to_owned())
    }

    /// The worth, and how many attempts it counts for; `None` where it says nothing of who served
    /// it.
    pub(crate) fn judge(&self, outcome: &Outcome) -> Option<(f64, f64)> {
        if let Some(rating) = outcome.rating {
            let worth = (f64::from(rating) + 1.0) / 2.0;
            return (self.rating > 0.0).then_some((worth, self.rating));
        }
        if self.success + self.thrift <= 0.0 {
            return None;
        }
        match &outcome.failure {
            Some(failure) if is_the_senders(failure.kind) => None,
            Some(_) => Some((0.0, 1.0)),
            None => Some((self.answered(outcome.cost_usd), 1.0)),
        }
    }

    /// Where no cost is known, success is all that counts.
    fn answered(&self, cost_usd: Option<f64>) -> f64 {
        let Some(cost) = cost_usd else { return 1.0 };
        let thrift = 1.0 - (cost / self.dear_usd).clamp(0.0, 1.0);
        (self.success + self.thrift * thrift) / (self.success + self.thrift)
    }
}

/// Whether another would have failed at it too, or nobody waited for the answer.
fn is_the_senders(kind: FailureKind) -> bool {
    match kind {
        FailureKind::InvalidRequest
        | FailureKind::ContentRefused
        | FailureKind::ContextTooLong
        | FailureKind::Unsupported
        | FailureKind::Cancelled => true,
        FailureKind::Authentication
        | FailureKind::Permission
        | FailureKind::NotFound
        | FailureKind::RateLimited
        | FailureKind::QuotaExhausted
        | FailureKind::Overloaded
        | FailureKind::TimedOut
        | FailureKind::Malformed
        | FailureKind::Upstream
        | FailureKind::Other => false,
    }
}
