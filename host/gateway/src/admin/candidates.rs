//! How every candidate does: what policies read of it, and what keeps it from being asked.

use crate::candidate::Candidate;
use crate::checks::Checked;
use crate::circuit;
use crate::deployment::Deployment;
use serde::Serialize;

/// One candidate.
#[derive(Serialize)]
pub(super) struct Doing {
    /// "provider/model".
    id: String,
    /// Whether it runs on the operator's machines.
    local: bool,
    /// "closed", "half-open" or "open".
    circuit: &'static str,
    /// How long its circuit stays open, in milliseconds.
    open_ms: Option<u64>,
    /// Of the newest attempts, the part that failed.
    error_rate: f64,
    /// Medians of those that were answered.
    first_token_ms: Option<f64>,
    total_ms: Option<f64>,
    output_tokens_per_second: Option<f64>,
    /// Attempts under way.
    in_flight: u32,
    /// How many calls may be.
    concurrency: Option<usize>,
    headroom: Headroom,
    /// Whether its upstream's rate limit is used up.
    exhausted: bool,
    /// The newest check of its upstream; `None` where there was none.
    health: Option<Health>,
}

/// What its upstream says its rate limits leave.
#[derive(Serialize)]
struct Headroom {
    requests: Option<u64>,
    tokens: Option<u64>,
    resets_in_ms: Option<u64>,
}

/// What a check found.
#[derive(Serialize)]
struct Health {
    well: bool,
    why: Option<String>,
    took_ms: f64,
    /// How long ago it was over.
    seconds_ago: f64,
}

/// All candidates, provider by provider, those that clients opened last.
pub(super) fn all(deployment: &Deployment) -> Vec<Doing> {
    let mut all = Vec::new();
    for provider in &deployment.providers {
        let checked = provider.checked.get();
        let candidates = deployment.routes.of(&provider.configured.name);
        all.extend(candidates.iter().map(|candidate| doing(candidate, checked.as_ref())));
    }
    all
}

fn doing(candidate: &Candidate, checked: Option<&Checked>) -> Doing {
    let (profile, signals) = (&candidate.profile, &candidate.signals);
    let (performance, headroom) = (signals.performance(), signals.headroom());
    Doing {
        id: profile.id.clone(),
        local: profile.local,
        circuit: match candidate.circuit.state() {
            circuit::State::Closed => "closed",
            circuit::State::HalfOpen => "half-open",
            circuit::State::Open => "open",
        },
        open_ms: candidate.circuit.open_for().map(|left| left.as_millis() as u64),
        error_rate: performance.error_rate,
        first_token_ms: performance.first_token_ms,
        total_ms: performance.total_ms,
        output_tokens_per_second: performance.output_tokens_per_second,
        in_flight: performance.in_flight,
        concurrency: profile.concurrency,
        exhausted: signals.exhausted(),
        headroom: Headroom {
            requests: headroom.requests,
            tokens: headroom.tokens,
            resets_in_ms: headroom.resets_in_ms,
        },
        health: checked.map(|checked| Health {
            well: checked.why.is_none(),
            why: checked.why.clone(),
            took_ms: checked.took.as_secs_f64() * 1e3,
            seconds_ago: checked.at.elapsed().as_secs_f64(),
        }),
    }
}
