//! `cargo xtask …`: what a fresh clone needs, in two commands.
//!
//! `demo` shows the main job, `test` runs every test. Both do their own set-up.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks to a terminal")]

use anyhow::{Result, bail};
use std::process::Command;

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("demo") => run("cargo", &["run", "--release", "--package", "portcullis"]),
        Some("test") => run("cargo", &["test", "--workspace"]),
        _ => bail!("usage: cargo xtask <demo | test>"),
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
