//! `[providers.NAME.commands.NAME]`: a program that a provider's plugin may run, as it was said.

use std::time::Duration;

use crate::config::credential::{SecretFrom, required};
use crate::config::problem::At;
use crate::config::read::{Table, Value};
use crate::upstream::command::Arguments;

/// A command.
#[derive(Clone, Default)]
pub(crate) struct Command {
    pub(crate) program: Option<At<String>>,
    pub(crate) arguments: Option<Arguments>,
    /// Variables of its environment, by name.
    pub(crate) environment: Vec<(At<String>, VariableFrom)>,
    /// Variables whose values nobody may see.
    pub(crate) secrets: Vec<(At<String>, SecretFrom)>,
    pub(crate) directory: Option<At<String>>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_output: Option<usize>,
}

/// Where the value of a variable comes from.
#[derive(Clone)]
pub(crate) enum VariableFrom {
    Text(String),
    Env(At<String>),
}

impl Command {
    pub(super) fn read(table: &mut Table<'_>) -> Self {
        Self {
            program: table.string("program"),
            arguments: arguments(table),
            environment: variables(table, "env", |value| match value.as_str() {
                Some(text) => Some(VariableFrom::Text(text.to_owned())),
                None => value.env().map(VariableFrom::Env),
            }),
            secrets: variables(table, "secrets", |value| {
                value.table("{ env = \"NAME\" } or { file = \"key\" }", required)?
            }),
            directory: table.string("directory"),
            timeout: table.duration("timeout"),
            max_output: table.size("max_output"),
        }
    }

    /// What is said here, and for the rest what the preset says.
    fn over(self, preset: Self) -> Self {
        Self {
            program: self.program.or(preset.program),
            arguments: self.arguments.or(preset.arguments),
            environment: over(self.environment, preset.environment),
            secrets: over(self.secrets, preset.secrets),
            directory: self.directory.or(preset.directory),
            timeout: self.timeout.or(preset.timeout),
            max_output: self.max_output.or(preset.max_output),
        }
    }

    /// All commands of both, those of one name laid over each other.
    pub(super) fn all_over(
        mut said: Vec<(At<String>, Self)>,
        preset: Vec<(At<String>, Self)>,
    ) -> Vec<(At<String>, Self)> {
        for (name, known) in preset {
            match said.iter_mut().find(|(other, _)| other.value == name.value) {
                Some((_, command)) => *command = std::mem::take(command).over(known),
                None => said.push((name, known)),
            }
        }
        said
    }
}

/// Variables by name: those that are said, and those of the preset that are not.
fn over<T>(mut said: Vec<(At<String>, T)>, preset: Vec<(At<String>, T)>) -> Vec<(At<String>, T)> {
    let before = said.len();
    for (name, value) in preset {
        if said[..before].iter().all(|(other, _)| other.value != name.value) {
            said.push((name, value));
        }
    }
    said
}

fn arguments(table: &mut Table<'_>) -> Option<Arguments> {
    const EXPECTED: &str = "a string, or a list of strings that may be left out";
    let arguments = std::cell::RefCell::new(Arguments::default());
    let text = |value: Value<'_>| match value.as_str() {
        // An argument may be empty.
        Some(text) => Some(text.to_owned()),
        None => value.wrong("a string"),
    };
    table.list("args", "a list of arguments", |value| {
        let added = match value.as_str() {
            Some(argument) => arguments.borrow_mut().push(argument),
            None => {
                let group = value.list(EXPECTED, text)?;
                let group: Vec<&str> = group.value.iter().map(String::as_str).collect();
                arguments.borrow_mut().push_optional(&group)
            }
        };
        added.map_err(|why| value.problem(&why)).ok()
    })?;
    Some(arguments.into_inner())
}

/// Variables of an environment, as far as an environment can hold them.
fn variables<T>(
    table: &mut Table<'_>,
    key: &'static str,
    read: impl Fn(&Value<'_>) -> Option<T>,
) -> Vec<(At<String>, T)> {
    let all = table.named(key, |value| {
        let from = read(&value)?;
        Some((value, from))
    });
    let mut kept = Vec::new();
    for (name, (value, from)) in all {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.value.is_empty() || !name.value.chars().all(plain) {
            value.problem("is not a variable's name; expected letters, digits and `_`");
        } else if value.as_str().is_some_and(|text| text.contains('\0')) {
            value.problem("holds the character U+0000, which no variable can");
        } else {
            kept.push((name, from));
        }
    }
    kept
}
