//! What a flood of wrong keys costs those who have one.
//!
//! Whoever sends the flood has its own cost on a machine that all of them share. So the same flood
//! is also sent to the mock, which answers it, and the gateway has nothing of it: what is beyond
//! that is the gateway's.

use crate::gateway::{self, Ground, KEY, Setup};
use crate::load::{Report, generate};
use crate::mock::Mock;
use crate::table::{Table, figure, median};
use anyhow::{Result, anyhow};
use std::thread;

/// Requests a second of the tenant, and of the strangers; and for how many seconds: 100,000 keys.
const RATE: &str = "1000";
const FLOOD: &str = "5000";
const SECONDS: &str = "20";
/// Times that each is measured, in turn; the middle one counts.
const ROUNDS: usize = 5;

/// Measures all of it.
pub(crate) fn measure() -> Result<Table> {
    let (mock, ground) = (Mock::start()?, Ground::new()?);
    let upstream = format!("{}/chat/v1", mock.address);
    let setup = Setup { upstream: upstream.clone(), keyed: true, ..Setup::default() };
    let served = gateway::start(&ground, &setup)?;
    let tenant = ["--key", KEY, "open", "--rate", RATE, "--seconds", SECONDS];
    let wrong = ["--key", "pk-of-nobody", "--unknown", "open", "--rate", FLOOD];
    let here = [&wrong[..], &["--seconds", SECONDS]].concat();
    let elsewhere = ["open", "--rate", FLOOD, "--seconds", SECONDS];
    let beside = |url: &str, flood: &[&str]| -> Result<Report> {
        thread::scope(|scope| {
            let flooding = scope.spawn(|| generate(url, false, flood));
            let report = generate(&served.url, false, &tenant)?;
            flooding.join().map_err(|_| anyhow!("the flood ended badly"))??;
            Ok(report)
        })
    };
    let mut reports: [Vec<Report>; 3] = Default::default();
    for _ in 0..ROUNDS {
        reports[0].push(generate(&served.url, false, &tenant)?);
        reports[1].push(beside(&format!("{upstream}/chat/completions"), &elsewhere)?);
        reports[2].push(beside(&served.url, &here)?);
    }
    let columns =
        ["a tenant's requests", "no flood", "elsewhere", "here", "here / elsewhere", "target"];
    let mut table = Table::new("A flood of wrong keys", &columns);
    for (name, of, target) in [
        ("p50 at 1,000 requests/s, µs", (|it| it.p50) as fn(&Report) -> f64, ""),
        ("p99 at 1,000 requests/s, µs", |it| it.p99, "1.10×"),
    ] {
        let [none, elsewhere, here] =
            reports.each_ref().map(|reports| median(reports.iter().map(of).collect()));
        let ratio = format!("{:.2}×", here / elsewhere);
        table.row(&[name, &figure(none), &figure(elsewhere), &figure(here), &ratio, target]);
    }
    table.remark(format!(
        "100,000 wrong keys at {FLOOD} a second, beside a tenant's requests, at the gateway; and \
         the same number of requests at the upstream instead, to tell what the flood costs from \
         what it takes to send and answer one on the same cores. Median of {ROUNDS} rounds of \
         {SECONDS} s, in turn."
    ));
    Ok(table)
}
