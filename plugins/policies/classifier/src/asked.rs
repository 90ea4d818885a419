//! What a small model says of a request that the rules are not sure of.
//!
//! It is asked over a route of the gateway's own, with a schema for its answer. Whatever goes
//! wrong (it was not granted, the route is ill, the answer is none of the tasks) leaves what the
//! rules said.

use portcullis_sdk::capabilities::completions;
use serde::Deserialize;

/// How the operator wants it asked.
#[derive(Debug, Clone, Deserialize)]
pub struct Ask {
    /// Over which route.
    pub route: String,
    /// For a task that has fewer points than this by the rules.
    #[serde(default = "below")]
    pub below: u32,
    /// For how long it is waited.
    #[serde(default = "deadline_ms")]
    pub deadline_ms: u32,
}

fn below() -> u32 {
    8
}

fn deadline_ms() -> u32 {
    2_000
}

/// Tokens that the answer may have: it is three short words in JSON.
const MOST_TOKENS: u32 = 100;
const INSTRUCTIONS: &str = "Say what kind of request this is; do not answer it. `complexity` is how \
     hard it is to answer well; `private`, whether it tells of a person's health, money or identity.";
const COMPLEXITIES: [&str; 4] = ["simple", "medium", "complex", "critical"];

/// What it said.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Said {
    pub(crate) task: String,
    pub(crate) complexity: String,
    pub(crate) private: bool,
}

impl Ask {
    /// Asks which of these tasks a text is. Why nothing came of it stands in the record of what was
    /// asked.
    pub(crate) fn ask(&self, tasks: &[&str], text: &str) -> Option<Said> {
        let answer = completions::complete(
            &self.route,
            Some(INSTRUCTIONS),
            text,
            MOST_TOKENS,
            Some(&schema(tasks)),
            Some(self.deadline_ms),
        );
        read(tasks, &answer.ok()?)
    }
}

/// Written out, for what reads and writes any JSON is a lot of data in a plugin whose words are most
/// of it.
fn schema(tasks: &[&str]) -> String {
    let (tasks, complexities) = (list(tasks), list(&COMPLEXITIES));
    format!(
        r#"{{"type":"object","properties":{{"task":{{"enum":[{tasks}]}},"complexity":{{"enum":[{complexities}]}},"private":{{"type":"boolean"}}}},"required":["task","complexity","private"],"additionalProperties":false}}"#
    )
}

/// These words as JSON; one that cannot stand there as it is, the model is not told of.
fn list(words: &[&str]) -> String {
    let plain = |word: &&&str| !word.contains(|c: char| c == '"' || c == '\\' || c.is_control());
    let mut list = String::new();
    for word in words.iter().filter(plain) {
        list += if list.is_empty() { "\"" } else { ",\"" };
        list += word;
        list += "\"";
    }
    list
}

fn read(tasks: &[&str], answer: &str) -> Option<Said> {
    let said: Said = serde_json::from_str(answer).ok()?;
    let is_known =
        tasks.contains(&said.task.as_str()) && COMPLEXITIES.contains(&said.complexity.as_str());
    is_known.then_some(said)
}

#[cfg(test)]
mod tests {
    use super::{Said, read, schema};

    const TASKS: [&str; 2] = ["quick", "coding"];

    #[test]
    fn an_answer_is_taken_if_it_is_one_of_those_that_there_are() {
        let said = read(&TASKS, r#"{"task":"coding","complexity":"complex","private":false}"#);
        let (task, complexity) = ("coding".to_owned(), "complex".to_owned());
        assert_eq!(said, Some(Said { task, complexity, private: false }));
        for answer in [
            "coding",
            r#"{"task":"cooking","complexity":"complex","private":false}"#,
            r#"{"task":"coding","complexity":"hard","private":false}"#,
            r#"{"task":"coding","complexity":"simple"}"#,
        ] {
            assert_eq!(read(&TASKS, answer), None, "{answer}");
        }
    }

    #[test]
    fn the_schema_names_the_tasks() {
        let schema: serde_json::Value = serde_json::from_str(&schema(&TASKS)).unwrap();
        assert_eq!(schema["properties"]["task"]["enum"], serde_json::json!(TASKS));
    }
}
