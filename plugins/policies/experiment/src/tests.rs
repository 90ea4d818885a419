//! Shares, what sticks, and who takes part.

use super::{Experiment, Settings};
use portcullis_sdk::policy::{Candidate, Candidates, Circuit, Decision, Plan, Policy};
use portcullis_sdk::{Recording, Request};
use std::collections::BTreeMap;

fn experiment(arms: &str) -> Experiment {
    let settings = format!(r#"{{"name": "e", "arms": {arms}, "when": {{"task": "coding"}}}}"#);
    Experiment::configure(serde_json::from_str(&settings).unwrap()).unwrap()
}

const HALVES: &str = r#"[{"name": "a", "models": ["a/x"]}, {"name": "b", "models": ["b/x"]}]"#;

fn request(id: &str, labels: &[(&str, &str)]) -> Request {
    let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    let labels = labels.iter().map(own).chain([("task".to_owned(), "coding".to_owned())]);
    Request::from(Recording { id: id.to_owned(), labels: labels.collect(), ..Recording::default() })
}

fn candidates() -> Candidates {
    Candidates::from(["z/x", "a/x", "b/x"].map(Candidate::new).to_vec())
}

fn plan(experiment: &Experiment, request: &Request) -> Plan {
    match experiment.decide(request, &candidates()).unwrap() {
        Decision::Route(plan) => plan,
        other => panic!("{other:?}"),
    }
}

fn arm(experiment: &Experiment, request: &Request) -> String {
    plan(experiment, request).labels[0].1.clone()
}

/// How many of 10,000 conversations are in each arm.
fn shares(experiment: &Experiment) -> BTreeMap<String, u32> {
    let mut shares = BTreeMap::new();
    for number in 0..10_000 {
        let request = request("r", &[("conversation", &number.to_string())]);
        *shares.entry(arm(experiment, &request)).or_default() += 1;
    }
    shares
}

#[test]
fn conversations_are_divided_by_weight() {
    let arms = r#"[{"name": "a", "weight": 7, "models": ["a/x"]},
        {"name": "b", "weight": 3, "models": ["b/x"]}, {"name": "c", "weight": 0}]"#;
    let shares = shares(&experiment(arms));
    assert_eq!(shares.len(), 2);
    // Four standard deviations are 183.
    assert!(shares["e:a"].abs_diff(7_000) < 183, "{shares:?}");
}

#[test]
fn a_change_of_weight_moves_only_as_many_as_it_says() {
    let before = experiment(HALVES);
    let after = experiment(&HALVES.replace(r#""a", "#, r#""a", "weight": 3, "#));
    let (mut to_a, mut to_b) = (0, 0);
    for number in 0..10_000 {
        let request = request("r", &[("conversation", &number.to_string())]);
        match (arm(&before, &request).as_str(), arm(&after, &request).as_str()) {
            ("e:b", "e:a") => to_a += 1,
            ("e:a", "e:b") => to_b += 1,
            _ => {}
        }
    }
    assert_eq!(to_b, 0);
    assert!(2_500_u32.abs_diff(to_a) < 180, "{to_a}");
}

#[test]
fn a_conversation_sticks_before_a_user_and_a_user_before_a_request() {
    let halves = experiment(HALVES);
    let arms = |labels: &dyn Fn(u32) -> Vec<(&'static str, String)>| {
        let mut arms: Vec<String> = (0..50)
            .map(|number| {
                let labels = labels(number);
                let labels: Vec<(&str, &str)> =
                    labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
                arm(&halves, &request(&number.to_string(), &labels))
            })
            .collect();
        arms.sort();
        arms.dedup();
        arms.len()
    };
    let same = |name| (name, "same".to_owned());
    assert_eq!(arms(&|number| vec![same("conversation"), ("user", number.to_string())]), 1);
    assert_eq!(arms(&|number| vec![same("user"), ("turn", number.to_string())]), 1);
    assert_eq!(
        arms(&|number| vec![("conversation", String::new()), ("user", number.to_string())]),
        2
    );
    assert_eq!(arms(&|_| Vec::new()), 2);
}

#[test]
fn the_arms_models_come_first_and_the_reason_says_by_what() {
    let only = experiment(r#"[{"name": "b", "models": ["b/*"]}]"#);
    let plan = plan(&only, &request("r", &[("user", "u")]));
    let tried: Vec<u32> = plan.attempts.iter().map(|attempt| attempt.candidate).collect();
    assert_eq!(tried, [2, 0, 1]);
    assert_eq!(plan.reason, "b/x first in e:b by user, 2 behind it");
}

#[test]
fn an_arm_that_is_unwell_is_still_the_arm() {
    let only = experiment(r#"[{"name": "b", "models": ["b/*"]}]"#);
    let ill = Candidate { circuit: Circuit::Open, ..Candidate::new("b/x") };
    let candidates = Candidates::from(vec![Candidate::new("a/x"), ill]);
    let decided = only.decide(&request("r", &[]), &candidates).unwrap();
    let Decision::Route(plan) = decided else { panic!("{decided:?}") };
    assert_eq!((plan.attempts[0].candidate, plan.labels[0].1.as_str()), (0, "e:b"));
}

#[test]
fn a_control_leaves_it_to_the_next_policy_and_is_counted() {
    let control = experiment(r#"[{"name": "control"}]"#);
    match control.decide(&request("r", &[]), &candidates()).unwrap() {
        Decision::Abstain(labels) => {
            assert_eq!(labels, [("experiment".to_owned(), "e:control".to_owned())]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_does_not_match_takes_no_part() {
    let other = Request::from(Recording::default());
    let decided = experiment(HALVES).decide(&other, &candidates()).unwrap();
    assert!(matches!(decided, Decision::Abstain(labels) if labels.is_empty()));
}

#[test]
fn an_arm_without_a_candidate_cannot_decide() {
    let elsewhere = experiment(r#"[{"name": "b", "models": ["nobody/*"]}]"#);
    let refused = elsewhere.decide(&request("r", &[]), &candidates()).unwrap_err();
    assert_eq!(refused, "arm \"b\" has no model among the candidates");
}

#[test]
fn arms_that_make_no_sense_are_refused() {
    let refused = |arms: &str| {
        let settings = format!(r#"{{"name": "e", "arms": {arms}}}"#);
        let settings: Settings = serde_json::from_str(&settings).unwrap();
        Experiment::configure(settings).unwrap_err()
    };
    assert_eq!(refused("[]"), "arms: give at least one a weight above 0");
    assert_eq!(
        refused(r#"[{"name": "a", "weight": 0}]"#),
        "arms: give at least one a weight above 0"
    );
    assert_eq!(refused(r#"[{"name": "a", "weight": -1}]"#), "arms.a.weight: a share is 0 or more");
    assert_eq!(
        refused(r#"[{"name": "a"}, {"name": "a"}]"#),
        "arms: there are two of the name \"a\""
    );
}
