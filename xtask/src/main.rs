//! `cargo xtask …`: what a fresh clone needs, in two commands.
//!
//! `demo` shows the main job, `test` runs every test; both do all their set-up and say what they
//! do. `build` makes the plugins alone, `languages` the guests of the tests that are not in Rust,
//! `clients` runs the tests with real clients alone, `bench` measures.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line speaks to a terminal"
)]

mod bench;
mod clients;
mod components;
mod languages;
mod llama;
mod packages;
mod postgres;
mod process;
mod servers;

use anyhow::{Context as _, Result, bail};
use clients::Clients;
use process::cargo;
use servers::Servers;
use std::fs;
use std::path::Path;

const USAGE: &str = "usage: cargo xtask <command>

  demo       set up what is missing, and show the main job
  test       set up what is missing, and run every test; with --all also those that have to
             compile llama.cpp first, which takes up to half an hour
  build      build the plugins, and the guests of the tests, to target/components
  languages  build the guests of the tests that are in Python and JavaScript
  clients    run the tests with real clients alone, on the programs that the tests built last;
             with --all all of them
  bench      measure; name groups to measure only those";

fn main() -> Result<()> {
    // Where cargo runs it from is the user's business; what it works on is this repository.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["demo"] => demo(&root),
        ["test"] => test(&root, false),
        ["test", "--all"] => test(&root, true),
        ["build"] => components::build(&root).and_then(|()| components::build_guests(&root)),
        ["languages"] => languages::build(&root),
        ["clients"] => run_clients(&root, &clients::prepare(&root, false)?),
        ["clients", "--all"] => run_clients(&root, &clients::prepare(&root, true)?),
        ["bench", ref names @ ..] => bench::run(&root, names),
        _ => bail!("{USAGE}"),
    }
}

/// A scripted upstream, the gateway in front of it, and a question through both.
fn demo(root: &Path) -> Result<()> {
    step("Plugins");
    components::build(root)?;
    step("Gateway and scripted upstream (a first build takes some minutes)");
    cargo(root, &["build", "--release", "-p", "portcullis", "-p", "portcullis-example-upstream"])?;
    let programs = root.join("target/release");
    let (upstream, line) = servers::upstream(&programs)?;
    let folder = root.join("target/demo");
    fs::create_dir_all(&folder)?;
    let file = folder.join("portcullis.toml");
    fs::write(&file, demo_configuration(&line)).context("the demo's configuration")?;
    let portcullis = programs.join("portcullis");
    let (gateway, address) = servers::gateway(&portcullis, &file, &[])?;

    step("A gateway on a scripted upstream");
    println!("{}", demo_configuration(&line));
    for (what, model) in [
        ("The default route, in a gateway that has just started", "auto"),
        ("The same again, warm", "auto"),
        (
            "A provider whose plugin translates each event, instead of passing bytes on",
            "translated/echo",
        ),
    ] {
        step(what);
        let question = "What is a portcullis?";
        println!("$ portcullis ask --server {address} --model {model} {question:?}\n");
        process::run(&portcullis, &["ask", "--server", &address, "--model", model, question])?;
    }
    drop((gateway, upstream));
    Ok(())
}

fn demo_configuration(upstream: &str) -> String {
    format!(
        r#"[server]
listen = "127.0.0.1:0"

[admin]
listen = "127.0.0.1:0"

[log]
format = "json"

[providers.house]
plugin = "openai"
base_url = "{upstream}/v1"
models = ["error-503", "echo-30ms"]

[providers.translated]
plugin = "openai"
base_url = "{upstream}/v1"
models = ["echo"]
settings = {{ passthrough = false }}

[routes.default]                # the first candidate is overloaded: the second answers
candidates = ["house/error-503", "house/echo-30ms"]
"#
    )
}

/// Everything that can be tested on this machine.
fn test(root: &Path, all: bool) -> Result<()> {
    // What only a person can install is asked for before anything takes its time.
    packages::check()?;
    postgres::prepare()?;
    if all {
        llama::check()?;
    }
    step("Plugins, and guests that misbehave");
    components::build(root)?;
    components::build_guests(root)?;
    step("Guests in other languages");
    languages::build(root)?;
    step("Packages of clients");
    let clients = clients::prepare(root, all)?;
    step("Rust tests");
    // The guests are programs for the sandbox; there is nothing to run of them outside.
    cargo(root, &["test", "--workspace", "--exclude", "portcullis-test-guests"])?;
    step("Client tests");
    run_clients(root, &clients)
}

/// The tests of the command line have both programs built. Building them by themselves would
/// compile everything once more: without the tests, some dependencies have other features.
fn run_clients(root: &Path, clients: &Clients) -> Result<()> {
    let servers = Servers::start(root, clients)?;
    clients::run(clients, &servers)
}

fn step(what: &str) {
    println!("\n== {what}");
}
