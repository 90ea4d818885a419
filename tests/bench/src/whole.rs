//! The whole gateway, as a process between a client and an upstream that cost next to nothing.

use crate::gateway::{self, Ground, Served, Setup};
use crate::load::{Report, generate};
use crate::mock::Mock;
use crate::table::{Table, figure, median};
use anyhow::Result;

/// Requests a second at which the added time is measured.
const RATE: &str = "1000";
/// Connections at full load.
const CONNECTIONS: &str = "64";
/// Times that the added time is measured, and starts; the middle one counts.
const ROUNDS: usize = 3;
const STARTS: usize = 7;
/// Streams that are open at a time, chunks of each, and milliseconds between them: so many
/// chunks a stream that the requests hardly count. Paced, each chunk is read and written by
/// itself, as from an upstream that thinks; at full speed the kernel hands over many at once.
const STREAMS: &str = "200";
const PACED: (u32, u32) = (500, 20);
const FULL_SPEED: (u32, u32) = (2_000, 0);

/// What a server costs.
struct Cost {
    added_p50: f64,
    added_p99: f64,
    rate: f64,
    cpu: f64,
    passed: Option<Chunks>,
    translated: Option<Chunks>,
    first_answer: Option<f64>,
    idle: u64,
    loaded: u64,
}

/// CPU time of one chunk.
struct Chunks {
    paced: f64,
    full_speed: f64,
}

/// Measures all of it.
pub(crate) fn measure(seconds: u64) -> Result<Table> {
    let (mock, ground) = (Mock::start()?, Ground::new()?);
    let mut costs = vec![("portcullis", portcullis(&mock, &ground, seconds)?)];
    costs.push(("each in a fresh sandbox", fresh(&mock, &ground, seconds)?));
    let path = "/chat/v1/chat/completions";
    if let Some(server) = gateway::start_nginx(&ground, &mock.address, path)? {
        costs.push(("nginx", requests(&mock, &server, seconds)?));
    }
    let mut columns = vec!["whole process"];
    columns.extend(costs.iter().map(|(name, _)| *name));
    columns.push("target");
    let mut table = Table::new("Gateway", &columns);
    let mebibytes = |bytes: u64| Some(bytes as f64 / f64::from(1 << 20));
    let mut row = |name: &str, target: &str, of: &dyn Fn(&Cost) -> Option<f64>| {
        let cells = costs.iter().map(|(_, cost)| of(cost).map(figure).unwrap_or_default());
        let cells: Vec<String> = cells.collect();
        let mut row = vec![name];
        row.extend(cells.iter().map(String::as_str));
        row.push(target);
        table.row(&row);
    };
    row("added p50 at 1,000 requests/s, µs", "60", &|cost| Some(cost.added_p50));
    row("added p99 at 1,000 requests/s, µs", "200", &|cost| Some(cost.added_p99));
    row("most requests/s", "", &|cost| Some(cost.rate));
    row("CPU a request at full load, µs", "40", &|cost| Some(cost.cpu));
    let passed = |cost: &Cost, of: fn(&Chunks) -> f64| cost.passed.as_ref().map(of);
    let translated = |cost: &Cost, of: fn(&Chunks) -> f64| cost.translated.as_ref().map(of);
    row("CPU a chunk passed through, µs", "3", &|cost| passed(cost, |of| of.full_speed));
    row("… one a read, 10,000 a second", "", &|cost| passed(cost, |of| of.paced));
    row("CPU a chunk translated, µs", "", &|cost| translated(cost, |of| of.full_speed));
    row("… one a read, 10,000 a second", "", &|cost| translated(cost, |of| of.paced));
    row("start to first answer, warm cache, ms", "150", &|cost| cost.first_answer);
    row("resident when idle, MiB", "60", &|cost| mebibytes(cost.idle));
    row("resident after full load, MiB", "", &|cost| mebibytes(cost.loaded));
    table.remark(format!(
        "One policy over {} candidates and one provider, as they come (what they answer to the \
         same questions is remembered) and with `remember = false`, each in a fresh sandbox a \
         request; load and upstream on the same cores. Added: beside the same load without a gateway, median of \
         {ROUNDS} times {seconds} s. Full load: {CONNECTIONS} connections kept alive. Chunks: \
         {STREAMS} streams at a time, as fast as they go, and at one chunk each {} ms.",
        gateway::CANDIDATES,
        PACED.1
    ));
    Ok(table)
}

