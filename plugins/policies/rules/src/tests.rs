//! Which rule decides, and what is said of rules that are wrong.

use super::{Rules, Settings};
use portcullis_sdk::policy::{Candidate, Candidates, Circuit, Decision, FailureKind, Policy};
use portcullis_sdk::{Recording, Request};
use serde_json::{Value, json};

fn candidates() -> Vec<Candidate> {
    let mut cheap = Candidate::new("b/small");
    cheap.profile.tags = vec!["cheap".to_owned()];
    let mut own = Candidate::new("own/small");
    own.profile.local = true;
    vec![Candidate::new("a/large"), cheap, own]
}

fn decide(settings: &Value, recording: Recording, candidates: Vec<Candidate>) -> Decision {
    let settings: Settings = serde_json::from_value(settings.clone()).unwrap();
    let policy = Rules::configure(settings).unwrap();
    policy.decide(&Request::from(recording), &Candidates::from(candidates)).unwrap()
}

fn labelled(labels: &[(&str, &str)]) -> Recording {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Recording { labels: labels.iter().map(owned).collect(), ..Recording::default() }
}

fn check(settings: &Value, recording: Recording, order: &[u32], reason: &str) {
    let plan = match decide(settings, recording, candidates()) {
        Decision::Route(plan) => plan,
        other => panic!("{other:?}"),
    };
    let tried: Vec<u32> = plan.attempts.iter().map(|attempt| attempt.candidate).collect();
    assert_eq!((tried.as_slice(), plan.reason.as_str()), (order, reason));
}

fn tokens(input_token_estimate: u32) -> Recording {
    Recording { input_token_estimate, ..Recording::default() }
}

#[test]
fn the_first_rule_that_applies_decides() {
    let settings = json!({ "rules": [
        { "if": "token_count < 500", "to": ["tag:cheap", "local"], "reason": "it is short" },
        { "if": "token_count < 900", "to": ["local"], "then": "nothing" },
        { "if": "default", "to": ["a/*"] },
    ]});
    check(&settings, tokens(499), &[1, 2, 0], "b/small first by rule 1 (it is short), 2 behind it");
    let second = "own/small first by rule 2 (token_count < 900), 0 behind it";
    check(&settings, tokens(500), &[2], second);
    check(&settings, tokens(900), &[0, 1, 2], "a/large first by rule 3 (default), 2 behind it");
}

#[test]
fn a_rule_that_names_nobody_who_is_there_is_passed_over_and_said() {
    let settings = json!({ "then": "nothing", "rules": [
        { "if": "true", "to": ["gone/x", "tag:gone"] },
        { "if": "false", "to": ["a/large"] },
        { "if": "true", "to": ["gone/*", "b/small"], "then": "others" },
    ]});
    let reason = "b/small first by rule 3 (true); rule 1 names none that is here, 2 behind it";
    check(&settings, Recording::default(), &[1, 0, 2], reason);
    let gone = json!({ "otherwise": "route", "rules": [{ "if": "true", "to": ["gone/x"] }] });
    let reason = "a/large first in the route's order, as no rule decides; \
                  rule 1 names none that is here, 2 behind it";
    check(&gone, Recording::default(), &[0, 1, 2], reason);
}

#[test]
fn who_is_unwell_is_behind_the_others_though_a_rule_names_it() {
    let settings = json!({ "rules": [{ "if": "default", "to": ["a/large", "b/small"] }] });
    let mut ill = candidates();
    ill[0].circuit = Circuit::Open;
    let Decision::Route(plan) = decide(&settings, Recording::default(), ill) else { panic!() };
    let reason = "b/small first by rule 1 (default), 2 behind it; last: a/large (circuit open)";
    assert_eq!(plan.reason, reason);
}

