//! The phases as their author's code selects models, and what an overloaded tier does.

use super::{Settings, Tiered};
use portcullis_sdk::policy::{Candidate, Candidates, Circuit, Decision, Plan, Policy};
use portcullis_sdk::{Recording, Request};

/// All models of the four phases.
const MODELS: [&str; 9] = [
    "openai/gpt-4o-mini",
    "openai/gpt-4o",
    "anthropic/claude-3-5-sonnet-20241022",
    "openai/ft:gpt-4o-mini:hitlai:ux-detector:v1",
    "openai/ft:gpt-4o:hitlai:strategy-planner:v1",
    "groq/llama-3.1-8b-instant",
    "own/llama-3.1-8b-instruct",
    "own/mixtral-8x7b-instruct",
    "own/llama-3.1-70b-instruct",
];

fn house() -> Vec<Candidate> {
    MODELS.map(Candidate::new).to_vec()
}

fn asked(task: &str, complexity: &str, vision: bool) -> Recording {
    let labels = [("task", task), ("complexity", complexity)];
    let said = labels.into_iter().filter(|(_, value)| !value.is_empty());
    Recording {
        labels: said.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        needs: if vision { vec!["vision".to_owned()] } else { Vec::new() },
        ..Recording::default()
    }
}

fn decide(settings: &str, recording: Recording, candidates: Vec<Candidate>) -> Decision {
    let settings: Settings = serde_json::from_str(settings).unwrap();
    let policy = Tiered::configure(settings).unwrap();
    policy.decide(&Request::from(recording), &Candidates::from(candidates)).unwrap()
}

fn plan(settings: &str, recording: Recording, candidates: Vec<Candidate>) -> Plan {
    match decide(settings, recording, candidates) {
        Decision::Route(plan) => plan,
        other => panic!("{other:?}"),
    }
}

fn first(settings: &str, recording: Recording) -> &'static str {
    MODELS[plan(settings, recording, house()).attempts[0].candidate as usize]
}

#[test]
fn each_phase_selects_the_models_of_its_author() {
    let (mini, gpt, sonnet) = (MODELS[0], MODELS[1], MODELS[2]);
    let (detector, planner, groq) = (MODELS[3], MODELS[4], MODELS[5]);
    let (llama, mixtral) = (MODELS[6], MODELS[7]);
    for (task, complexity, vision, phases) in [
        ("data_extraction", "simple", false, [mini, mini, groq, llama]),
        ("data_extraction", "medium", false, [gpt, gpt, gpt, mixtral]),
        ("data_extraction", "complex", false, [gpt, gpt, gpt, mixtral]),
        ("data_extraction", "critical", false, [gpt, gpt, gpt, sonnet]),
        ("critique", "simple", false, [sonnet, sonnet, sonnet, llama]),
        ("critique", "complex", false, [sonnet, sonnet, sonnet, sonnet]),
        ("issue_detection", "simple", false, [mini, detector, groq, llama]),
        ("issue_detection", "medium", false, [gpt, detector, detector, mixtral]),
        ("classification", "complex", false, [gpt, detector, detector, mixtral]),
        ("test_strategy", "medium", false, [gpt, planner, planner, mixtral]),
        ("heuristic_weighting", "critical", false, [gpt, planner, planner, sonnet]),
        ("critique", "simple", true, [gpt, gpt, gpt, gpt]),
        ("issue_detection", "critical", true, [sonnet, sonnet, sonnet, sonnet]),
        ("", "", false, [gpt, gpt, gpt, mixtral]),
    ] {
        for (phase, expected) in ["1", "2", "2.5", "3"].into_iter().zip(phases) {
            let settings = format!(r#"{{"phase": "{phase}"}}"#);
            let found = first(&settings, asked(task, complexity, vision));
            assert_eq!(found, expected, "phase {phase}: {task} {complexity} {vision}");
        }
    }
}

/// Two models a tier.
const PAIRS: &str = r#"{"tiers": [["a/*"], ["b/*"], ["c/*"]], "most_in_flight": 4}"#;

fn check(change: impl Fn(&mut Candidate), complexity: &str, order: &[u32], tier: &str) {
    let mut all = ["a/1", "a/2", "b/1", "b/2", "c/1"].map(Candidate::new).to_vec();
    all.iter_mut().for_each(change);
    let plan = plan(PAIRS, asked("", complexity, false), all);
    let tried: Vec<u32> = plan.attempts.iter().map(|attempt| attempt.candidate).collect();
    assert_eq!((tried.as_slice(), plan.labels[0].1.as_str()), (order, tier), "{}", plan.reason);
}

#[test]
fn a_tier_that_is_overloaded_spills_to_the_next() {
    let in_tier = |candidate: &Candidate, tier: &str| candidate.profile.provider == tier;
    check(|_| {}, "simple", &[0, 1, 2, 3, 4], "1");
    check(|_| {}, "medium", &[2, 3, 4, 0, 1], "2");
    // One of two is left.
    check(
        |candidate| {
            if candidate.profile.id == "a/1" {
                candidate.circuit = Circuit::Open;
            }
        },
        "simple",
        &[1, 2, 3, 4, 0],
        "1",
    );
    check(
        |candidate| {
            if in_tier(candidate, "a") {
                candidate.circuit = Circuit::Open;
            }
        },
        "simple",
        &[2, 3, 4, 0, 1],
        "2",
    );
    check(
        |candidate| {
            if in_tier(candidate, "a") {
                candidate.performance.in_flight = 5;
            }
        },
        "simple",
        &[2, 3, 4, 0, 1],
        "2",
    );
    // Past the last tier it goes down.
    check(
        |candidate| {
            if !in_tier(candidate, "a") {
                candidate.headroom.requests = Some(0);
            }
        },
        "medium",
        &[0, 1, 2, 3, 4],
        "1",
    );
    // Where all are full nothing changes.
    check(|candidate| candidate.performance.in_flight = 5, "simple", &[0, 1, 2, 3, 4], "1");
}

#[test]
fn a_spill_is_said() {
    let mut all = ["a/1", "b/1", "c/1"].map(Candidate::new).to_vec();
    all[0].circuit = Circuit::Open;
    let plan = plan(PAIRS, asked("", "simple", false), all);
    assert_eq!(
        plan.reason,
        "b/1 first of tier 2 by rule 4 (tier 1 is overloaded or unable), 2 behind it; \
         last: a/1 (circuit open)"
    );
}

#[test]
fn where_no_rule_holds_or_no_model_is_here_the_next_policy_decides() {
    let rules = r#"{"rules": [{"task": ["critique"], "tier": 3}]}"#;
    assert!(matches!(decide(rules, asked("chat", "simple", false), house()), Decision::Abstain(_)));
    let elsewhere = vec![Candidate::new("x/y")];
    assert!(matches!(decide("{}", asked("", "simple", false), elsewhere), Decision::Abstain(_)));
}

#[test]
fn settings_that_lead_nowhere_are_refused() {
    let refused = |settings| {
        let settings: Settings = serde_json::from_str(settings).unwrap();
        Tiered::configure(settings).unwrap_err()
    };
    assert_eq!(refused(r#"{"phase": "4"}"#), "phase: there is no \"4\"; there are 1, 2, 2.5, 3");
    assert_eq!(
        refused(r#"{"rules": [{"tier": 1}, {"tier": 4}]}"#),
        "rules, rule 2: tier 4 is none of 1 to 3"
    );
    assert_eq!(refused(r#"{"rules": [{"tier": 0}]}"#), "rules, rule 1: tier 0 is none of 1 to 3");
}
