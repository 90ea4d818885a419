//! The labelled requests, and how many of them the rules label as their readers did.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a set that cannot be read is a failed test")]

use portcullis_policy_classifier::{Classifier, Settings};
use portcullis_sdk::policy::{Candidate, Candidates, Decision, Policy};
use portcullis_sdk::{Recording, Request};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const REQUESTS: &str = include_str!("../../../../tests/fixtures/tasks/requests.jsonl");

/// The request as a gateway would have it: the document is counted, and not read.
fn request(line: &Value) -> Request {
    let prompt = line["prompt"].as_str().unwrap();
    let body = json!({ "messages": [{ "role": "user", "content": prompt }] });
    let needs = line["needs"].as_array().unwrap();
    let document = line["document_tokens"].as_u64().unwrap();
    Request::from(Recording {
        needs: needs.iter().map(|need| need.as_str().unwrap().to_owned()).collect(),
        input_token_estimate: u32::try_from(document).unwrap() + prompt.len() as u32 / 4,
        body: body.to_string(),
        ..Recording::default()
    })
}

fn labels(policy: &Classifier, request: &Request) -> BTreeMap<String, String> {
    let candidates = Candidates::from(vec![Candidate::new("a/x")]);
    match policy.decide(request, &candidates).unwrap() {
        Decision::Abstain(labels) => labels.into_iter().collect(),
        other => panic!("{other:?}"),
    }
}

#[derive(Default)]
struct Share {
    right: u32,
    of: u32,
}

impl Share {
    fn count(&mut self, right: bool) {
        self.right += u32::from(right);
        self.of += 1;
    }

    fn percent(&self) -> f64 {
        100.0 * f64::from(self.right) / f64::from(self.of)
    }
}

#[test]
fn most_labelled_requests_are_labelled_so() {
    let policy = Classifier::configure(Settings::default()).unwrap();
    let mut shares: BTreeMap<(&str, String), Share> = BTreeMap::new();
    for line in REQUESTS.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap();
        let found = labels(&policy, &request(&line));
        let (half, task) = (text("half").to_owned(), text("task"));
        let private = found.contains_key("privacy");
        let mut count = |of, right| shares.entry((of, half.clone())).or_default().count(right);
        count("privacy", private == (text("privacy") == "private"));
        count("complexity", found["complexity"] == text("complexity"));
        // What is private or long is so by other signs than its task.
        if !["private", "long-context"].contains(&task) {
            count("task", found["task"] == task);
        }
        let wrong = match task {
            "private" => !private,
            "long-context" => private,
            task => private || found["task"] != task,
        };
        if wrong && half == "development" && std::env::var_os("PORTCULLIS_SHOW").is_some() {
            println!("{} ({task}): {found:?}\n    {}", text("id"), text("prompt"));
        }
    }
    for ((of, half), share) in &shares {
        println!("{of:<10} {half:<12} {:>5.1} % of {}", share.percent(), share.of);
        // What was reached when the rules were written, less what a mended rule may cost.
        let least = match *of {
            "task" => 94.0,
            "privacy" => 98.0,
            _ => 74.0,
        };
        assert!(share.percent() >= least, "of {of}, {half}: less than {least} %");
    }
}
