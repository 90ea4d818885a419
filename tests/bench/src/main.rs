//! What the gateway costs: prints Markdown tables, and asserts nothing.
//!
//! `run` is the whole of it. `mock` and `load` are the two ends between which the gateway is
//! measured; `run` starts them as processes of their own, so that the CPU time of each is its own.
#![allow(clippy::print_stdout, reason = "tables and reports are what this program is for")]

mod ask;
mod chaos;
mod gateway;
mod ledger;
mod load;
mod machine;
mod mock;
mod process;
mod providers;
mod rounds;
mod sandbox;
mod spend;
mod strangers;
mod streams;
mod swaps;
mod table;
mod whole;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};

/// The gateway's allocator: what runs in this process is to cost what it costs there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure, and print tables.
    Run {
        /// What to measure [default: everything].
        groups: Vec<Group>,
        /// How long each load lasts.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// How many requests are counted one by one.
        #[arg(long, default_value_t = 1_000_000)]
        requests: u64,
        /// How often the gremlin has its way.
        #[arg(long, default_value_t = 50)]
        runs: u64,
    },
    /// An upstream that costs little: says where it listens, ends with its standard input.
    Mock,
    /// Ask a server for answers, and print what came of it as JSON.
    Load(load::Load),
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// Plugins in this process, beside native code.
    Sandbox,
    /// What each bundled provider adds where it translates.
    Providers,
    /// The gateway as a process, under load.
    Load,
    /// The gateway with a ledger, beside one without; and whether it counts.
    Ledger,
    /// Two gateways on one PostgreSQL that are killed at random: whether money is spent twice, lost
    /// or not counted.
    Spend,
    /// A flood of wrong keys beside a tenant's requests.
    Strangers,
    /// The memory of ten thousand open streams.
    Streams,
    /// Plugins that are swapped under load.
    Swaps,
    /// Upstreams that fall ill, most of them at a time.
    Chaos,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    process::raise_limit();
    match arguments.command {
        Command::Mock => mock::run(),
        Command::Load(load) => load::run(&load),
        Command::Run { groups, seconds, requests, runs } => {
            let wanted = |group| groups.is_empty() || groups.contains(&group);
            println!("{}\n", machine::describe());
            if wanted(Group::Sandbox) {
                println!("{}", sandbox::measure()?);
            }
            if wanted(Group::Providers) {
                println!("{}", providers::measure()?);
            }
            if wanted(Group::Load) {
                println!("{}", whole::measure(seconds.max(1))?);
            }
            if wanted(Group::Ledger) {
                println!("{}", ledger::measure(seconds.max(1), requests.max(1_000))?);
            }
            if wanted(Group::Spend) {
                println!("{}", spend::measure(runs)?);
            }
            if wanted(Group::Strangers) {
                println!("{}", strangers::measure()?);
            }
            if wanted(Group::Streams) {
                println!("{}", streams::measure()?);
            }
            if wanted(Group::Swaps) {
                println!("{}", swaps::measure(seconds.max(1) * 6)?);
            }
            if wanted(Group::Chaos) {
                println!("{}", chaos::measure(seconds.max(1) * 6)?);
            }
            Ok(())
        }
    }
}
