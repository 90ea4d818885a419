//! Tries the candidates of a route by priority, lowest number first and ties in the route's order.
//!
//! A candidate whose circuit is open, whose upstream takes no more requests at present, or that
//! lacks a feature of the request is put last and not left out: when nothing else is left it is
//! still better than an error. How long the request is, is not read: see [`Needed::features`].

use portcullis_sdk::Request;
use portcullis_sdk::policy::{Candidates, Decision, Needed, Policy, Ranking};
use serde::Deserialize;

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
pub struct Priority {
    settings: Settings,
}

portcullis_sdk::export!(policy Priority);

impl Policy for Priority {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
    }

    fn decide(&self, request: &Request, candidates: &Candidates) -> Result<Decision, String> {
        let mut order: Vec<u32> = candidates.indices().collect();
        order.sort_by_cached_key(|&index| candidates.priority(index));
        let ranking = Ranking::of(candidates, &Needed::features(request), order);
        Ok(Decision::Route(ranking.plan(self.settings.retries, "by priority")))
    }
}

#[cfg(test)]
mod tests {
    use super::{Priority, Settings};
    use portcullis_sdk::policy::{Candidate, Candidates, Circuit, Decision, Plan, Policy};
    use portcullis_sdk::{Recording, Request};

    fn candidate(id: &str, priority: u32) -> Candidate {
        let mut candidate = Candidate::new(id);
        candidate.profile.priority = priority;
        candidate
    }

    fn plan(settings: Settings, needs: &[&str], candidates: Vec<Candidate>) -> Plan {
        let policy = Priority::configure(settings).unwrap();
        let needs = needs.iter().map(|need| (*need).to_owned()).collect();
        let request = Request::from(Recording { needs, ..Recording::default() });
        match policy.decide(&request, &Candidates::from(candidates)).unwrap() {
            Decision::Route(plan) => plan,
            other => panic!("{other:?}"),
        }
    }

    fn check(needs: &[&str], candidates: Vec<Candidate>, order: &[u32], reason: &str) {
        let plan = plan(Settings::default(), needs, candidates);
        let tried: Vec<u32> = plan.attempts.iter().map(|attempt| attempt.candidate).collect();
        assert_eq!((tried.as_slice(), plan.reason.as_str()), (order, reason));
    }

    #[test]
    fn lowest_priority_first_and_ties_in_the_routes_order() {
        let candidates = vec![candidate("a/x", 2), candidate("b/x", 1), candidate("c/x", 1)];
        check(&[], candidates, &[1, 2, 0], "b/x first by priority, 2 behind it");
        check(&[], vec![candidate("a/x", 0)], &[0], "a/x first by priority, 0 behind it");
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
            &[],
            vec![open, used_up, trying],
            &[2, 0, 1],
            "c/x first by priority, 2 behind it; \
             last: a/x (circuit open), b/x (rate limit used up)",
        );
    }

    #[test]
    fn what_cannot_serve_the_request_is_put_last_and_kept() {
        let mut text_only = candidate("a/x", 0);
        text_only.profile.features = vec!["tools".to_owned()];
        check(
            &["vision"],
            vec![text_only, candidate("b/x", 1)],
            &[1, 0],
            "b/x first by priority, 1 behind it; last: a/x (lacks vision)",
        );
    }

    #[test]
    fn retries_are_the_operators() {
        let retries = |settings| plan(settings, &[], vec![candidate("a/x", 0)]).attempts[0].retries;
        assert_eq!(retries(Settings::default()), 1);
        assert_eq!(retries(Settings { retries: 0 }), 0);
    }

    #[test]
    fn a_setting_that_does_not_exist_is_refused() {
        let refused = serde_json::from_str::<Settings>(r#"{"retry": 1}"#).unwrap_err().to_string();
        assert!(refused.starts_with("unknown field `retry`, expected `retries`"), "{refused}");
    }
}
