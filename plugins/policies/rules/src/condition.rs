//! A condition: read and checked once, held against each request.
//!
//! What can be wrong with one is found when it is read. Numbers are compared with numbers and texts
//! with texts; a label is a text that may hold a number, so it is compared with either, and one
//! that holds none is like no number. A name that does not exist is refused with the nearest that
//! does.

mod lexer;
mod names;
mod parser;

pub(crate) use names::Names;

use crate::facts::{Facts, Number, Text};
use regex_lite::Regex;
use std::cmp::Ordering;

/// What holds of a request or does not.
#[derive(Debug)]
pub(crate) enum Condition {
    Always(bool),
    Streaming,
    /// A feature, by its place among the names.
    Needs(usize),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Numbers(Value, Comparison, Value),
    Texts(Value, Comparison, Value),
    NumberIn(Value, Vec<f64>),
    TextIn(Value, Vec<String>),
    Matches(Value, Regex),
}

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(Number),
    Text(Text),
    /// A label, by its place among the names.
    Label(usize),
    Digits(f64),
    Letters(String),
}

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Is,
    IsNot,
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Condition {
    /// Reads and checks one. The error says where in it what is wrong.
    pub(crate) fn read(text: &str, names: &mut Names) -> Result<Self, String> {
        parser::read(text, names).map_err(|mistake| mistake.in_text(text))
    }

    pub(crate) fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Always(holds) => *holds,
            Self::Streaming => facts.streaming(),
            Self::Needs(place) => facts.needs(*place),
            Self::Not(of) => !of.holds(facts),
            Self::All(of) => of.iter().all(|condition| condition.holds(facts)),
            Self::Any(of) => of.iter().any(|condition| condition.holds(facts)),
            Self::Numbers(left, comparison, right) => {
                comparison.holds(left.number(facts).partial_cmp(&right.number(facts)))
            }
            Self::Texts(left, comparison, right) => {
                comparison.holds(Some(left.text(facts).cmp(right.text(facts))))
            }
            Self::NumberIn(value, list) => list.contains(&value.number(facts)),
            Self::TextIn(value, list) => list.iter().any(|text| text == value.text(facts)),
            Self::Matches(value, regex) => regex.is_match(value.text(facts)),
        }
    }
}

impl Comparison {
    /// Whether it holds of two that are in this order, or in none.
    fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Is => order == Some(Ordering::Equal),
            Self::IsNot => order != Some(Ordering::Equal),
            Self::Below => order == Some(Ordering::Less),
            Self::AtMost => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::Above => order == Some(Ordering::Greater),
            Self::AtLeast => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

impl Value {
    /// What a text is that holds no number is not one either.
    fn number(&self, facts: &Facts<'_>) -> f64 {
        match self {
            Self::Number(number) => facts.number(*number),
            Self::Digits(number) => *number,
            text => text.text(facts).trim().parse().unwrap_or(f64::NAN),
        }
    }

    /// Of a number, which the reader compares with no text, it is empty.
    fn text<'a>(&'a self, facts: &'a Facts<'_>) -> &'a str {
        match self {
            Self::Text(text) => facts.text(*text),
            Self::Label(place) => facts.label(*place),
            Self::Letters(text) => text,
            Self::Number(_) | Self::Digits(_) => "",
        }
    }

    /// What it can be compared as.
    fn kind(&self) -> Kind {
        match self {
            Self::Number(_) | Self::Digits(_) => Kind::Number,
            Self::Text(_) | Self::Letters(_) => Kind::Text,
            Self::Label(_) => Kind::Either,
        }
    }
}

/// What a value can be compared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Either,
}

#[cfg(test)]
mod tests;
