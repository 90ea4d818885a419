//! How a file looks: it says what it is, it lies where it is looked for, and it can be read in
//! one go.

use crate::check;
use crate::files::{rust, under};
use std::collections::BTreeMap;

/// Lines of the longest file, without its tests.
const LONGEST: usize = 500;
/// Lines of code of a provider: neither blank nor comments, and without its tests. (A policy may
/// hold a language of its own, as `rules` does.)
const LARGEST: usize = 500;

#[test]
fn every_file_says_what_it_is() {
    let silent = rust().into_iter().filter(|file| !file.text.starts_with("//!"));
    let problems: Vec<String> = silent.map(|file| format!("{}:1", file.path)).collect();
    check(
        &problems,
        "Begin the file with `//!` and a sentence or two: what it is, and why it exists.",
    );
}

#[test]
fn modules_lie_beside_their_folder() {
    let old = rust().into_iter().filter(|file| file.path.ends_with("/mod.rs"));
    let problems: Vec<String> = old.map(|file| format!("{}:1", file.path)).collect();
    check(
        &problems,
        "Call it by the name of its folder, beside the folder: a row of tabs that all say \
         mod.rs says nothing.",
    );
}

#[test]
fn no_provider_is_too_large() {
    let mut lines = BTreeMap::<String, usize>::new();
    for file in under("plugins/providers", ".rs").iter().filter(|file| !file.is_tests()) {
        let code = file.without_tests().lines().map(str::trim_start);
        let code = code.filter(|line| !line.is_empty() && !line.starts_with("//")).count();
        let plugin = file.path.split("/src/").next().unwrap_or_default().to_owned();
        *lines.entry(plugin).or_default() += code;
    }
    let large = lines.into_iter().filter(|(_, lines)| *lines > LARGEST);
    let problems: Vec<String> =
        large.map(|(plugin, lines)| format!("{plugin}: it has {lines} lines of code")).collect();
    check(
        &problems,
        "What every provider needs belongs into the SDK (sdk/rust), once: see what its `prelude` \
         has before you write it again. What only this vendor needs, and need not be code, belongs \
         into plugin.toml as a setting with a default.",
    );
}

#[test]
fn no_file_is_too_long() {
    let mut problems = Vec::new();
    for file in rust().iter().filter(|file| !file.is_tests()) {
        let lines = file.without_tests().lines().count();
        if lines > LONGEST {
            problems.push(format!("{}:{LONGEST}: it has {lines} lines", file.path));
        }
    }
    check(
        &problems,
        "Split it where it has two ideas: `foo.rs` keeps the first, `foo/bar.rs` gets the second.",
    );
}
