//! What documents say of the repository: their links lead somewhere.

use crate::check;
use crate::files::{numbered, root, under};
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
