//! The arguments of a command: what the operator wrote, with holes in it, and what a plugin may
//! put into them.
//!
//! A hole is `{name}`, a part of one argument; `{{` and `}}` are braces. What goes into a hole
//! stays in its argument, whatever it is: no shell reads it, and nothing splits it. An argument
//! that begins with a hole must not come to begin with `-`, since programs take such arguments
//! for options; `--model={model}` takes any model.
//!
//! A list within the list (`["--effort={effort}"]`) stands for arguments that are left out
//! unless the plugin fills all of their holes.

use crate::upstream::failure::{Denied, shown};

/// The arguments of one command.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Arguments(Vec<Group>);

/// Arguments that are there together, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    optional: bool,
    arguments: Vec<Vec<Part>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Hole(String),
}

impl Arguments {
    /// Adds one argument that is always there.
    ///
    /// # Errors
    ///
    /// What is wrong with its holes.
    pub fn push(&mut self, argument: &str) -> Result<(), String> {
        let arguments = vec![parts(argument)?];
        self.0.push(Group { optional: false, arguments });
        Ok(())
    }

    /// Adds arguments that are there if their holes are filled.
    ///
    /// # Errors
    ///
    /// What is wrong with their holes, or that there are none.
    pub fn push_optional(&mut self, arguments: &[&str]) -> Result<(), String> {
        let arguments = arguments.iter().map(|it| parts(it)).collect::<Result<Vec<_>, _>>()?;
        if !arguments.iter().flatten().any(|part| matches!(part, Part::Hole(_))) {
            return Err("is a list without a hole, and would always be there".to_owned());
        }
        self.0.push(Group { optional: true, arguments });
        Ok(())
    }

    /// The arguments, with a plugin's parameters of the command in their holes.
    ///
    /// # Errors
    ///
    /// What the plugin may not say.
    pub fn filled(
        &self,
        command: &str,
        parameters: &[(String, String)],
    ) -> Result<Vec<String>, Denied> {
        for (index, (name, value)) in parameters.iter().enumerate() {
            let why = match value {
                _ if !self.holes().any(|hole| hole == name) => "has no hole to go into",
                _ if parameters[..index].iter().any(|(other, _)| other == name) => "is said twice",
                value if value.contains('\0') => "holds the character U+0000",
                _ => continue,
            };
            return Err(denied(command, name, why));
        }
        let value = |hole: &str| {
            let found = parameters.iter().find(|(name, _)| name == hole);
            found.map(|(_, value)| value.as_str())
        };
        let mut filled = Vec::new();
        for group in &self.0 {
            let missing = group.holes().find(|hole| value(hole).is_none());
            match missing {
                Some(_) if group.optional => {}
                Some(hole) => return Err(denied(command, hole, "is missing")),
                None => {
                    for argument in &group.arguments {
                        filled.push(whole(command, argument, &value)?);
                    }
                }
            }
        }
        Ok(filled)
    }

    fn holes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(Group::holes)
    }
}

impl Group {
    fn holes(&self) -> impl Iterator<Item = &str> {
        self.arguments.iter().flatten().filter_map(|part| match part {
            Part::Hole(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }
}

/// One argument. All of its holes are filled.
fn whole<'v>(
    command: &str,
    argument: &[Part],
    value: &impl Fn(&str) -> Option<&'v str>,
) -> Result<String, Denied> {
    let mut text = String::new();
    for part in argument {
        text.push_str(match part {
            Part::Text(text) => text,
            Part::Hole(name) => value(name).unwrap_or_default(),
        });
    }
    match argument.first() {
        Some(Part::Hole(name)) if text.starts_with('-') => {
            Err(denied(command, name, "begins with `-`, as options of the program do"))
        }
        _ => Ok(text),
    }
}

fn denied(command: &str, hole: &str, why: &'static str) -> Denied {
    Denied::Hole { command: command.to_owned(), hole: shown(hole), why }
}

/// The parts of an argument as it is written.
fn parts(argument: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = argument;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let (brace, behind) = (&rest[at..=at], &rest[at + 1..]);
        if let Some(behind) = behind.strip_prefix(brace) {
            text.push_str(brace);
            rest = behind;
            continue;
        }
        let hole = behind.split_once('}').filter(|(name, _)| brace == "{" && is_name(name));
        let (name, behind) = hole.ok_or_else(|| {
            "has a brace that is no hole; expected such as {model}, or {{ and }} for braces"
                .to_owned()
        })?;
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        parts.push(Part::Hole(name.to_owned()));
        rest = behind;
    }
    text.push_str(rest);
    if text.contains('\0') {
        return Err("holds the character U+0000".to_owned());
    }
    if !text.is_empty() || parts.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(parts)
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments() -> Arguments {
        let mut arguments = Arguments::default();
        for argument in ["-p", "--model={model}", "{file}", "a{file}-{model}", "{{\"a\":1}}", ""] {
            arguments.push(argument).unwrap();
        }
        arguments.push_optional(&["--effort", "{effort}"]).unwrap();
        arguments
    }

    fn filled(parameters: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let parameters: Vec<_> = parameters.iter().map(owned).collect();
        arguments().filled("chat", &parameters).map_err(|denied| denied.to_string())
    }

    #[test]
    fn what_goes_into_a_hole_stays_in_its_argument() {
        for value in ["m", "", "a b", "a\nb", "'; rm -rf / #", "$(id)", "`id`", "--x --y", "{file}"]
        {
            let expected = [
                "-p".to_owned(),
                format!("--model={value}"),
                "f".to_owned(),
                format!("af-{value}"),
                "{\"a\":1}".to_owned(),
                String::new(),
            ];
            assert_eq!(filled(&[("model", value), ("file", "f")]).unwrap(), expected);
        }
        let more = filled(&[("model", "m"), ("file", "f"), ("effort", "low")]).unwrap();
        assert_eq!(more[6..], ["--effort", "low"]);
    }

    #[test]
    fn what_could_be_more_than_a_parameter_is_denied() {
        let (m, f) = (("model", "m"), ("file", "f"));
        for (parameters, why) in [
            (&[m][..], "`file` of the command `chat` is missing"),
            (&[m, f, ("other", "x")], "`other` of the command `chat` has no hole to go into"),
            (&[m, f, ("", "x")], "has no hole"),
            (&[m, f, m], "`model` of the command `chat` is said twice"),
            (&[m, ("file", "a\0b")], "holds the character U+0000"),
            (&[m, ("file", "-rf")], "begins with `-`"),
            (&[m, ("file", "--dangerously-skip-permissions")], "begins with `-`"),
            (&[m, f, ("effort", "-x")], "begins with `-`"),
        ] {
            let said = filled(parameters).unwrap_err();
            assert!(said.contains(why), "{parameters:?}: {said}");
        }
    }

    #[test]
    fn what_is_no_hole_is_said_before_anything_runs() {
        for wrong in ["{", "}", "{}", "{a b}", "{model", "model}", "{a{b}}", "a\0b"] {
            assert!(Arguments::default().push(wrong).is_err(), "{wrong:?}");
        }
        assert!(Arguments::default().push_optional(&["--verbose"]).is_err());
    }
}
