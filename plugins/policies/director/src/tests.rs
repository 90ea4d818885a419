//! The table, and what goes before it.

use super::{Director, Settings};
use portcullis_sdk::policy::{
    Candidate, Candidates, Circuit, Decision, Outcome, Plan, Policy, Usage,
};
use portcullis_sdk::{Recording, Request};

fn able(id: &str, features: &[&str], context: u32) -> Candidate {
    let mut candidate = Candidate::new(id);
    candidate.profile.features = features.iter().map(|it| (*it).to_owned()).collect();
    candidate.profile.context_tokens = Some(context);
    candidate
}

/// The providers of the table's author.
fn house() -> Vec<Candidate> {
    let mut own = able("own/Ministral-3B", &["tools"], 32_768);
    own.profile.local = true;
    let mut coder = able("own/Qwen3-Coder-30B-A3B", &["tools"], 131_072);
    coder.profile.local = true;
    vec![
        able("groq/llama-3.1-8b-instant", &["tools"], 131_072),
        able("groq/llama-3.3-70b-versatile", &["tools"], 131_072),
        able("groq/meta-llama/llama-4-scout-17b", &["tools", "vision"], 131_072),
        able("groq/openai/gpt-oss-120b", &["tools"], 131_072),
        able("gemini/gemini-2.5-flash", &["tools", "vision"], 1_048_576),
        able("gemini/gemini-2.5-pro", &["tools", "vision"], 1_048_576),
        able("claude-code/opus", &["json-object"], 200_000),
        own,
        coder,
    ]
}

fn labelled(labels: &[(&str, &str)]) -> Recording {
    let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    Recording { labels: labels.iter().map(own).collect(), ..Recording::default() }
}

fn decide(settings: &str, recording: Recording, candidates: Vec<Candidate>) -> Decision {
    let settings: Settings = serde_json::from_str(settings).unwrap();
    let director = Director::configure(settings).unwrap();
    director.decide(&Request::from(recording), &Candidates::from(candidates)).unwrap()
}

fn planned(
    settings: &str,
    recording: Recording,
    candidates: Vec<Candidate>,
) -> (Plan, Vec<String>) {
    let all = Candidates::from(candidates.clone());
    match decide(settings, recording, candidates) {
        Decision::Route(plan) => {
            let id = |index| all.id(index).to_string();
            let ids = plan.attempts.iter().map(|attempt| id(attempt.candidate)).collect();
            (plan, ids)
        }
        other => panic!("{other:?}"),
    }
}

