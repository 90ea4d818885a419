//! `cargo xtask …`: what a fresh clone needs, in two commands.
//!
//! `demo` shows the main job, `test` runs every test. Both do their own set-up; `build` builds
//! the plugins alone.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line speaks to a terminal"
)]

mod components;

use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;

fn main() -> Result<()> {
    // Where cargo runs it from is the user's business; what it works on is this repository.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()?;
    match std::env::args().nth(1).as_deref() {
        Some("demo") => run("cargo", &["run", "--release", "--package", "portcullis"]),
        Some("test") => run("cargo", &["test", "--workspace"]),
        Some("build") => {
            components::build(&root)?;
            components::build_guests(&root)
        }
        _ => bail!("usage: cargo xtask <demo | test | build>"),
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    println!("$ {program} {}", arguments.join(" "));
    let status = Command::new(program).args(arguments).status()?;
    if !status.success() {
        bail!("{program} ended with {status}");
    }
    Ok(())
}
