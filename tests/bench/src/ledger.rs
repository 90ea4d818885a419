//! What counting costs: the same gateway with a ledger in SQLite and limits, and without; and
//! whether what was counted is what was used, to the token.

use crate::gateway::{self, Ground, Setup};
use crate::load::generate;
use crate::mock::Mock;
use crate::process;
use crate::table::{Table, figure, median};
use crate::whole::metered;
use anyhow::{Result, ensure};
use portcullis_ledger::{Ledger, Location, Question, Sums};
use std::path::Path;
use std::time::{Duration, Instant};

const RATE: &str = "1000";
const CONNECTIONS: &str = "64";
/// Times that each load is repeated, with and without in turn; the middle one counts.
const ROUNDS: usize = 5;
/// What one answer of the mock uses.
const TOKENS: (i64, i64) = (42, 61);
/// Until the ledger has been told everything.
const PATIENCE: Duration = Duration::from_secs(120);
const MEBIBYTE: f64 = (1 << 20) as f64;

/// What one of the two costs, a round each.
#[derive(Default)]
struct Costs {
    p50: Vec<f64>,
    p99: Vec<f64>,
    rate: Vec<f64>,
    cpu: Vec<f64>,
}

/// Measures all of it.
pub(crate) fn measure(seconds: u64, requests: u64) -> Result<Table> {
    let mock = Mock::start()?;
    let time = seconds.to_string();
    let open = ["open", "--rate", RATE, "--seconds", &time];
    let closed = ["closed", "--connections", CONNECTIONS, "--seconds", &time];
    let (without, with) = (Ground::new()?, Ground::new()?);
    let setup = |counted| {
        let upstream = format!("{}/chat/v1", mock.address);
        Setup { upstream, counted, ..Setup::default() }
    };
    let served = [gateway::start(&without, &setup(false))?, gateway::start(&with, &setup(true))?];
    let mut costs = [Costs::default(), Costs::default()];
    for _ in 0..ROUNDS {
        for (server, costs) in served.iter().zip(&mut costs) {
            let paced = generate(&server.url, false, &open)?;
            let (full, cpu) = metered(server, || generate(&server.url, false, &closed))?;
            costs.p50.push(paced.p50);
            costs.p99.push(paced.p99);
            costs.rate.push(full.requests as f64 / full.seconds);
            costs.cpu.push(cpu / full.requests as f64);
        }
    }
    drop(served);
    let [without, with] = costs.map(|it| [it.p50, it.p99, it.rate, it.cpu].map(median));
    let mut table =
        Table::new("Ledger", &["whole process", "without", "with", "difference", "target"]);
    for (index, (name, target)) in [
        ("p50 at 1,000 requests/s, µs", ""),
        ("p99 at 1,000 requests/s, µs", "50"),
        ("most requests/s", "95 %"),
        ("CPU a request at full load, µs", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let (without, with) = (without[index], with[index]);
        let difference = match target.ends_with('%') {
            true => format!("{:.1} %", with / without * 100.0),
            false => figure(with - without),
        };
        table.row(&[name, &figure(without), &figure(with), &difference, target]);
    }
    let counted = count(&mock, requests)?;
    table.remark(format!(
        "Without and with a ledger in SQLite, four limits (money, tokens and requests of the \
         tenant, money at the provider) and an entry a request; load, upstream and both gateways \
         on the same cores; median of {ROUNDS} rounds of {seconds} s, in turn. {counted}"
    ));
    Ok(table)
}

/// Counts requests one by one: what stands in the ledger is what was asked and answered.
fn count(mock: &Mock, requests: u64) -> Result<String> {
    let ground = Ground::new()?;
    let upstream = format!("{}/chat/v1", mock.address);
    let setup = Setup { upstream, counted: true, ..Setup::default() };
    let server = gateway::start(&ground, &setup)?;
    let tenth = (requests / 10).to_string();
    let shape = ["count", "--connections", CONNECTIONS, "--requests", &tenth];
    let (mut answered, mut resident) = (0, Vec::new());
    let began = Instant::now();
    for _ in 0..10 {
        let report = generate(&server.url, false, &shape)?;
        ensure!(report.failed == 0, "{:?}", report.failure);
        answered += report.requests;
        resident.push(server.running.resident()? as f64 / MEBIBYTE);
    }
    let took = began.elapsed().as_secs_f64();
    // The first answer of all was asked for when the gateway was started.
    let expected = i64::try_from(answered)? + 1;
    let sums = told(&ground.path().join("ledger.db"), expected)?;
    let tokens = (sums.tokens_in, sums.tokens_out);
    let used = (expected * TOKENS.0, expected * TOKENS.1);
    let same = sums.requests == expected && tokens == used && sums.estimated == 0;
    let [first, last] = [resident.first(), resident.last()].map(|it| it.copied().unwrap_or(0.0));
    Ok(format!(
        "{answered} requests in {took:.0} s: {} entries of {expected}, {} and {} tokens of {} and \
         {}{}; resident after a tenth {first:.0} MiB, after all {last:.0} MiB.",
        sums.requests,
        tokens.0,
        tokens.1,
        used.0,
        used.1,
        if same { "" } else { " (NOT THE SAME)" },
    ))
}

/// All sums, as soon as there are so many requests in them.
fn told(file: &Path, requests: i64) -> Result<Sums> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let until = Instant::now() + PATIENCE;
    loop {
        let sums = runtime.block_on(async {
            let ledger = Ledger::open(&Location::Sqlite(file.to_owned())).await?;
            let question = Question { from: 0, to: i64::MAX / 4, ..Question::default() };
            let sums = ledger.usage(&question).await?;
            anyhow::Ok(sums.into_iter().next().unwrap_or_default())
        })?;
        if sums.requests >= requests || Instant::now() > until {
            return Ok(sums);
        }
        process::rest(Duration::from_millis(500));
    }
}