/// Without others behind them, whom the plan tries.
fn check(recording: Recording, row: &str, expected: &[&str]) {
    let (plan, ids) = planned(r#"{"others": false}"#, recording, house());
    assert_eq!(ids, expected);
    assert_eq!(plan.labels, [("row".to_owned(), row.to_owned())]);
    assert!(plan.reason.contains(&format!("first for {row}, ")), "{}", plan.reason);
}

#[test]
fn each_task_has_its_primary_and_its_fallback() {
    let (small, flash, pro) =
        ("groq/llama-3.1-8b-instant", "gemini/gemini-2.5-flash", "gemini/gemini-2.5-pro");
    let (ministral, coder) = ("own/Ministral-3B", "own/Qwen3-Coder-30B-A3B");
    let claude = "claude-code/opus";
    for (task, expected) in [
        ("quick", &[small, flash][..]),
        ("reasoning", &["groq/llama-3.3-70b-versatile", pro]),
        ("tools", &["groq/meta-llama/llama-4-scout-17b"]),
        ("coding", &[claude, "groq/openai/gpt-oss-120b"]),
        ("review", &[claude, coder]),
        ("summary", &[small, ministral]),
        ("memory", &[flash, ministral]),
        ("long-context", &[flash, pro]),
    ] {
        check(labelled(&[("task", task)]), task, expected);
    }
}

#[test]
fn what_is_long_goes_by_its_length_whatever_its_task() {
    let long = Recording { input_token_estimate: 32_001, ..labelled(&[("task", "coding")]) };
    let gemini = &["gemini/gemini-2.5-flash", "gemini/gemini-2.5-pro"];
    check(long.clone(), "long-context", gemini);
    check(Recording { labels: Default::default(), ..long.clone() }, "long-context", gemini);
    let short = Recording { input_token_estimate: 32_000, ..long.clone() };
    check(short, "coding", &["claude-code/opus", "groq/openai/gpt-oss-120b"]);
    // Where nobody of that row is here, by the task after all.
    let (plan, ids) = planned("{}", long, vec![able("claude-code/opus", &[], 200_000)]);
    assert_eq!((ids[0].as_str(), plan.labels[0].1.as_str()), ("claude-code/opus", "coding"));
}

#[test]
fn what_is_too_long_for_all_of_a_row_goes_to_who_has_the_context() {
    let candidates =
        vec![able("groq/llama-3.1-8b", &[], 8_192), able("gemini/gemini-flash", &[], 1_000_000)];
    let asked = Recording { input_token_estimate: 9_000, ..labelled(&[("task", "summary")]) };
    let (plan, ids) = planned("{}", asked, candidates);
    assert_eq!(ids, ["gemini/gemini-flash", "groq/llama-3.1-8b"]);
    assert_eq!(plan.labels[0].1, "long-context");
    // The longest that there is will do where nobody has enough.
    let asked = Recording { input_token_estimate: 9_000, ..labelled(&[("task", "summary")]) };
    let (_, ids) = planned("{}", asked, vec![able("groq/llama-3.1-8b", &[], 8_192)]);
    assert_eq!(ids, ["groq/llama-3.1-8b"]);
}

#[test]
fn what_is_private_stays_at_home_whatever_else_it_is() {
    let asked = Recording {
        input_token_estimate: 90_000,
        ..labelled(&[("task", "coding"), ("privacy", "private")])
    };
    // With others behind each row, too.
    let (plan, ids) = planned("{}", asked.clone(), house());
    assert_eq!(ids, ["own/Qwen3-Coder-30B-A3B", "own/Ministral-3B"]);
    assert!(plan.reason.ends_with("last: own/Ministral-3B (90000 tokens are too long for it)"));
    // Nor does a row of the operator's lead elsewhere.
    let wide = r#"{"tasks": {"private": {"primary": ["*"]}}}"#;
    let (_, ids) = planned(wide, asked.clone(), house());
    assert!(ids.iter().all(|id| id.starts_with("own/")), "{ids:?}");
    let mut away = house();
    away.retain(|candidate| !candidate.profile.local);
    match decide("{}", asked, away) {
        Decision::Refuse(failure) => assert!(failure.message.contains("private")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_is_unwell_or_unable_makes_room_for_the_fallback() {
    let mut ill = house();
    ill[0].circuit = Circuit::Open;
    let (_, ids) = planned(r#"{"others": false}"#, labelled(&[("task", "quick")]), ill);
    assert_eq!(ids, ["gemini/gemini-2.5-flash", "groq/llama-3.1-8b-instant"]);
    let seeing = Recording { needs: vec!["vision".into()], ..labelled(&[("task", "quick")]) };
    check(seeing, "quick", &["gemini/gemini-2.5-flash", "groq/llama-3.1-8b-instant"]);
}

#[test]
fn others_stand_behind_the_row() {
    let (_, ids) = planned("{}", labelled(&[("task", "tools")]), house());
    assert_eq!(ids.len(), house().len());
    assert_eq!(ids[..2], ["groq/meta-llama/llama-4-scout-17b", "groq/llama-3.1-8b-instant"]);
}

#[test]
fn expensive_models_are_for_short_conversations() {
    let settings = r#"{"others": false,
        "expensive": {"models": ["claude-code/*"], "conversation_tokens": 2000}}"#;
    let asked = |prompt, answer| Recording {
        input_token_estimate: prompt,
        max_output_tokens: answer,
        ..labelled(&[("task", "coding")])
    };
    let first = |recording| planned(settings, recording, house()).1.remove(0);
    assert_eq!(first(asked(2_000, None)), "claude-code/opus");
    assert_eq!(first(asked(2_001, None)), "groq/openai/gpt-oss-120b");
    assert_eq!(first(asked(1_500, Some(501))), "groq/openai/gpt-oss-120b");
}

#[test]
fn the_operators_rows_take_the_place_of_the_shipped_ones() {
    let settings = r#"{"others": false, "tasks": {
        "quick": {"primary": ["own/*"]}, "support": {"primary": ["gemini/gemini-2.5-pro"]}}}"#;
    let ids = |task| planned(settings, labelled(&[("task", task)]), house()).1;
    assert_eq!(ids("quick"), ["own/Ministral-3B", "own/Qwen3-Coder-30B-A3B"]);
    assert_eq!(ids("support"), ["gemini/gemini-2.5-pro"]);
    assert_eq!(ids("memory")[0], "gemini/gemini-2.5-flash");
}

#[test]
fn what_it_knows_nothing_of_it_leaves_to_the_next() {
    for recording in [Recording::default(), labelled(&[("task", "poetry")])] {
        assert!(
            matches!(decide("{}", recording, house()), Decision::Abstain(labels) if labels.is_empty())
        );
    }
    // A row of which nobody is here.
    let elsewhere = decide("{}", labelled(&[("task", "coding")]), vec![Candidate::new("a/x")]);
    assert!(matches!(elsewhere, Decision::Abstain(_)));
}

#[test]
fn a_row_without_a_primary_is_refused() {
    let settings = serde_json::from_str(r#"{"tasks": {"quick": {"primary": []}}}"#).unwrap();
    let refused = Director::configure(settings).unwrap_err();
    assert_eq!(refused, "tasks.quick.primary: name at least one candidate");
}

#[test]
fn a_conversation_that_spent_its_budget_tries_expensive_models_last() {
    let settings = r#"{"others": false,
        "expensive": {"models": ["claude-code/*"], "spent_tokens": 100}}"#;
    let director = Director::configure(serde_json::from_str(settings).unwrap()).unwrap();
    let asked = |conversation| labelled(&[("task", "coding"), ("conversation", conversation)]);
    let first = |conversation| planned(settings, asked(conversation), house()).1.remove(0);
    let used = |candidate: &str, tokens| {
        let usage =
            Usage { input_tokens: Some(tokens), output_tokens: Some(9), ..Usage::default() };
        Outcome {
            request_id: "r".to_owned(),
            candidate: candidate.to_owned(),
            failure: None,
            total_ms: 1,
            first_token_ms: None,
            usage: Some(usage),
            cost_usd: None,
            rating: None,
            labels: vec![("conversation".to_owned(), "c1".to_owned())],
            extra: Vec::new(),
        }
    };
    assert_eq!(first("c1"), "claude-code/opus");
    director.observe(vec![used("claude-code/opus", 41), used("groq/x", 5_000)]);
    assert_eq!(first("c1"), "claude-code/opus");
    director.observe(vec![used("claude-code/opus", 41)]);
    assert_eq!(first("c1"), "groq/openai/gpt-oss-120b");
    // Another has spent nothing.
    assert_eq!(first("c2"), "claude-code/opus");
    let by_tag = settings.replace("claude-code/*", "tag:dear");
    let why = Director::configure(serde_json::from_str(&by_tag).unwrap()).unwrap_err();
    assert!(why.contains("counted by ids"), "{why}");
}
