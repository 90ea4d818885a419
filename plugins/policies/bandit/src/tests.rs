//! That it finds the better arm, still looks at the others, and what an outcome is worth.

use super::draws::Draws;
use super::learned::Learned;
use super::{Bandit, Settings};
use portcullis_sdk::capabilities::kv;
use portcullis_sdk::policy::{
    Candidate, Candidates, Circuit, Decision, Failure, FailureKind, Outcome, Plan, Policy, kept,
};
use portcullis_sdk::{Recording, Request};

const ARMS: &str =
    r#"{"arms": [{"name": "a", "models": ["a/*"]}, {"name": "b", "models": ["b/x"]}]"#;

fn bandit(further: &str) -> Bandit {
    let settings: Settings = serde_json::from_str(&format!("{ARMS}{further}}}")).unwrap();
    Bandit::configure(settings).unwrap()
}

fn candidates() -> Candidates {
    Candidates::from(["a/x", "b/x", "c/x"].map(Candidate::new).to_vec())
}

fn plan(bandit: &Bandit, labels: &[(&str, &str)], candidates: &Candidates) -> Plan {
    let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    let labels = labels.iter().map(own).collect();
    let request = Request::from(Recording { labels, ..Recording::default() });
    match bandit.decide(&request, candidates).unwrap() {
        Decision::Route(plan) => plan,
        other => panic!("{other:?}"),
    }
}

fn arm(plan: &Plan) -> &str {
    assert_eq!(plan.labels[0].0, "arm");
    &plan.labels[0].1
}

fn outcome(candidate: &str, arm: &str) -> Outcome {
    Outcome {
        request_id: "r".to_owned(),
        candidate: candidate.to_owned(),
        failure: None,
        total_ms: 1,
        first_token_ms: None,
        usage: None,
        cost_usd: None,
        rating: None,
        labels: vec![("arm".to_owned(), arm.to_owned())],
        extra: Vec::new(),
    }
}

fn failed(kind: FailureKind) -> Outcome {
    Outcome { failure: Some(Failure::new(kind, "no")), ..outcome("a/x", "a") }
}

fn learned() -> Learned {
    kept::read("learned").unwrap().unwrap_or_default()
}

/// How often each of these arms is drawn in the rounds of a simulation, where an attempt of theirs
/// succeeds with that probability: in the first 200 of 2,000 rounds, and in the last 1,000.
fn simulated(chances: [f64; 3], seed: u64) -> ([u32; 3], [u32; 3]) {
    let (mut learned, mut draws) = (Learned::default(), Draws::new(seed));
    let (mut first, mut last) = ([0; 3], [0; 3]);
    for round in 0..2_000 {
        let arm = learned.draw(["a", "b", "c"], &mut draws);
        let worth = f64::from(u8::from(draws.unit() < chances[arm]));
        learned.add(["a", "b", "c"][arm], worth, 1.0);
        first[arm] += u32::from(round < 200);
        last[arm] += u32::from(round >= 1_000);
    }
    (first, last)
}

#[test]
fn most_requests_go_to_the_better_arm_and_all_are_tried() {
    for seed in 0..20 {
        let (first, last) = simulated([0.5, 0.9, 0.7], seed);
        assert!(first.iter().all(|&times| times >= 1), "{seed}: {first:?}");
        assert!(last[1] > 850, "{seed}: {last:?}");
    }
}

#[test]
fn equal_arms_are_all_used() {
    let shares: Vec<[u32; 3]> = (0..20).map(|seed| simulated([0.8; 3], seed).1).collect();
    for arm in 0..3 {
        let times: u32 = shares.iter().map(|share| share[arm]).sum();
        // A third of 20,000, and far from none.
        assert!((3_000..11_000).contains(&times), "{shares:?}");
    }
}

#[test]
fn draws_have_the_mean_and_the_spread_of_their_distribution() {
    let mut draws = Draws::new(7);
    for (a, b) in [(1.0, 1.0), (2.5, 7.5), (80.0, 20.0)] {
        let drawn: Vec<f64> = (0..20_000).map(|_| draws.beta(a, b)).collect();
        let mean = drawn.iter().sum::<f64>() / 2e4;
        let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 2e4;
        assert!((mean - a / (a + b)).abs() < 0.01, "{a} {b}: {mean}");
        let expected = a * b / ((a + b).powi(2) * (a + b + 1.0));
        assert!((variance / expected - 1.0).abs() < 0.05, "{a} {b}: {variance} {expected}");
    }
}

#[test]
fn what_is_observed_decides() {
    let bandit = bandit("");
    for _ in 0..20 {
        bandit.observe(vec![failed(FailureKind::Upstream), outcome("b/x", "b")]);
    }
    assert_eq!((learned().of("a"), learned().of("b")), ((0.0, 20.0), (20.0, 20.0)));
    let plans: Vec<Plan> = (0..200).map(|_| plan(&bandit, &[], &candidates())).collect();
    let good: Vec<&Plan> = plans.iter().filter(|plan| arm(plan) == "b").collect();
    // Of 200, the other arm draws the larger number with a probability of less than one in 10^11.
    assert_eq!(good.len(), 200);
    let tried: Vec<u32> = good[0].attempts.iter().map(|attempt| attempt.candidate).collect();
    assert_eq!(tried, [1, 0, 2]);
    assert_eq!(good[0].reason, "b/x first as arm b by lot, worth 20.0 of 20.0, 2 behind it");
}

