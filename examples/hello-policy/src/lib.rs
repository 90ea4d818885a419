//! The smallest policy with a mind of its own: short requests go where they are cheapest,
//! everything else goes down the route's own order.

use portcullis_sdk::Request;
use portcullis_sdk::policy::{Attempt, Candidates, Decision, Plan, Policy};
use serde::Deserialize;

/// What the operator may set.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hello {
    /// Requests of fewer tokens than this are short.
    short: u32,
}

impl Default for Hello {
    fn default() -> Self {
        Self { short: 200 }
    }
}

portcullis_sdk::export!(policy Hello);

impl Policy for Hello {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, String> {
        Ok(settings)
    }

    fn decide(&self, request: &Request, candidates: &Candidates) -> Result<Decision, String> {
        let mut order: Vec<u32> = candidates.indices().collect();
        let tokens = request.input_token_estimate();
        let reason = if tokens < self.short {
            // A candidate without a price is not known to be cheap.
            let cost = |&index: &u32| candidates.estimated_cost(index).unwrap_or(f64::INFINITY);
            order.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
            format!("short ({tokens} tokens): the cheapest first")
        } else {
            format!("long ({tokens} tokens): the route's own order")
        };
        let attempts = order.into_iter().map(Attempt::of).collect();
        Ok(Decision::Route(Plan::new(attempts, reason)))
    }
}
