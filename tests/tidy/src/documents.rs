//! What documents say of the repository: their links lead somewhere, and the tests that they
//! name are there.

use crate::check;
use crate::files::{names, numbered, root, under};
use std::path::Path;

#[test]
fn links_lead_to_files() {
    let mut problems = Vec::new();
    for file in under("", ".md") {
        let folder = root().join(Path::new(&file.path).parent().unwrap_or(Path::new("")));
        let mut fenced = false;
        for (number, line) in numbered(&file.text) {
            fenced ^= line.trim_start().starts_with("```");
            for target in targets(line).filter(|_| !fenced) {
                if !folder.join(target).exists() {
                    problems.push(format!("{}:{number}: {target}", file.path));
                }
            }
        }
    }
    check(&problems, "Correct the link. Links are relative to the file that they stand in.");
}

/// The files that a line links to, without what follows `#`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .filter(|target| !target.starts_with("mailto:"))
}

/// An invariant is worth what holds it, and a test that was renamed holds nothing for a reader.
#[test]
fn tests_that_are_named_exist() {
    const DOCUMENT: &str = "ARCHITECTURE.md";
    let documents = under("", DOCUMENT);
    let code: Vec<String> =
        [".rs", ".py"].iter().flat_map(|ending| under("", ending)).map(|file| file.text).collect();
    let exists = |test: &str| {
        let definitions =
            [format!("fn {test}"), format!("def {test}"), format!("macro_rules! {test}")];
        let defines = |text: &&String| definitions.iter().any(|it| names(text, it));
        code.iter().find(defines).is_some()
    };
    let mut problems = Vec::new();
    for file in &documents {
        let mut within = false;
        for (number, line) in numbered(&file.text) {
            if line.starts_with("## ") {
                within = line == "## Invariants";
            }
            for test in quoted(line).filter(|_| within) {
                if !exists(test) {
                    problems.push(format!("{}:{number}: {test}", file.path));
                }
            }
        }
    }
    check(
        &problems,
        "Name the test that holds the invariant now; if none does, say so in its place.",
    );
}

/// What stands in backticks and could be the name of a test.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let quoted = line.split('`').skip(1).step_by(2);
    quoted.filter(move |text| text.chars().all(part) && !text.ends_with('_'))
}
