//! A JSON text of which every value knows where it stands and how it is reached, and what is found
//! wrong or out of place in it.
//!
//! serde's derive would be shorter, but it stops at the first mistake, and forgets the place of a
//! value that can be read and means nothing here.

use crate::config::{Place, Problem};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;
use std::sync::Arc;

/// How deep values may be nested; the files that are read have five levels.
const DEEPEST: usize = 32;

/// Why a key that nobody asks for has no place.
pub(super) const UNKNOWN: &str = "it is not known";

/// A value.
pub(super) struct Node {
    pub(super) at: Spot,
    kind: Kind,
}

/// Where a value stands, and how it is reached from the whole: `routing.rules[0].model`.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) place: Place,
    pub(super) path: String,
}

/// A text, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) value: String,
    pub(super) at: Spot,
}

enum Kind {
    /// Neither a list nor an object.
    Plain(Value),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// What was found beside what is taken over.
#[derive(Default)]
pub(super) struct Found {
    /// What has to be mended in the file.
    pub(super) problems: Vec<Problem>,
    /// What has no place in a configuration, and why.
    pub(super) left: Vec<(Spot, String)>,
}

/// An object that is being read. What is not asked for has no place.
pub(super) struct Object<'n> {
    entries: &'n [(String, Node)],
    asked: Vec<&'static str>,
}

/// Reads a text.
///
/// # Errors
///
/// If it is not JSON.
pub(super) fn parse(file: &str, text: &str) -> Result<Node, Problem> {
    let source = Source { file: file.into(), text };
    let whole = serde_json::from_str::<&RawValue>(text).map_err(|error| Problem {
        place: Place { file: source.file.clone(), line: error.line(), column: error.column() },
        text: not_json(&error),
    })?;
    source.node(whole, String::new(), 0)
}

/// The message without its own line and column.
fn not_json(error: &serde_json::Error) -> String {
    let text = error.to_string();
    format!("not JSON: {}", text.split(" at line ").next().unwrap_or_default())
}

/// The text that is read.
struct Source<'t> {
    file: Arc<str>,
    text: &'t str,
}

impl<'t> Source<'t> {
    fn node(&self, raw: &'t RawValue, path: String, depth: usize) -> Result<Node, Problem> {
        let at = Spot { place: self.place(raw), path };
        // The whole is JSON; what can still be wrong is half of a surrogate pair, or a number
        // beyond all bounds.
        let wrong =
            |error: serde_json::Error| Problem { place: at.place.clone(), text: not_json(&error) };
        if depth > DEEPEST {
            return Err(Problem { place: at.place, text: "this is nested too deep".to_owned() });
        }
        let kind = match raw.get().as_bytes().first() {
            Some(b'{') => {
                let Entries(entries) = serde_json::from_str(raw.get()).map_err(wrong)?;
                let mut known: Vec<(String, Node)> = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let node = self.node(value, member(&at.path, &key), depth + 1)?;
                    if known.iter().any(|(other, _)| *other == key) {
                        let text = format!("`{}` is said twice; keep one", node.at.path);
                        return Err(Problem { place: node.at.place, text });
                    }
                    known.push((key, node));
                }
                Kind::Object(known)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(wrong)?;
                let nodes = items.into_iter().enumerate().map(|(index, item)| {
                    self.node(item, format!("{}[{index}]", at.path), depth + 1)
                });
                Kind::List(nodes.collect::<Result<_, _>>()?)
            }
            _ => Kind::Plain(serde_json::from_str(raw.get()).map_err(wrong)?),
        };
        Ok(Node { at, kind })
    }

    /// A value is a part of the text, so its address says where in it.
    fn place(&self, raw: &RawValue) -> Place {
        let offset = raw.get().as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        let before = self.text.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Place { file: self.file.clone(), line, column }
    }
}

