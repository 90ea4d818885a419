//! Who is the fastest, and who is asked though it is not.

use super::{Fastest, Settings, another};
use portcullis_sdk::policy::{
    Candidate, Candidates, Circuit, Decision, Needed, Plan, Policy, Ranking,
};
use portcullis_sdk::{Recording, Request};

/// Nothing is left to chance.
const SURE: &str = r#"{"explore": 0}"#;

fn measured(id: &str, first_token_ms: f64) -> Candidate {
    let mut candidate = Candidate::new(id);
    candidate.performance.first_token_ms = Some(first_token_ms);
    candidate
}

fn failing(id: &str, first_token_ms: Option<f64>, error_rate: f64) -> Candidate {
    let mut candidate = Candidate::new(id);
    candidate.performance.first_token_ms = first_token_ms;
    candidate.performance.error_rate = error_rate;
    candidate
}

fn busy(mut candidate: Candidate, in_flight: u32) -> Candidate {
    candidate.performance.in_flight = in_flight;
    candidate
}

fn plan(settings: &str, candidates: Vec<Candidate>) -> Plan {
    let policy = Fastest::configure(serde_json::from_str(settings).unwrap()).unwrap();
    let request = Request::from(Recording::default());
    match policy.decide(&request, &Candidates::from(candidates)).unwrap() {
        Decision::Route(plan) => plan,
        other => panic!("{other:?}"),
    }
}

fn check(settings: &str, candidates: Vec<Candidate>, order: &[u32], reason: &str) {
    let plan = plan(settings, candidates);
    let tried: Vec<u32> = plan.attempts.iter().map(|attempt| attempt.candidate).collect();
    assert_eq!((tried.as_slice(), plan.reason.as_str()), (order, reason));
}

#[test]
fn the_soonest_first() {
    let mut whole = Candidate::new("c/x");
    whole.performance.total_ms = Some(200.0);
    check(
        SURE,
        vec![measured("a/x", 300.0), measured("b/x", 80.0), whole],
        &[1, 2, 0],
        "b/x first because its answers begin the soonest (80 ms), 2 behind it",
    );
}

#[test]
fn failures_cost_what_trying_again_costs() {
    check(
        SURE,
        vec![failing("a/x", Some(80.0), 0.75), measured("b/x", 300.0)],
        &[1, 0],
        "b/x first because its answers begin the soonest (300 ms), 1 behind it",
    );
    check(
        SURE,
        vec![failing("a/x", None, 1.0), failing("b/x", Some(50.0), 1.0)],
        &[0, 1],
        "a/x first though none is known to answer, 1 behind it",
    );
}

#[test]
fn those_that_are_equally_fast_share_the_load() {
    let near = |in_flight| vec![busy(measured("a/x", 100.0), in_flight), measured("b/x", 109.0)];
    let reason = "a/x first because its answers begin the soonest (100 ms), 1 behind it";
    check(SURE, near(0), &[0, 1], reason);
    let reason = "b/x first because its answers begin the soonest (109 ms), 1 behind it";
    check(SURE, near(1), &[1, 0], reason);
    let reason = "a/x first because its answers begin the soonest (100 ms), 1 behind it";
    check(r#"{"explore": 0, "margin": 0.05}"#, near(1), &[0, 1], reason);
}

#[test]
fn what_was_never_measured_is_measured_by_one_request_at_a_time() {
    let with = |in_flight| vec![measured("a/x", 100.0), busy(Candidate::new("b/x"), in_flight)];
    let reason = "b/x first because it was never measured, 1 behind it";
    check(SURE, with(0), &[1, 0], reason);
    let reason = "a/x first because its answers begin the soonest (100 ms), 1 behind it";
    check(SURE, with(1), &[0, 1], reason);
}

#[test]
fn who_is_unwell_is_not_explored() {
    let open = Candidate { circuit: Circuit::Open, ..Candidate::new("b/x") };
    let reason = "a/x first because its answers begin the soonest (100 ms), 1 behind it; \
                  last: b/x (circuit open)";
    check(r#"{"explore": 1}"#, vec![measured("a/x", 100.0), open], &[0, 1], reason);
}

#[test]
fn the_share_that_explores_never_asks_the_fastest_first() {
    let candidates = || vec![measured("a/x", 9.0), measured("b/x", 300.0), measured("c/x", 80.0)];
    let firsts = |settings: &str| {
        let mut seen = [0; 3];
        for _ in 0..200 {
            seen[plan(settings, candidates()).attempts[0].candidate as usize] += 1;
        }
        seen
    };
    let [fastest, slowest, slow] = firsts(r#"{"explore": 1}"#);
    // Each of 200 draws is one of two: the chance that one of them is never drawn is 2^-199.
    assert!(fastest == 0 && slowest > 0 && slow > 0, "{fastest} {slowest} {slow}");
    assert_eq!(firsts(SURE), [200, 0, 0]);
    let plan = plan(r#"{"explore": 1}"#, candidates());
    assert!(plan.reason.contains(" first to measure it again, 2 behind it"), "{}", plan.reason);
}

#[test]
fn each_of_the_others_has_its_part_of_the_lot() {
    let candidates = Candidates::from(vec![measured("a/x", 1.0); 4]);
    let ranking = Ranking::of(&candidates, &Needed::default(), candidates.indices());
    let drawn = |lot| another(&ranking, lot);
    assert_eq!([0.0, 0.33, 0.34, 0.67, 1.0].map(drawn), [1, 1, 2, 3, 3].map(Some));
    let alone = Ranking::of(&candidates, &Needed::default(), [0]);
    assert_eq!(another(&alone, 0.5), None);
}

#[test]
fn shares_that_make_no_sense_are_refused() {
    let refused = |settings| Fastest::configure(settings).unwrap_err();
    let explore = refused(Settings { explore: 1.5, ..Settings::default() });
    assert_eq!(explore, "`explore` = 1.5: expected a share from 0 to 1");
    let margin = refused(Settings { margin: -1.0, ..Settings::default() });
    assert_eq!(margin, "`margin` = -1: expected 0 to 10; 0.1 is a tenth slower");
}
