//! The names that conditions may use, and the labels and features that they ask for: each has a
//! place, so that a request is asked once for what ten rules look at.

use super::{Condition, Value};
use crate::facts::{Number, Text};

/// Labels with a name of their own: the name, and the label.
const LABELS: [(&str, &str); 4] = [
    ("task_type", "task"),
    ("complexity", "complexity"),
    ("privacy", "privacy"),
    ("conversation", "conversation"),
];
const NUMBERS: [(&str, Number); 4] = [
    ("token_count", Number::TokenCount),
    ("max_tokens", Number::MaxTokens),
    ("hour", Number::Hour),
    ("minute", Number::Minute),
];
const TEXTS: [(&str, Text); 5] = [
    ("model", Text::Model),
    ("operation", Text::Operation),
    ("tenant", Text::Tenant),
    ("weekday", Text::Weekday),
    ("date", Text::Date),
];
/// Names that are no values.
const OTHERS: [&str; 6] = ["streaming", "needs", "label", "default", "true", "false"];
/// How like a name another has to be to be meant.
const LIKE: f64 = 0.7;

/// The labels and features that the conditions of one policy ask for.
#[derive(Debug, Default)]
pub(crate) struct Names {
    labels: Vec<String>,
    features: Vec<String>,
}

impl Names {
    pub(crate) fn labels(&self) -> &[String] {
        &self.labels
    }

    pub(crate) fn features(&self) -> &[String] {
        &self.features
    }

    /// The place of a label.
    pub(crate) fn label(&mut self, name: &str) -> usize {
        place(&mut self.labels, name)
    }

    /// The place of a feature.
    pub(super) fn feature(&mut self, name: &str) -> usize {
        place(&mut self.features, name)
    }

    /// What a name stands for, if it is a value.
    pub(super) fn value(&mut self, name: &str) -> Option<Value> {
        let number = NUMBERS.iter().find(|(known, _)| *known == name);
        let text = TEXTS.iter().find(|(known, _)| *known == name);
        let label = LABELS.iter().find(|(known, _)| *known == name);
        let number = number.map(|(_, number)| Value::Number(*number));
        number
            .or_else(|| text.map(|(_, text)| Value::Text(*text)))
            .or_else(|| label.map(|(_, label)| Value::Label(self.label(label))))
    }
}

/// What a name stands for, if it holds or does not by itself.
pub(super) fn truth(name: &str) -> Option<Condition> {
    match name {
        "default" | "true" => Some(Condition::Always(true)),
        "false" => Some(Condition::Always(false)),
        "streaming" => Some(Condition::Streaming),
        _ => None,
    }
}

/// Why a name that does not exist is refused: with the nearest that does, or with all of them.
pub(super) fn unknown(name: &str) -> String {
    let all = LABELS
        .iter()
        .map(|(known, _)| *known)
        .chain(NUMBERS.iter().map(|(known, _)| *known))
        .chain(TEXTS.iter().map(|(known, _)| *known))
        .chain(OTHERS);
    let likeness = |known: &str| strsim::jaro_winkler(known, &name.to_lowercase());
    let nearest = all.clone().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest.filter(|known| likeness(known) > LIKE) {
        Some(known) => format!("`{name}` is not known; did you mean `{known}`?"),
        None => {
            let all = all.collect::<Vec<_>>().join(", ");
            format!("`{name}` is not known; expected one of {all}, or a text in quotes")
        }
    }
}

fn place(known: &mut Vec<String>, name: &str) -> usize {
    known.iter().position(|it| it == name).unwrap_or_else(|| {
        known.push(name.to_owned());
        known.len() - 1
    })
}
