//! One rule: what its operator wrote, and what will be done.

use crate::condition::{Condition, Names};
use portcullis_sdk::policy::Patterns;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Characters of a condition that stand for it in a reason.
const LONGEST: usize = 80;

/// A rule as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// When it applies; `default` is always.
    pub r#if: String,
    /// Where the request then goes.
    pub to: Option<Patterns>,
    /// What its sender is told, if it is not to be served.
    pub refuse: Option<String>,
    /// Labels that the rules and policies behind this one see.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Why, for the record; where nothing is said the condition stands there.
    pub reason: Option<String>,
    /// Who comes behind the candidates that it names.
    pub then: Option<Then>,
}

/// Who comes behind the candidates that a rule names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// All others, in the route's order.
    #[default]
    Others,
    /// Nobody.
    Nothing,
}

/// A rule that was read and checked.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) condition: Condition,
    /// Names of labels, where conditions find them, and their values.
    pub(crate) set: Vec<(String, usize, String)>,
    pub(crate) action: Action,
    pub(crate) reason: String,
}

/// What a rule does, beside setting labels.
#[derive(Debug)]
pub(crate) enum Action {
    Route(Patterns, Then),
    Refuse(String),
    GoOn,
}

impl Rule {
    /// Reads one rule. The error says which part is wrong, and where in it.
    pub(crate) fn read(said: Said, then: Then, names: &mut Names) -> Result<Self, String> {
        let condition = Condition::read(&said.r#if, names).map_err(|why| format!("`if`: {why}"))?;
        let no_use = |key| Err(format!("`{key}` says something only beside `to`"));
        let action = match (said.to, said.refuse) {
            (Some(_), Some(_)) => return Err("either `to` or `refuse`, not both".to_owned()),
            (Some(to), None) if to.is_empty() => return Err("`to` names no candidates".to_owned()),
            (Some(to), None) => Action::Route(to, said.then.unwrap_or(then)),
            (None, _) if said.then.is_some() => return no_use("then"),
            (None, Some(_)) if !said.set.is_empty() => {
                return Err("either `refuse` or `set`: nobody would see the labels".to_owned());
            }
            (None, Some(message)) => Action::Refuse(message),
            (None, None) if said.set.is_empty() => {
                return Err("it does nothing; expected `to`, `refuse` or `set`".to_owned());
            }
            (None, None) => Action::GoOn,
        };
        let reason = said.reason.unwrap_or_else(|| brief(&said.r#if));
        let set = said.set.into_iter().map(|(name, value)| {
            let place = names.label(&name);
            (name, place, value)
        });
        Ok(Self { condition, set: set.collect(), action, reason })
    }
}

fn brief(condition: &str) -> String {
    match condition.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &condition[..end]),
        None => condition.to_owned(),
    }
}
