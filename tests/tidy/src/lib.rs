//! Holds the files of this repository to the rules of ARCHITECTURE.md and CONTRIBUTING.md.
//!
//! The compiler and clippy hold what they can; these tests hold what they cannot know: which
//! words a crate may use, which way the arrows point, that a link leads somewhere. Each reads
//! text and nothing else, so that they run where nothing else builds. A test fails with every
//! place at once, and with what to do about it.
#![cfg(test)]

mod files;

mod code;
mod documents;
mod floors;
mod shape;
mod words;

/// Fails if there are any problems, with all of them and what to do.
#[track_caller]
fn check(problems: &[String], what_to_do: &str) {
    assert!(problems.is_empty(), "\n{}\n\n{what_to_do}\n", problems.join("\n"));
}