#[test]
fn each_outcome_is_worth_what_it_says_of_its_arm() {
    let bandit = bandit(r#", "thrift": 3, "dear_usd": 0.2, "rating": 2"#);
    let costing = |cost| Outcome { cost_usd: cost, ..outcome("a/x", "a") };
    let rated = |rating| Outcome { rating: Some(rating), ..outcome("a/x", "a") };
    let shadow = vec![("shadow".to_owned(), "true".to_owned())];
    for (outcome, expected) in [
        (costing(None), Some((1.0, 1.0))),
        (costing(Some(0.0)), Some((1.0, 1.0))),
        (costing(Some(0.1)), Some((0.625, 1.0))),
        (costing(Some(9.0)), Some((0.25, 1.0))),
        (rated(1.0), Some((1.0, 2.0))),
        (rated(-0.5), Some((0.25, 2.0))),
        (failed(FailureKind::Overloaded), Some((0.0, 1.0))),
        (failed(FailureKind::InvalidRequest), None),
        (failed(FailureKind::Cancelled), None),
        // Another stood in for it, it is of another policy's arm, or a copy.
        (outcome("b/x", "a"), None),
        (outcome("a/x", "other"), None),
        (Outcome { labels: Vec::new(), ..outcome("a/x", "a") }, None),
        (Outcome { extra: shadow, ..outcome("a/x", "a") }, None),
    ] {
        let worth = bandit.worth(&outcome).map(|(arm, worth, times)| {
            assert_eq!(arm, "a");
            (worth, times)
        });
        assert_eq!(worth, expected, "{outcome:?}");
    }
}

#[test]
fn without_arms_each_candidate_is_one() {
    let bandit = Bandit::configure(Settings::default()).unwrap();
    let seen: Vec<String> =
        (0..200).map(|_| arm(&plan(&bandit, &[], &candidates())).to_owned()).collect();
    for id in ["a/x", "b/x", "c/x"] {
        assert!(seen.iter().any(|seen| seen == id), "{seen:?}");
    }
    bandit.observe(vec![outcome("c/x", "c/x")]);
    assert_eq!(learned().of("c/x"), (1.0, 1.0));
}

#[test]
fn what_was_learned_fades() {
    let mut learned = Learned::default();
    learned.fade(1_000, Some(100.0));
    learned.add("a", 1.0, 8.0);
    learned.fade(1_100, Some(100.0));
    assert_eq!(learned.of("a"), (4.0, 4.0));
    // A clock that goes back makes nothing count more.
    learned.fade(900, Some(100.0));
    assert_eq!(learned.of("a"), (4.0, 4.0));
    learned.fade(9_000, None);
    assert_eq!(learned.of("a"), (4.0, 4.0));
}

#[test]
fn a_conversation_stays_with_its_arm_while_that_can_serve() {
    let bandit = bandit(r#", "sticky": ["conversation"]"#);
    let labels = [("conversation", "c1")];
    let first = arm(&plan(&bandit, &labels, &candidates())).to_owned();
    for _ in 0..50 {
        let again = plan(&bandit, &labels, &candidates());
        assert_eq!(arm(&again), first);
        assert!(again.reason.contains("as before"), "{}", again.reason);
    }
    assert!(kv::get("sticky/conversation/c1").unwrap().is_some());
    // Its only model is unwell: another arm serves it.
    let own = format!("{first}/x");
    let ill = Candidate { circuit: Circuit::Open, ..Candidate::new(&own) };
    let other = if first == "a" { "b/x" } else { "a/x" };
    let ill = Candidates::from(vec![ill, Candidate::new(other)]);
    assert_ne!(arm(&plan(&bandit, &labels, &ill)), first);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    for (settings, expected) in [
        (r#"{"arms": [{"name": "a", "models": ["tag:x"]}]}"#, "name them by id"),
        (
            r#"{"arms": [{"name": "a", "models": ["a/x"]}, {"name": "a", "models": ["b/x"]}]}"#,
            "there are two of the name",
        ),
        (r#"{"success": 0, "rating": 0}"#, "nothing counts"),
    ] {
        let settings = serde_json::from_str(settings).unwrap();
        let why = Bandit::configure(settings).unwrap_err();
        assert!(why.contains(expected), "{why}");
    }
    let nobody = Candidates::from(vec![Candidate::new("c/x")]);
    let why = bandit("").decide(&Request::from(Recording::default()), &nobody).unwrap_err();
    assert!(why.contains("no arm has a model"), "{why}");
}
