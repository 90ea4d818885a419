//! Who gets which part, and who stays where.

use super::{Balanced, Settings};
use portcullis_sdk::policy::{Candidate, Candidates, Circuit, Decision, Plan, Policy};
use portcullis_sdk::{Recording, Request};

fn three() -> Vec<Candidate> {
    ["a/x", "b/x", "c/x"].map(Candidate::new).to_vec()
}

fn policy(settings: &str) -> Balanced {
    Balanced::configure(serde_json::from_str(settings).unwrap()).unwrap()
}

fn plan(policy: &Balanced, labels: &[(&str, &str)], candidates: Vec<Candidate>) -> Plan {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let request = Request::from(Recording { labels: labels.collect(), ..Recording::default() });
    match policy.decide(&request, &Candidates::from(candidates)).unwrap() {
        Decision::Route(plan) => plan,
        other => panic!("{other:?}"),
    }
}

/// How often each of three is first in 3,000 conversations.
fn shares(settings: &str) -> [u32; 3] {
    let policy = policy(settings);
    let mut seen = [0; 3];
    for conversation in 0..3_000 {
        let plan = plan(&policy, &[("conversation", &conversation.to_string())], three());
        assert_eq!(plan.attempts.len(), 3);
        seen[plan.attempts[0].candidate as usize] += 1;
    }
    seen
}

#[test]
fn each_gets_what_its_weight_says() {
    let even = shares(r#"{"sticky": ["conversation"]}"#);
    // 26 is one standard deviation of a third, and less than that of the other shares.
    assert!(even.iter().all(|share| share.abs_diff(1_000) < 130), "{even:?}");
    let weights = r#"[{"candidates": "a/*", "weight": 4}, {"candidates": "b/x", "weight": 1.0}]"#;
    let [a, b, c] = shares(&format!(r#"{{"sticky": ["conversation"], "weights": {weights}}}"#));
    let fits = a.abs_diff(2_000) < 130 && b.abs_diff(500) < 130 && c.abs_diff(500) < 130;
    assert!(fits, "{a} {b} {c}");
}

#[test]
fn without_a_conversation_it_is_by_lot() {
    let policy = policy(r#"{"sticky": ["conversation"]}"#);
    let mut seen = [0; 3];
    for _ in 0..300 {
        let plan = plan(&policy, &[("other", "1")], three());
        assert!(plan.reason.ends_with(" first by weight, 2 behind it"), "{}", plan.reason);
        seen[plan.attempts[0].candidate as usize] += 1;
    }
    // The chance that one of them is never drawn is below 10^-50.
    assert!(seen.iter().all(|times| *times > 0), "{seen:?}");
}

#[test]
fn the_first_weight_that_stands_for_a_candidate_counts_and_0_is_for_emergencies() {
    let weights = r#"{"weights": [{"candidates": "b/x", "weight": 1},
                                  {"candidates": "*", "weight": 0}]}"#;
    for _ in 0..50 {
        assert_eq!(plan(&policy(weights), &[], three()).attempts[0].candidate, 1);
    }
}

#[test]
fn a_conversation_stays_and_moves_only_when_its_candidate_is_gone() {
    let policy = policy(r#"{"sticky": ["conversation", "user"]}"#);
    let mut moved = 0;
    for user in 0..300 {
        let labels = [("user", &*user.to_string())];
        let whole = plan(&policy, &labels, three());
        assert_eq!(whole, plan(&policy, &labels, three()));
        let first = three()[whole.attempts[0].candidate as usize].profile.id.clone();
        assert_eq!(whole.reason, format!("{first} first for this user, 2 behind it"));
        let less = plan(&policy, &labels, three()[..2].to_vec());
        let now = three()[less.attempts[0].candidate as usize].profile.id.clone();
        assert!(now == first || first == "c/x", "{user} went from {first} to {now}");
        moved += u32::from(now != first);
    }
    assert!(moved > 50, "{moved}");
}

#[test]
fn the_first_label_that_a_request_has_is_the_one_that_counts() {
    let policy = policy(r#"{"sticky": ["conversation", "user"]}"#);
    let both = plan(&policy, &[("user", "1"), ("conversation", "7")], three());
    assert_eq!(both, plan(&policy, &[("user", "2"), ("conversation", "7")], three()));
    assert!(both.reason.contains("for this conversation"), "{}", both.reason);
}

#[test]
fn the_least_under_way_for_its_weight_is_first() {
    let busy = |in_flight: [u32; 3]| {
        let mut candidates = three();
        for (candidate, in_flight) in candidates.iter_mut().zip(in_flight) {
            candidate.performance.in_flight = in_flight;
        }
        candidates
    };
    let check = |settings: &str, in_flight, labels: &[(&str, &str)], order: &[u32], why: &str| {
        let plan = plan(&policy(settings), labels, busy(in_flight));
        let tried: Vec<u32> = plan.attempts.iter().map(|attempt| attempt.candidate).collect();
        assert_eq!(tried, order);
        assert!(plan.reason.contains(why), "{}", plan.reason);
    };
    let by = r#"{"by": "in-flight"}"#;
    check(by, [3, 1, 2], &[], &[1, 2, 0], "b/x first by what is under way");
    let weighted = r#"{"by": "in-flight", "weights": [{"candidates": "a/x", "weight": 10},
                                                      {"candidates": "c/x", "weight": 0}]}"#;
    check(weighted, [3, 1, 0], &[], &[0, 1, 2], "a/x first by what is under way");
    // Whoever stays stays, however much is under way there.
    let sticky = r#"{"by": "in-flight", "sticky": ["conversation"]}"#;
    let labels = [("conversation", "1")];
    let calm = plan(&policy(sticky), &labels, three());
    let tried: Vec<u32> = calm.attempts.iter().map(|attempt| attempt.candidate).collect();
    check(sticky, [9, 9, 0], &labels, &tried, "for this conversation");
    check(sticky, [0, 9, 9], &labels, &tried, "for this conversation");
}

#[test]
fn who_is_unwell_is_last() {
    let mut candidates = three();
    candidates[0].circuit = Circuit::Open;
    let heavy = r#"{"weights": [{"candidates": "a/x", "weight": 1000000}]}"#;
    let plan = plan(&policy(heavy), &[], candidates);
    assert_eq!(plan.attempts[2].candidate, 0);
    assert!(plan.reason.ends_with("; last: a/x (circuit open)"), "{}", plan.reason);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refused = |settings: &str| match serde_json::from_str::<Settings>(settings) {
        Ok(settings) => Balanced::configure(settings).unwrap_err(),
        Err(error) => error.to_string(),
    };
    let negative = refused(r#"{"weights": [{"candidates": "tag:eu", "weight": -1}]}"#);
    assert_eq!(negative, "the weight -1 of \"tag:eu\" in `weights`: expected 0 or more");
    let nobody = refused(r#"{"weights": [{"candidates": "eu", "weight": 1}]}"#);
    assert!(nobody.starts_with("\"eu\" names no candidates; expected"), "{nobody}");
    let by = refused(r#"{"by": "chance"}"#);
    assert!(by.starts_with("unknown variant `chance`, expected `weight` or `in-flight`"), "{by}");
}
