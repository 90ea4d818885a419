//! What is labelled, what is kept, and what is left alone.

use super::{Classifier, Settings};
use portcullis_sdk::policy::{Candidates, Decision, Policy};
use portcullis_sdk::{Recording, Request};

fn asked(prompt: &str) -> Recording {
    let text = prompt.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let body = format!(r#"{{"messages":[{{"role":"user","content":"{text}"}}]}}"#);
    Recording { body, ..Recording::default() }
}

fn labels(settings: &str, recording: Recording) -> Vec<(String, String)> {
    let settings: Settings = serde_json::from_str(settings).unwrap();
    let policy = Classifier::configure(settings).unwrap();
    let nobody = Candidates::from(Vec::new());
    match policy.decide(&Request::from(recording), &nobody).unwrap() {
        Decision::Abstain(labels) => labels,
        other => panic!("{other:?}"),
    }
}

fn check(settings: &str, recording: Recording, expected: &[(&str, &str)]) {
    let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    let expected: Vec<_> = expected.iter().map(own).collect();
    assert_eq!(labels(settings, recording.clone()), expected, "{recording:?}");
}

#[test]
fn what_no_rule_knows_is_of_the_default_task() {
    check("{}", asked("Hello there."), &[("task", "quick"), ("complexity", "simple")]);
    let small_talk = r#"{"default_task": "talk"}"#;
    check(small_talk, asked("Hello there."), &[("task", "talk"), ("complexity", "medium")]);
}

#[test]
fn labels_that_are_there_are_kept() {
    let mut said = asked("Refactor this module, it holds my password.");
    said.labels.insert("task".to_owned(), "poetry".to_owned());
    check("{}", said.clone(), &[("complexity", "complex"), ("privacy", "private")]);
    said.labels.insert("complexity".to_owned(), "simple".to_owned());
    said.labels.insert("privacy".to_owned(), "public".to_owned());
    check("{}", said, &[]);
}

#[test]
fn what_cannot_be_read_is_not_labelled() {
    check("{}", Recording::default(), &[]);
    let other = Recording { operation: "embeddings".to_owned(), ..asked("Refactor this.") };
    check("{}", other, &[]);
    let tools = Recording { needs: vec!["tools".to_owned()], ..Recording::default() };
    check("{}", tools, &[("task", "tools"), ("complexity", "simple")]);
}

#[test]
fn privacy_is_the_operators_to_switch_off() {
    let said = || asked("Is my password good?");
    let both = [("task", "quick"), ("complexity", "simple")];
    check("{}", said(), &[both[0], both[1], ("privacy", "private")]);
    check(r#"{"privacy": false}"#, said(), &both);
}

#[test]
fn operators_have_terms_of_their_own() {
    let terms = r#"{"terms": {"support": ["refund*"], "private": ["Projekt Falke"]}}"#;
    let task = |prompt: &str| labels(terms, asked(prompt))[0].1.clone();
    assert_eq!(task("Two REFUNDS are missing"), "support");
    assert_eq!(task("The prefunded account"), "quick");
    let privacy = labels(terms, asked("Wann beginnt Projekt\nFALKE?"));
    assert!(privacy.contains(&("privacy".to_owned(), "private".to_owned())), "{privacy:?}");
    let nothing = serde_json::from_str(r#"{"terms": {"support": ["*"]}}"#).unwrap();
    let refused = Classifier::configure(nothing).unwrap_err();
    assert_eq!(refused, "terms.support: \"*\" has no letters");
}

#[test]
fn words_are_whole_and_of_either_case() {
    let task = |prompt: &str| labels("{}", asked(prompt))[0].1.clone();
    assert_eq!(task("ÜBERGABE bitte"), "summary");
    assert_eq!(task("Übergaben sind das nicht"), "quick");
    assert_eq!(task("这是一份摘要吗"), "summary");
    assert_eq!(task("My debugger"), "review");
}

#[test]
fn only_so_much_is_read() {
    let far = format!("{} traceback", "word ".repeat(20));
    let task = |settings: &str| labels(settings, asked(&far))[0].1.clone();
    assert_eq!(task("{}"), "review");
    assert_eq!(task(r#"{"read_bytes": 64}"#), "quick");
}

#[test]
fn numbers_and_keys_that_are_somebodys_are_private() {
    let private =
        |prompt: &str| labels("{}", asked(prompt)).iter().any(|(name, _)| name == "privacy");
    for prompt in [
        "Charge 4111 1111 1111 1111, please",
        "GB29 NWBK 6016 1331 9268 19 is it",
        "DE89370400440532013000",
        "She is 078-05-1120",
        "-----BEGIN RSA PRIVATE KEY-----",
        "SERVICE_TOKEN=abcdefabcdef",
        "call +49 30 901820 or mail jo@example.org",
    ] {
        assert!(private(prompt), "{prompt}");
    }
    for prompt in [
        "Charge 4111 1111 1111 1112, please",
        "The year 2026, and 1,234,567,890 stars",
        "version 1.2.3.4.5.6.7.8.9.10.11",
        "mail@",
        "KEY=short",
        "git@example.org:a/b",
    ] {
        assert!(!private(prompt), "{prompt}");
    }
}
