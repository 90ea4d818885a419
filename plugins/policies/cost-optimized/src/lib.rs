//! Tries the candidate first that costs the least for this request: by its estimated cost, those
//! without a price behind all that have one, ties by priority and then in the route's order.
//!
//! A candidate that is unwell, or that cannot serve the request as far as is known, is put last
//! whatever it costs.

use portcullis_sdk::Request;
use portcullis_sdk::policy::{Candidates, Decision, Needed, Policy, Ranking};
use serde::Deserialize;
use std::cmp::Ordering;

/// What an operator may set; `plugin.toml` describes it to them.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How often a candidate is tried again before the next one is.
    pub retries: u32,
    /// How much dearer than the cheapest, as a share of its cost, a candidate may be that is tried
    /// before it for being faster.
    pub margin: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { retries: 1, margin: 0.0 }
    }
}

/// The policy, as its operator set it up.
#[derive(Debug)]
pub struct CostOptimized {
    settings: Settings,
}

portcullis_sdk::export!(policy CostOptimized);

impl Policy for CostOptimized {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        if !(0.0..=10.0).contains(&settings.margin) {
            let margin = settings.margin;
            return Err(format!("`margin` = {margin}: expected 0 to 10; 0.1 is a tenth dearer"));
        }
        Ok(Self { settings })
    }

    fn decide(&self, request: &Request, candidates: &Candidates) -> Result<Decision, String> {
        let needed = Needed::of(request);
        let order = match self.settings.margin {
            margin if margin > 0.0 => within(margin, candidates, &needed),
            _ => by_cost(candidates),
        };
        let ranking = Ranking::of(candidates, &needed, order.iter().map(|offer| offer.index));
        let first = order.iter().find(|offer| Some(offer.index) == ranking.first());
        let why = match first.map(|offer| offer.cost) {
            Some(cost) if cost.is_finite() => format!("by cost (${cost:.6} at most)"),
            _ => "by cost (its price is not known)".to_owned(),
        };
        Ok(Decision::Route(ranking.plan(self.settings.retries, &why)))
    }
}

/// What serving the request by one candidate amounts to.
struct Offer {
    index: u32,
    /// In US dollars; infinite where it is not known.
    cost: f64,
    priority: u32,
}

impl Offer {
    fn cheaper(&self, other: &Self) -> Ordering {
        self.cost.total_cmp(&other.cost).then(self.priority.cmp(&other.priority))
    }
}

/// All candidates, the cheapest first.
fn by_cost(candidates: &Candidates) -> Vec<Offer> {
    let offer = |index| Offer {
        index,
        cost: candidates.estimated_cost(index).unwrap_or(f64::INFINITY),
        priority: candidates.priority(index),
    };
    let mut offers: Vec<Offer> = candidates.indices().map(offer).collect();
    offers.sort_by(Offer::cheaper);
    offers
}

/// The same, but those that are hardly dearer than the cheapest that can serve it by how soon
/// their answers begin. How fast a candidate is, is read only here: it changes all the time.
fn within(margin: f64, candidates: &Candidates, needed: &Needed) -> Vec<Offer> {
    let mut offers = by_cost(candidates);
    let cheapest = offers.iter().find(|offer| needed.unmet(candidates, offer.index).is_none());
    let Some(most) = cheapest.map(|offer| offer.cost * (1.0 + margin)) else { return offers };
    let near = offers.partition_point(|offer| offer.cost <= most && offer.cost.is_finite());
    offers[..near].sort_by_cached_key(|offer| {
        let first_token = candidates.performance(offer.index).first_token_ms;
        // Whole microseconds, so that there is an order; who was never measured comes last.
        first_token.map_or(u64::MAX, |ms| (ms * 1e3) as u64)
    });
    offers
}

#[cfg(test)]
mod tests {
    use super::{CostOptimized, Settings};
    use portcullis_sdk::policy::{Candidate, Candidates, Circuit, Decision, Plan, Policy};
    use portcullis_sdk::{Recording, Request};

    fn candidate(id: &str, cost: Option<f64>) -> Candidate {
        Candidate { estimated_cost: cost, ..Candidate::new(id) }
    }

    fn measured(id: &str, cost: f64, first_token_ms: f64) -> Candidate {
        let mut candidate = candidate(id, Some(cost));
        candidate.performance.first_token_ms = Some(first_token_ms);
        candidate
    }

    fn plan(settings: &str, recording: Recording, candidates: Vec<Candidate>) -> Plan {
        let settings: Settings = serde_json::from_str(settings).unwrap();
        let policy = CostOptimized::configure(settings).unwrap();
        match policy.decide(&Request::from(recording), &Candidates::from(candidates)).unwrap() {
            Decision::Route(plan) => plan,
            other => panic!("{other:?}"),
        }
    }

