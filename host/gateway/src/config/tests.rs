//! A configuration goes in, problems or a resolved configuration come out. The tests of what is
//! refused lie in `refused`, of what is accepted in `accepted`.

mod accepted;
mod commands;
mod limits;
mod operation;
mod own;
mod refused;
mod tenants;

use std::path::Path;

use super::{Config, Environment, Problems};

/// Resolves a text as if it stood in `portcullis.toml`, with three variables set.
fn resolve(text: &str) -> Result<Config, Problems> {
    let variables = [("HOUSE_KEY", "sesame"), ("SITE", "https://acme.example"), ("BROKEN", "a\nb")];
    let environment = Environment::from_iter(variables);
    super::parse("portcullis.toml", text, Path::new("portcullis.toml"), &environment)
}

/// What a text behind these lines amounts to.
#[track_caller]
fn good_behind(lines: &str, text: &str) -> Config {
    let text = format!("{lines}{text}");
    resolve(&text).unwrap_or_else(|problems| panic!("{text}\n{problems}"))
}

/// The problems of a text behind these lines, which count.
#[track_caller]
fn refused_behind(lines: &str, text: &str, expected: &[&str]) {
    let problems = resolve(&format!("{lines}{text}")).expect_err("it is refused").to_string();
    let mut found: Vec<&str> = problems.lines().collect();
    found.pop();
    let expected: Vec<String> =
        expected.iter().map(|problem| format!("portcullis.toml:{problem}")).collect();
    assert_eq!(found, expected, "{text}");
}