#[test]
fn labels_that_a_rule_sets_are_seen_behind_it() {
    let settings = json!({ "rules": [
        { "if": "task_type == 'code'", "set": { "tier": "2", "why": "code" } },
        { "if": "label('tier') == ''", "set": { "tier": "1" } },
        { "if": "label('tier') >= 2", "set": { "tier": "3" } },
        { "if": "label('tier') == 3", "to": ["a/large"], "set": { "route": "large" } },
    ]});
    let Decision::Route(plan) = decide(&settings, labelled(&[("task", "code")]), candidates())
    else {
        panic!()
    };
    assert_eq!(plan.attempts[0].candidate, 0);
    let labels = [("why", "code"), ("tier", "3"), ("route", "large")];
    let owned = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(plan.labels, owned);
    match decide(&settings, labelled(&[("task", "chat")]), candidates()) {
        Decision::Abstain(labels) => assert_eq!(labels, [("tier".to_owned(), "1".to_owned())]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_can_be_refused() {
    let settings = json!({ "rules": [
        { "if": "model matches '^secret'", "refuse": "This model is not for you." },
    ]});
    let recording = Recording { model: "secret-1".to_owned(), ..Recording::default() };
    match decide(&settings, recording, candidates()) {
        Decision::Refuse(failure) => {
            assert_eq!(failure.kind, FailureKind::InvalidRequest);
            assert_eq!(failure.message, "This model is not for you.");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_a_rule_that_decides_the_next_policy_does_or_the_routes_order() {
    let abstained = decide(&json!({}), Recording::default(), candidates());
    assert!(matches!(abstained, Decision::Abstain(labels) if labels.is_empty()));
    let route = json!({ "otherwise": "route" });
    let reason = "a/large first in the route's order, as no rule decides, 2 behind it";
    check(&route, Recording::default(), &[0, 1, 2], reason);
}

#[test]
fn long_conditions_are_cut_in_a_reason() {
    let long = format!("model == 'é{}' or default", "x".repeat(90));
    let settings = json!({ "rules": [{ "if": long, "to": ["a/large"] }] });
    let cut = format!("model == 'é{}", "x".repeat(69));
    let reason = format!("a/large first by rule 1 ({cut}…), 2 behind it");
    check(&settings, Recording::default(), &[0, 1, 2], &reason);
}

#[test]
fn retries_are_the_operators() {
    let retries = |settings| match decide(&settings, Recording::default(), candidates()) {
        Decision::Route(plan) => plan.attempts[0].retries,
        other => panic!("{other:?}"),
    };
    assert_eq!(retries(json!({ "otherwise": "route" })), 1);
    assert_eq!(retries(json!({ "otherwise": "route", "retries": 0 })), 0);
}

#[track_caller]
fn refused(settings: Value, expected: &str) {
    let why = match serde_json::from_value::<Settings>(settings) {
        Ok(settings) => Rules::configure(settings).unwrap_err(),
        Err(error) => error.to_string(),
    };
    assert_eq!(why, expected);
}

#[test]
fn rules_that_are_wrong_are_found_at_load_all_at_once() {
    refused(
        json!({ "rules": [
            { "if": "modle == 'a'", "to": ["a/x"] },
            { "if": "default", "to": ["a/x"] },
            { "if": "true and\n token_count < 'few'", "to": ["a/x"] },
            { "if": "default" },
        ]}),
        "rule 1: `if`: line 1, column 1: `modle` is not known; did you mean `model`?\n\
         rule 3: `if`: line 2, column 14: a number is compared with a text\n\
         rule 4: it does nothing; expected `to`, `refuse` or `set`",
    );
    let rule = |rule: Value| json!({ "rules": [rule] });
    refused(
        rule(json!({ "if": "default", "to": ["a/x"], "refuse": "no" })),
        "rule 1: either `to` or `refuse`, not both",
    );
    refused(rule(json!({ "if": "default", "to": [] })), "rule 1: `to` names no candidates");
    refused(
        rule(json!({ "if": "default", "refuse": "no", "set": { "a": "b" } })),
        "rule 1: either `refuse` or `set`: nobody would see the labels",
    );
    refused(
        rule(json!({ "if": "default", "set": { "a": "b" }, "then": "nothing" })),
        "rule 1: `then` says something only beside `to`",
    );
    refused(
        rule(json!({ "if": "default", "to": ["cheap"] })),
        "\"cheap\" names no candidates; \
         expected \"provider/model\", \"provider/*\", \"tag:NAME\" or \"local\"",
    );
    refused(
        rule(json!({ "when": "default", "to": ["a/x"] })),
        "unknown field `when`, expected one of `if`, `to`, `refuse`, `set`, `reason`, `then`",
    );
    refused(rule(json!({ "to": ["a/x"] })), "missing field `if`");
    refused(
        json!({ "time_zone": "Europe/Berlin" }),
        "`time_zone` = \"Europe/Berlin\": expected \"UTC\" or an offset from it such as \
         \"+02:00\"; names such as \"Europe/Berlin\" are not known here",
    );
}