    fn check(settings: &str, candidates: Vec<Candidate>, order: &[u32], reason: &str) {
        let plan = plan(settings, Recording::default(), candidates);
        let tried: Vec<u32> = plan.attempts.iter().map(|attempt| attempt.candidate).collect();
        assert_eq!((tried.as_slice(), plan.reason.as_str()), (order, reason));
    }

    #[test]
    fn the_cheapest_is_first_and_what_has_no_price_is_behind() {
        let candidates = vec![
            candidate("a/x", None),
            candidate("b/x", Some(0.02)),
            candidate("c/x", Some(0.001_25)),
            candidate("own/x", Some(0.0)),
        ];
        let free = "own/x first by cost ($0.000000 at most), 3 behind it";
        check("{}", candidates.clone(), &[3, 2, 1, 0], free);
        let cheap = "c/x first by cost ($0.001250 at most), 2 behind it";
        check("{}", candidates[..3].to_vec(), &[2, 1, 0], cheap);
        let unknown = "a/x first by cost (its price is not known), 0 behind it";
        check("{}", candidates[..1].to_vec(), &[0], unknown);
    }

    #[test]
    fn ties_go_by_priority_and_then_in_the_routes_order() {
        let mut later = candidate("a/x", Some(0.5));
        later.profile.priority = 2;
        let same = [candidate("b/x", Some(0.5)), candidate("c/x", Some(0.5))];
        let candidates = [vec![later], same.to_vec()].concat();
        check("{}", candidates, &[1, 2, 0], "b/x first by cost ($0.500000 at most), 2 behind it");
    }

    #[test]
    fn what_is_unwell_or_cannot_serve_it_is_last_however_cheap() {
        let mut open = candidate("a/x", Some(0.1));
        open.circuit = Circuit::Open;
        let mut small = candidate("b/x", Some(0.2));
        small.profile.context_tokens = Some(4_000);
        let dear = candidate("c/x", Some(0.9));
        let recording = Recording {
            input_token_estimate: 3_000,
            max_output_tokens: Some(1_001),
            ..Recording::default()
        };
        let plan = plan("{}", recording, vec![open, small, dear]);
        assert_eq!(
            plan.reason,
            "c/x first by cost ($0.900000 at most), 2 behind it; \
             last: a/x (circuit open), b/x (4001 tokens are too long for it)"
        );
    }

    #[test]
    fn within_the_margin_the_faster_wins() {
        let candidates = vec![
            measured("a/x", 1.0, 900.0),
            measured("b/x", 1.1, 100.0),
            candidate("c/x", Some(1.05)),
            measured("d/x", 1.3, 10.0),
        ];
        let by_cost = "a/x first by cost ($1.000000 at most), 3 behind it";
        check("{}", candidates.clone(), &[0, 2, 1, 3], by_cost);
        let faster = "b/x first by cost ($1.100000 at most), 3 behind it";
        check(r#"{"margin": 0.2}"#, candidates, &[1, 0, 2, 3], faster);
        let unknown = "a/x first by cost (its price is not known), 0 behind it";
        check(r#"{"margin": 0.2}"#, vec![candidate("a/x", None)], &[0], unknown);
    }

    #[test]
    fn the_margin_counts_from_the_cheapest_that_can_serve_it() {
        let mut unable = measured("a/x", 0.1, 1.0);
        unable.profile.features = vec!["vision".to_owned()];
        let recording = Recording { needs: vec!["tools".to_owned()], ..Recording::default() };
        let candidates = vec![unable, measured("b/x", 1.0, 900.0), measured("c/x", 1.1, 100.0)];
        let plan = plan(r#"{"margin": 0.2}"#, recording, candidates);
        assert!(plan.reason.starts_with("c/x first"), "{}", plan.reason);
    }

    #[test]
    fn a_margin_that_makes_no_sense_is_refused() {
        for margin in [-0.1, 10.5, f64::NAN] {
            let refused = CostOptimized::configure(Settings { margin, ..Settings::default() });
            let expected = format!("`margin` = {margin}: expected 0 to 10; 0.1 is a tenth dearer");
            assert_eq!(refused.unwrap_err(), expected);
        }
    }

    #[test]
    fn retries_are_the_operators() {
        let retries = |settings| {
            plan(settings, Recording::default(), vec![candidate("a/x", None)]).attempts[0].retries
        };
        assert_eq!(retries("{}"), 1);
        assert_eq!(retries(r#"{"retries": 0}"#), 0);
    }
}
