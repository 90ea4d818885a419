//! One choice of an answer, put together from its pieces.

use crate::contract::events::Finish;
use crate::wire::answer::Piece;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What was said, in all.
#[derive(Debug, Default)]
pub struct Message {
    /// Its text, if it has one.
    pub text: Option<String>,
    /// What the model thought, as far as its upstream shows it.
    pub reasoning: String,
    /// In which words it declined.
    pub refusal: Option<String>,
    /// The calls of tools, by their indices.
    pub tools: BTreeMap<u32, ToolCall>,
    /// Blocks that hold what it thought, signed.
    pub thinking_blocks: Vec<Value>,
    /// Where what it says comes from.
    pub annotations: Vec<Value>,
    /// The probabilities of its tokens.
    pub logprobs: Option<Value>,
    /// What the upstream wants to see again.
    pub extra: Option<Value>,
    /// What the upstream said beside it, by name.
    pub beside: BTreeMap<&'static str, Value>,
    /// All of it, where it is one JSON text.
    pub document: Option<String>,
    /// Why it ended.
    pub finish: Option<Finish>,
}

/// A call of a tool.
#[derive(Debug, Default)]
pub struct ToolCall {
    /// Its id.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments' JSON text.
    pub arguments: String,
    /// What the upstream wants to see again.
    pub extra: Option<Value>,
}

impl Message {
    /// Adds a piece.
    pub fn take(&mut self, piece: Piece) {
        match piece {
            Piece::Text(text) => self.text.get_or_insert_default().push_str(&text),
            Piece::Reasoning(text) => self.reasoning.push_str(&text),
            Piece::Refusal(text) => self.refusal.get_or_insert_default().push_str(&text),
            Piece::ToolCall { index, first, arguments } => {
                let call = self.tools.entry(index).or_default();
                if let Some((id, name)) = first {
                    (call.id, call.name) = (id, name);
                }
                call.arguments.push_str(&arguments);
            }
            Piece::ThinkingBlocks(blocks) => self.thinking_blocks.extend(blocks),
            Piece::Annotations(annotations) => self.annotations.extend(annotations),
            Piece::Logprobs(logprobs) => merge(self.logprobs.get_or_insert(Value::Null), logprobs),
            Piece::Extra { tool_call, content } => {
                let extra = match tool_call {
                    Some(index) => &mut self.tools.entry(index).or_default().extra,
                    None => &mut self.extra,
                };
                merge(extra.get_or_insert(Value::Null), content);
            }
            Piece::Beside(name, value) => {
                self.beside.insert(name, value);
            }
            Piece::Document(json) => self.document = Some(json),
            Piece::Finished(finish) => self.finish = Some(finish),
        }
    }

    /// Why it ended, in the contract's words.
    pub fn reason(&self) -> &str {
        self.finish.as_ref().map_or("stop", |finish| &finish.reason)
    }
}

/// Puts a value into another: the fields of an object one by one, an array behind the one before.
pub fn merge(into: &mut Value, value: Value) {
    match (into, value) {
        (Value::Object(fields), Value::Object(more)) => {
            for (name, value) in more {
                merge(fields.entry(name).or_insert(Value::Null), value);
            }
        }
        (Value::Array(items), Value::Array(more)) => items.extend(more),
        (into, value) => *into = value,
    }
}

/// Fields that an upstream said of an end, but not those that the dialect itself has.
pub fn said_beside(finish: &Finish, known: &[&str]) -> Map<String, Value> {
    let unknown = finish.extra.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    unknown
        .filter_map(|(name, json)| Some((name.clone(), serde_json::from_str(json).ok()?)))
        .collect()
}