fn portcullis(mock: &Mock, ground: &Ground, seconds: u64) -> Result<Cost> {
    let chat = Setup { upstream: format!("{}/chat/v1", mock.address), ..Setup::default() };
    // The first start compiles; it is not counted.
    drop(gateway::start(ground, &chat)?);
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(gateway::start(ground, &chat)?.first_answer.as_secs_f64() * 1e3);
    }
    let mut cost = requests(mock, &gateway::start(ground, &chat)?, seconds)?;
    cost.first_answer = Some(median(starts));
    cost.passed = Some(streamed(mock, ground, false, seconds)?);
    cost.translated = Some(streamed(mock, ground, true, seconds)?);
    Ok(cost)
}

/// The gateway that remembers nothing.
fn fresh(mock: &Mock, ground: &Ground, seconds: u64) -> Result<Cost> {
    let upstream = format!("{}/chat/v1", mock.address);
    let setup = Setup { upstream, fresh: true, ..Setup::default() };
    requests(mock, &gateway::start(ground, &setup)?, seconds)
}

fn streamed(mock: &Mock, ground: &Ground, translated: bool, seconds: u64) -> Result<Chunks> {
    let measured = |(count, pace)| {
        let upstream = format!("{}/sse/{count}/{pace}/v1", mock.address);
        let setup = Setup { upstream, translated, streaming: true, ..Setup::default() };
        chunks(&gateway::start(ground, &setup)?, seconds)
    };
    Ok(Chunks { paced: measured(PACED)?, full_speed: measured(FULL_SPEED)? })
}

/// Time added to a request, then everything that it can bear.
fn requests(mock: &Mock, server: &Served, seconds: u64) -> Result<Cost> {
    let direct = format!("{}/chat/v1/chat/completions", mock.address);
    let time = seconds.to_string();
    let open = ["open", "--rate", RATE, "--seconds", &time];
    let warm = ["closed", "--connections", CONNECTIONS, "--seconds", "2"];
    let closed = ["closed", "--connections", CONNECTIONS, "--seconds", &time];
    generate(&server.url, false, &warm)?;
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let without = generate(&direct, false, &open)?;
        let with = generate(&server.url, false, &open)?;
        p50.push(with.p50 - without.p50);
        p99.push(with.p99 - without.p99);
    }
    let (report, cpu) = metered(server, || generate(&server.url, false, &closed))?;
    Ok(Cost {
        added_p50: median(p50),
        added_p99: median(p99),
        rate: report.requests as f64 / report.seconds,
        cpu: cpu / report.requests as f64,
        passed: None,
        translated: None,
        first_answer: None,
        idle: server.idle,
        loaded: server.running.resident()?,
    })
}

/// CPU time of a chunk in microseconds.
fn chunks(server: &Served, seconds: u64) -> Result<f64> {
    let time = seconds.to_string();
    let shape = ["closed", "--connections", STREAMS, "--seconds", &time];
    let (report, cpu) = metered(server, || generate(&server.url, true, &shape))?;
    Ok(cpu / report.events as f64)
}

/// The server's CPU time during a load, in microseconds.
pub(crate) fn metered(
    server: &Served,
    load: impl FnOnce() -> Result<Report>,
) -> Result<(Report, f64)> {
    let before = server.running.cpu()?;
    let report = load()?;
    let spent = server.running.cpu()? - before;
    Ok((report, spent.as_secs_f64() * 1e6))
}
