//! Tries the candidates of a route by priority, lowest first and ties in the route's order.
//!
//! A candidate whose circuit is open, or whose upstream takes no more requests at present, is
//! put last and not left out: when nothing else is left it is still better than an error.

use portcullis_sdk::Request;
use portcullis_sdk::policy::{Attempt, Candidates, Circuit, Decision, Plan, Policy};
use serde::Deserialize;
use std::fmt::Write;

/// What an operator may set; `plugin.toml` describes it to them.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How often a candidate is tried again before the next one is.
    pub retries: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { retries: 1 }
    }
}

/// The policy, as its operator set it up.
#[derive(Debug)]
pub struct Ordered {
    settings: Settings,
}

portcullis_sdk::export!(policy Ordered);

impl Policy for Ordered {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
    }

    fn decide(&self, _request: &Request, candidates: &Candidates) -> Result<Decision, String> {
        let mut ranked: Vec<Ranked> =
            candidates.indices().map(|index| Ranked::read(candidates, index)).collect();
        ranked.sort_by_key(|candidate| (candidate.put_last.is_some(), candidate.priority));
        let attempts = ranked
            .iter()
            .map(|candidate| Attempt::of(candidate.index).retries(self.settings.retries))
            .collect();
        Ok(Decision::Route(Plan::new(attempts, reason(candidates, &ranked))))
    }
}

/// What the order of a candidate rests on.
struct Ranked {
    index: u32,
    priority: u32,
    /// Why it is unwell, if it is.
    put_last: Option<&'static str>,
}

impl Ranked {
    fn read(candidates: &Candidates, index: u32) -> Self {
        let put_last = match candidates.circuit(index) {
            Circuit::Open => Some("circuit open"),
            Circuit::Closed | Circuit::HalfOpen => {
                candidates.exhausted(index).then_some("rate limit used up")
            }
        };
        Self { index, priority: candidates.priority(index), put_last }
    }
}

/// "a/x first by priority, 2 behind it; last: b/y (circuit open)".
fn reason(candidates: &Candidates, ranked: &[Ranked]) -> String {
    let Some(first) = ranked.first() else {
        return "no candidates".to_owned();
    };
    let mut line = candidates.id(first.index);
    // Writing to a string does not fail.
    let _ = write!(line, " first by priority, {} behind it", ranked.len() - 1);
    let mut separator = "; last: ";
    for candidate in ranked {
        if let Some(why) = candidate.put_last {
            let _ = write!(line, "{separator}{} ({why})", candidates.id(candidate.index));
            separator = ", ";
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{Ordered, Settings};
    use portcullis_sdk::policy::{Candidate, Candidates, Circuit, Decision, Plan, Policy};
    use portcullis_sdk::{Recording, Request};

    fn candidate(id: &str, priority: u32) -> Candidate {
        let mut candidate = Candidate::new(id);
        candidate.profile.priority = priority;
        candidate
    }

    fn plan(settings: Settings, candidates: Vec<Candidate>) -> Plan {
        let policy = Ordered::configure(settings).unwrap();
        let request = Request::from(Recording::default());
        match policy.decide(&request, &Candidates::from(candidates)).unwrap() {
            Decision::Route(plan) => plan,
            other => panic!("{other:?}"),
        }
    }

    fn check(candidates: Vec<Candidate>, order: &[u32], reason: &str) {
        let plan = plan(Settings::default(), candidates);
        let tried: Vec<u32> = plan.attempts.iter().map(|attempt| attempt.candidate).collect();
        assert_eq!((tried.as_slice(), plan.reason.as_str()), (order, reason));
    }

    #[test]
    fn lowest_priority_first_and_ties_in_the_routes_order() {
        let candidates = vec![candidate("a/x", 2), candidate("b/x", 1), candidate("c/x", 1)];
        check(candidates, &[1, 2, 0], "b/x first by priority, 2 behind it");
        check(vec![candidate("a/x", 0)], &[0], "a/x first by priority, 0 behind it");
    }

    #[test]
    fn what_is_unwell_is_put_last_and_kept() {
        let mut open = candidate("a/x", 0);
        open.circuit = Circuit::Open;
        let mut used_up = candidate("b/x", 1);
        used_up.headroom.requests = Some(0);
        let mut trying = candidate("c/x", 2);
        trying.circuit = Circuit::HalfOpen;
        trying.headroom.requests = Some(1);
        check(
            vec![open, used_up, trying],
            &[2, 0, 1],
            "c/x first by priority, 2 behind it; \
             last: a/x (circuit open), b/x (rate limit used up)",
        );
    }

    #[test]
    fn retries_are_the_operators() {
        let retries = |settings| plan(settings, vec![candidate("a/x", 0)]).attempts[0].retries;
        assert_eq!(retries(Settings::default()), 1);
        assert_eq!(retries(Settings { retries: 0 }), 0);
    }
}
