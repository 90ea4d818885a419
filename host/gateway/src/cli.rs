//! The command line.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it speaks to a terminal")]

mod ask;
mod compare_cost;
mod explain;
mod import;
mod keys;
mod log;
mod models;
mod plugins;
mod running;
mod tenants;
mod usage;

use crate::audit;
use crate::config::{self, Config, Environment};
use crate::watch::Watch;
use crate::{load, serve};
use anyhow::{Context as _, Result, anyhow};
use clap::{Parser, Subcommand};
use portcullis_ledger::Location;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

/// The command that compiles one component, for a gateway that runs.
pub const COMPILE: &str = "compile-component";

/// The file that is read where none is named and it exists.
const FILE: &str = "portcullis.toml";

/// An AI gateway whose providers and routing policies are sandboxed WebAssembly components.
#[derive(Parser)]
#[command(name = "portcullis", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve clients. Without a configuration, with what the environment offers.
    Serve {
        #[command(flatten)]
        from: From,
    },
    /// Say everything that is wrong with a configuration, or what would run.
    Check {
        #[command(flatten)]
        from: From,
    },
    /// Ask one question; the answer goes to standard output, where it went to standard error.
    Ask(ask::Question),
    /// Say where a request would go and why, without asking anybody.
    Explain(explain::Question),
    /// List models: how much each takes, what it costs and can.
    Models(models::Which),
    /// Say what a request would cost at each candidate, and who is the cheapest.
    CompareCost(compare_cost::Question),
    /// Say what was used and spent, by anything over any time, in a gateway that runs.
    Usage(Box<usage::Question>),
    /// Make a file of models of somebody else's list, or a configuration of somebody else's.
    Import(import::Import),
    /// See and change which versions of policies serve, in a gateway that runs.
    Policies(plugins::Command),
    /// See and change which versions of providers' plugins serve, in a gateway that runs.
    Providers(plugins::Command),
    /// See and change whom a gateway that runs serves: tenants and those that are part of them.
    Tenants(tenants::Command),
    /// See, make and end the keys by which a gateway that runs serves.
    Keys(keys::Command),
    /// See what operators did, to tenants, keys, plugins and the configuration.
    Audit(tenants::Audit),
    /// Compile one component from standard input to standard output.
    #[command(hide = true, name = COMPILE)]
    Compile {
        /// Bytes of a guest's call stack.
        stack: usize,
    },
}

#[derive(clap::Args)]
struct From {
    /// The configuration [default: portcullis.toml, if it exists].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve { from } => run_serve(&from),
        Command::Check { from } => run_check(&from),
        Command::Ask(question) => ask::run(&question),
        Command::Explain(question) => explain::run(&question),
        Command::Models(which) => models::run(&which),
        Command::CompareCost(question) => compare_cost::run(&question),
        Command::Usage(question) => usage::run(&question),
        Command::Import(import) => import::run(&import),
        Command::Policies(command) => plugins::run("policies", &command),
        Command::Providers(command) => plugins::run("providers", &command),
        Command::Tenants(command) => tenants::run(&command),
        Command::Keys(command) => keys::run(&command),
        Command::Audit(audit) => tenants::audit(&audit),
        Command::Compile { stack } => compile(stack),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The configuration that was named, that lies here, or that the environment offers.
fn configuration(file: Option<&Path>) -> Result<Config> {
    let environment = Environment::of_process();
    let here = Path::new(FILE);
    let read = match file {
        Some(file) => config::load(file, &environment),
        None if here.exists() => config::load(here, &environment),
        None => Config::from_environment(&environment),
    };
    let mut config = read.map_err(|problems| anyhow!("{problems} Nothing was started."))?;
    config.plugins.compiler = Some(this_program()?);
    Ok(config)
}

/// The program that runs, whatever lies at its path by now.
fn this_program() -> Result<PathBuf> {
    let itself = Path::new("/proc/self/exe");
    if itself.exists() {
        return Ok(itself.to_owned());
    }
    std::env::current_exe().context("this program cannot be found")
}

/// What a gateway starts beside itself: a compiler that takes nothing down with it.
fn compile(stack: usize) -> Result<ExitCode> {
    let settings = portcullis_sandbox::Settings { stack, ..Default::default() };
    portcullis_sandbox::compile(&settings, std::io::stdin().lock(), std::io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

fn runtime(config: &Config) -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if let Some(workers) = config.server.workers {
        builder.worker_threads(workers);
    }
    builder.enable_all().build().context("the runtime does not start")
}

fn run_serve(from: &From) -> Result<ExitCode> {
    let config = configuration(from.config.as_deref())?;
    let _flushed = log::start(&config.log);
    eprint!("{}", config.describe());
    runtime(&config)?.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut watch = Watch::of(&config);
        let running = serve::start(config).await?;
        loop {
            let reason = tokio::select! {
                _ = terminate.recv() => break,
                interrupted = tokio::signal::ctrl_c() => break interrupted?,
                _ = hang_up.recv() => "SIGHUP",
                () = watch.changed() => "a file changed",
            };
            // What came of it stands in the log; what was wrong has changed nothing.
            let environment = Environment::of_process();
            if running.reloader.reload(&environment, audit::HOST, reason).await.is_ok() {
                watch.follow(&running.gateway.deployment().config);
            }
        }
        running.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Loads everything that `serve` would, so that what it finds good does start.
fn run_check(from: &From) -> Result<ExitCode> {
    let mut config = configuration(from.config.as_deref())?;
    let table = config.describe();
    // A ledger that is not there yet is made by `serve`, and one that others use at this moment is
    // brought up to date by it: to look changes nothing. Its journal is the one's that serves.
    config.ledger.at.take_if(|at| !matches!(at, Location::Sqlite(file) if file.exists()));
    config.ledger.journal = None;
    let gateway = runtime(&config)?.block_on(load::gateway(config))?.gateway;
    print!("{table}");
    for provider in &gateway.deployment().providers {
        let name = &provider.configured.name;
        for (command, why) in provider.commands.missing() {
            eprintln!("warning: [providers.{name}.commands.{command}] {why}");
        }
    }
    Ok(ExitCode::SUCCESS)
}