/// How a value of an object is reached.
fn member(path: &str, key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match (path, !key.is_empty() && key.chars().all(plain)) {
        ("", true) => key.to_owned(),
        (_, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[{key:?}]"),
    }
}

/// The entries of an object in their order; serde_json's own map sorts them.
struct Entries<'t>(Vec<(String, &'t RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Node {
    /// Reads it as an object; keys that `read` does not ask for have no place.
    pub(super) fn object<T>(
        &self,
        expected: &str,
        found: &mut Found,
        read: impl FnOnce(&mut Object<'_>, &mut Found) -> T,
    ) -> Option<T> {
        let Kind::Object(entries) = &self.kind else { return found.wrong(self, expected) };
        let mut object = Object { entries, asked: Vec::new() };
        let said = read(&mut object, found);
        let asked = object.asked;
        for (_, node) in entries.iter().filter(|(key, _)| !asked.contains(&key.as_str())) {
            found.leave(&node.at, UNKNOWN);
        }
        Some(said)
    }

    /// Its entries, where any key may stand.
    pub(super) fn entries(&self, expected: &str, found: &mut Found) -> &[(String, Node)] {
        match &self.kind {
            Kind::Object(entries) => entries,
            _ => found.wrong(self, expected).unwrap_or_default(),
        }
    }

    pub(super) fn list(&self, expected: &str, found: &mut Found) -> &[Node] {
        match &self.kind {
            Kind::List(nodes) => nodes,
            _ => found.wrong(self, expected).unwrap_or_default(),
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&self, expected: &str, found: &mut Found) -> Option<Text> {
        match &self.kind {
            Kind::Plain(Value::String(text)) if !text.trim().is_empty() => {
                Some(Text { value: text.clone(), at: self.at.clone() })
            }
            _ => found.wrong(self, expected),
        }
    }

    pub(super) fn texts(&self, expected: &str, found: &mut Found) -> Vec<Text> {
        let nodes = self.list(expected, found).iter();
        nodes.filter_map(|node| node.text(expected, found)).collect()
    }

    pub(super) fn truth(&self, found: &mut Found) -> Option<bool> {
        match &self.kind {
            Kind::Plain(Value::Bool(truth)) => Some(*truth),
            _ => found.wrong(self, "true or false"),
        }
    }

    /// A whole number, none of them negative.
    pub(super) fn count(&self, expected: &str, found: &mut Found) -> Option<u64> {
        match &self.kind {
            Kind::Plain(Value::Number(number)) if number.is_u64() => number.as_u64(),
            _ => found.wrong(self, expected),
        }
    }

    /// What it is, for somebody who expected something else. What a text says is not repeated: it
    /// may be a secret.
    fn is(&self) -> &'static str {
        match &self.kind {
            Kind::Plain(Value::Null) => "null",
            Kind::Plain(Value::Bool(_)) => "true or false",
            Kind::Plain(Value::String(text)) if text.trim().is_empty() => "an empty string",
            Kind::Plain(Value::String(_)) => "a string",
            Kind::Plain(_) => "a number",
            Kind::List(_) => "a list",
            Kind::Object(_) => "an object",
        }
    }
}

impl<'n> Object<'n> {
    /// The value of a key; null is as good as none.
    pub(super) fn get(&mut self, key: &'static str) -> Option<&'n Node> {
        self.asked.push(key);
        let (_, node) = self.entries.iter().find(|(known, _)| known == key)?;
        (!matches!(node.kind, Kind::Plain(Value::Null))).then_some(node)
    }

    pub(super) fn text(
        &mut self,
        key: &'static str,
        expected: &str,
        found: &mut Found,
    ) -> Option<Text> {
        self.get(key)?.text(expected, found)
    }
}

impl Found {
    /// A value is something else than was expected.
    fn wrong<T>(&mut self, node: &Node, expected: &str) -> Option<T> {
        let text = format!("`{}` is {}; expected {expected}", shown(&node.at.path), node.is());
        self.problems.push(Problem { place: node.at.place.clone(), text });
        None
    }

    /// Something is wrong with what stands there.
    pub(super) fn problem(&mut self, at: &Spot, text: &str) {
        let text = format!("`{}` {text}", shown(&at.path));
        self.problems.push(Problem { place: at.place.clone(), text });
    }

    /// What stands there is not taken over.
    pub(super) fn leave(&mut self, at: &Spot, why: impl Into<String>) {
        self.left.push((at.clone(), why.into()));
    }
}

/// A path for people: the whole has none.
pub(super) fn shown(path: &str) -> &str {
    if path.is_empty() { "the file" } else { path }
}
