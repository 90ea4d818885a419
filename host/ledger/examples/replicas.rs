//! Prints what leases do at a thousand replicas that spend one budget at a million requests a
//! second: see `docs/leases.md`.
#![allow(clippy::print_stdout, reason = "tables are what this program is for")]

use portcullis_ledger::model::{Assumptions, Count, Outcome, run};

const LARGE: Assumptions = Assumptions {
    replicas: 1_000,
    rate: 1_000_000.0,
    skew: 0.0,
    killed: 0,
    budget: 5_000_000,
    takes: 200,
    round_trip: 5,
};

fn main() {
    println!("Assumed: {LARGE:?}\n");
    print("as many requests at each", LARGE);
    print("by Zipf's law", Assumptions { skew: 1.0, ..LARGE });
    print("as many at each, and 10 replicas die at half", Assumptions { killed: 10, ..LARGE });
}

fn print(name: &str, assumed: Assumptions) {
    let outcome = run(&assumed);
    println!("### Requests: {name}\n");
    println!(
        "| spent | s | exchanges/s | of them asks/s | exchanges a 100 requests | waited | stranded | \
         refused too early | given up |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    rows(&outcome);
    let Outcome { overshoot, left, with_the_dead, .. } = outcome;
    let dead = with_the_dead * 100.0;
    println!("\nOvershoot: {overshoot}. Left: {left:.2} requests. With the dead: {dead:.3} %.\n");
}

fn rows(outcome: &Outcome) {
    let (mut before, mut since) = (Count::default(), 0);
    for (at, stage) in outcome.stages.iter().enumerate() {
        let name = match outcome.stages.len() - at {
            1 => "after the end".to_owned(),
            2 => "the last one".to_owned(),
            _ => format!("{:.1} %", stage.share * 100.0),
        };
        let count = stage.count;
        let seconds = ((stage.at - since) as f64 / 1_000.0).max(0.001);
        let asked = ((count.asked - before.asked) as f64).max(1.0);
        let exchanges = (count.exchanges - before.exchanges) as f64;
        println!(
            "| {name} | {seconds:.2} | {:.0} | {:.0} | {:.2} | {:.2} % | {:.4} % | {:.2} % | {} |",
            exchanges / seconds,
            (count.asks - before.asks) as f64 / seconds,
            exchanges * 100.0 / asked,
            (count.waited - before.waited) as f64 * 100.0 / asked,
            stage.stranded * 100.0,
            (count.refused_falsely - before.refused_falsely) as f64 * 100.0 / asked,
            count.unavailable - before.unavailable,
        );
        (before, since) = (count, stage.at);
    }
}
