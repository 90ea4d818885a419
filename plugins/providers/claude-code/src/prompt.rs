//! A conversation as the one text that the command line reads.
//!
//! A single message of a user is that text. Several are written down as JSON: whatever a user
//! writes in a message, it cannot look like the end of it and the beginning of another's.

use crate::failure::{invalid, unsupported};
use portcullis_sdk::provider::Failure;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

const SEVERAL: &str = "Below is a conversation so far, as a JSON array of its messages, oldest \
                       first. Write the assistant's next message: its text alone, not as JSON.";

/// What was said.
#[derive(Default)]
pub(crate) struct Prompt {
    /// What the system and the developer say, in order.
    instructions: Vec<String>,
    /// The names of fields of messages that are left out.
    pub(crate) dropped: BTreeSet<String>,
    turns: Vec<Map<String, Value>>,
}

impl Prompt {
    pub(crate) fn read(&mut self, messages: Vec<Map<String, Value>>) -> Result<(), Failure> {
        for mut message in messages {
            let content = text(message.remove("content").unwrap_or_default())?;
            let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
            match role {
                "system" | "developer" => self.instructions.push(content),
                "user" | "assistant" | "tool" => {
                    message.retain(|name, value| !value.is_null() && self.keeps(name));
                    message.insert("content".to_owned(), content.into());
                    self.turns.push(message);
                }
                other => return Err(unsupported(format!("Claude Code has no role {other:?}"))),
            }
        }
        Ok(())
    }

    /// Whether a field of a message says something to the model.
    fn keeps(&mut self, name: &str) -> bool {
        const KNOWN: [&str; 5] = ["role", "name", "tool_calls", "tool_call_id", "refusal"];
        self.dropped.extend((!KNOWN.contains(&name)).then(|| format!("messages.{name}")));
        KNOWN.contains(&name)
    }

    /// What instructs, if there is something else beside it.
    pub(crate) fn instructions(&self) -> Option<String> {
        let some = !self.turns.is_empty() && !self.instructions.is_empty();
        some.then(|| self.instructions.join("\n\n"))
    }

    /// What is said. A sender that only instructs speaks through that.
    pub(crate) fn text(&self) -> String {
        match self.turns.as_slice() {
            [] => self.instructions.join("\n\n"),
            [only] if only.get("role").is_some_and(|role| role == "user") => {
                only.get("content").and_then(Value::as_str).unwrap_or_default().to_owned()
            }
            several => {
                let several = serde_json::to_string(several).unwrap_or_default();
                format!("{SEVERAL}\n\n{several}")
            }
        }
    }
}

/// The text of a message's content.
fn text(content: Value) -> Result<String, Failure> {
    let parts = match content {
        Value::Null => return Ok(String::new()),
        Value::String(text) => return Ok(text),
        Value::Array(parts) => parts,
        _ => return Err(invalid("a message's `content` is neither a text nor a list of parts")),
    };
    let text = |part: &Value| match part["type"].as_str().unwrap_or_default() {
        kind @ ("text" | "refusal") => Ok(part[kind].as_str().unwrap_or_default().to_owned()),
        other => Err(unsupported(format!("Claude Code reads no part {other:?}"))),
    };
    // What is said of a document must not run on from its last word.
    Ok(parts.iter().map(text).collect::<Result<Vec<_>, _>>()?.join("\n\n"))
}
