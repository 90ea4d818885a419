//! Asks a server for answers: as many as it can give, at a fixed rate, or as streams that stay.
//!
//! One thread, so that it takes as little as possible of a machine that it shares with what it
//! measures. At a fixed rate the time of an answer counts from when the request was to be sent:
//! a server that stalls is charged for everybody who would have come in the meantime.

mod pace;
mod target;

use crate::process::Running;
use anyhow::{Context as _, Result, ensure};
use hdrhistogram::Histogram;
use pace::Pace;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use target::{Connection, End, Target};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{JoinSet, LocalSet, spawn_local};

pub(crate) use target::body;

/// Connections that are opened at the same time while streams are built up.
const RAMP: usize = 64;
/// Connections that are there from the start at a fixed rate; a request that finds none free
/// waits, and its waiting counts.
const READY: usize = 64;

#[derive(clap::Args)]
pub(crate) struct Load {
    /// The address to ask.
    #[arg(long)]
    url: String,
    /// Ask for a stream.
    #[arg(long)]
    stream: bool,
    /// Look at what the answers say: all stamps in one have to be the same.
    #[arg(long)]
    stamped: bool,
    /// Give each request a name of its own, and count the streams that end in an error.
    #[arg(long, conflicts_with = "stamped")]
    named: bool,
    /// Show this key with each request.
    #[arg(long)]
    key: Option<String>,
    /// Expect that nobody knows it.
    #[arg(long, requires = "key")]
    unknown: bool,
    #[command(subcommand)]
    shape: Shape,
}

#[derive(clap::Subcommand)]
enum Shape {
    /// Each connection asks again as soon as it was answered.
    Closed {
        #[arg(long)]
        connections: usize,
        #[arg(long)]
        seconds: u64,
    },
    /// So many requests, each connection asking again as soon as it was answered.
    Count {
        #[arg(long)]
        connections: usize,
        #[arg(long)]
        requests: u64,
    },
    /// So many requests a second, whatever becomes of them.
    Open {
        #[arg(long)]
        rate: u64,
        #[arg(long)]
        seconds: u64,
    },
    /// So many streams, open until standard input ends.
    Streams {
        #[arg(long)]
        count: usize,
    },
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Answers that were read to their end.
    pub(crate) requests: u64,
    /// Requests that failed, and the first one's reason.
    pub(crate) failed: u64,
    pub(crate) failure: Option<String>,
    /// Server-sent events, also of streams that were not read to their end.
    pub(crate) events: u64,
    /// Streams that are open.
    pub(crate) open: u64,
    /// Streams that ended in an error, where that is looked at.
    pub(crate) broken: u64,
    /// How long it took.
    pub(crate) seconds: f64,
    /// Microseconds until an answer's end.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// What is counted while it runs.
struct Tally {
    requests: Cell<u64>,
    failed: Cell<u64>,
    failure: RefCell<Option<String>>,
    events: Cell<u64>,
    open: Cell<u64>,
    broken: Cell<u64>,
    /// In nanoseconds.
    times: RefCell<Histogram<u64>>,
}

impl Tally {
    fn new() -> Result<Rc<Self>> {
        let times = RefCell::new(Histogram::new_with_bounds(1, 60_000_000_000, 3)?);
        let (requests, failed, failure) = (Cell::default(), Cell::default(), RefCell::default());
        let (events, open, broken) = (Cell::default(), Cell::default(), Cell::default());
        Ok(Rc::new(Self { requests, failed, failure, events, open, broken, times }))
    }

    fn answered(&self, since: Instant) {
        self.requests.set(self.requests.get() + 1);
        let nanoseconds = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.times.borrow_mut().saturating_record(nanoseconds);
    }

    fn failed(&self, why: &anyhow::Error) {
        self.failed.set(self.failed.get() + 1);
        self.failure.borrow_mut().get_or_insert_with(|| format!("{why:#}"));
    }

    fn report(&self, began: Instant) -> Report {
        let times = self.times.borrow();
        let at = |quantile| times.value_at_quantile(quantile) as f64 / 1e3;
        Report {
            requests: self.requests.get(),
            failed: self.failed.get(),
            failure: self.failure.borrow().clone(),
            events: self.events.get(),
            open: self.open.get(),
            broken: self.broken.get(),
            seconds: began.elapsed().as_secs_f64(),
            p50: at(0.5),
            p99: at(0.99),
        }
    }
}

/// Runs as asked, and prints the report.
pub(crate) fn run(load: &Load) -> Result<()> {
    let target = Rc::new(Target::new(load)?);
    let tally = Tally::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    let began = Instant::now();
    runtime.block_on(local.run_until(async {
        match load.shape {
            Shape::Closed { connections, seconds } => {
                for _ in 0..connections {
                    let endless = Rc::new(Cell::new(u64::MAX));
                    spawn_local(ask_on(target.clone(), tally.clone(), endless));
                }
                tokio::time::sleep(Duration::from_secs(seconds)).await;
            }
            Shape::Count { connections, requests } => {
                let left = Rc::new(Cell::new(requests));
                let mut asking = JoinSet::new();
                for _ in 0..connections {
                    asking.spawn_local(ask_on(target.clone(), tally.clone(), left.clone()));
                }
                asking.join_all().await;
            }
            Shape::Open { rate, seconds } => {
                at_a_rate(&target, &tally, rate, rate * seconds).await?;
            }
            Shape::Streams { count } => hold(&target, &tally, count, began).await?,
        }
        print(&tally.report(began))
    }))
}

fn print(report: &Report) -> Result<()> {
    println!("{}", serde_json::to_string(report)?);
    Ok(())
}

/// Asks on one connection, again and again, as long as there is anything left to ask.
async fn ask_on(target: Rc<Target>, tally: Rc<Tally>, left: Rc<Cell<u64>>) {
    while left.get() > 0 {
        let asked = async {
            let mut connection = target.connect().await?;
            while let Some(fewer) = left.get().checked_sub(1) {
                left.set(fewer);
                let began = Instant::now();
                connection.ask(&target).await?.count(&tally.events).await?;
                tally.answered(began);
            }
            Ok(())
        };
        let failed: Result<()> = asked.await;
        if let Err(why) = failed {
            tally.failed(&why);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Asks at a fixed rate, so many times.
async fn at_a_rate(target: &Rc<Target>, tally: &Rc<Tally>, rate: u64, times: u64) -> Result<()> {
    let mut ready = Vec::new();
    for _ in 0..READY {
        ready.push(target.connect().await?);
    }
    let ready = Rc::new(RefCell::new(ready));
    let free = Rc::new(Semaphore::new(READY));
    let mut asked = JoinSet::new();
    let mut pace = Pace::new(Duration::from_secs(1) / u32::try_from(rate)?)?;
    for _ in 0..times {
        let intended = pace.next().await?;
        let (target, tally) = (target.clone(), tally.clone());
        let (ready, free) = (ready.clone(), free.clone());
        asked.spawn_local(async move {
            let answered = async {
                let _place = free.acquire().await?;
                // One that waited for long may have been closed meanwhile.
                ready.borrow_mut().retain(Connection::is_open);
                let connection = ready.borrow_mut().pop();
                let mut connection = match connection {
                    Some(connection) => connection,
                    None => target.connect().await?,
                };
                let end = connection.ask(&target).await?.count(&tally.events).await?;
                if end == End::Broken {
                    tally.broken.set(tally.broken.get() + 1);
                }
                tally.answered(intended);
                ready.borrow_mut().push(connection);
                Ok(())
            };
            answered.await.unwrap_or_else(|why: anyhow::Error| tally.failed(&why));
        });
        // What is over is not kept.
        while asked.try_join_next().is_some() {}
    }
    asked.join_all().await;
    Ok(())
}

/// Opens streams, reports, and keeps them until standard input ends.
async fn hold(target: &Rc<Target>, tally: &Rc<Tally>, count: usize, began: Instant) -> Result<()> {
    let ramp = Arc::new(Semaphore::new(RAMP));
    for _ in 0..count {
        let place = ramp.clone().acquire_owned().await?;
        let (target, tally) = (target.clone(), tally.clone());
        spawn_local(async move {
            let streamed = async {
                let mut connection = target.connect().await?;
                let mut answer = connection.ask(&target).await?;
                answer.first().await?;
                drop(place);
                tally.open.set(tally.open.get() + 1);
                let ended = answer.count(&tally.events).await;
                tally.open.set(tally.open.get() - 1);
                ended.map(|_| ()).context("a stream that was to stay open")
            };
            streamed.await.unwrap_or_else(|why: anyhow::Error| tally.failed(&why));
        });
    }
    let _all = ramp.acquire_many(u32::try_from(RAMP)?).await?;
    print(&tally.report(began))?;
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = ended.send(());
    });
    Ok(end.await?)
}

/// Runs a load in a process of its own, to its end.
pub(crate) fn generate(url: &str, stream: bool, shape: &[&str]) -> Result<Report> {
    let report = counted(url, stream, shape)?;
    // A few at the end of a run are no news; more would make the figures worthless.
    ensure!(
        report.failed * 1_000 <= report.requests.max(report.events),
        "{} requests failed and {} did not; the first: {}",
        report.failed,
        report.requests,
        report.failure.unwrap_or_default()
    );
    Ok(report)
}

/// The same, however many fail.
pub(crate) fn counted(url: &str, stream: bool, shape: &[&str]) -> Result<Report> {
    let output = command(url, stream, shape)?.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the load ended with {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn command(url: &str, stream: bool, shape: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["load", "--url", url]).args(stream.then_some("--stream")).args(shape);
    Ok(command)
}

/// Streams that a process of its own holds open.
pub(crate) struct Held {
    /// When all were open.
    pub(crate) report: Report,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    _running: Running,
}

impl Held {
    pub(crate) fn open(url: &str, count: u64) -> Result<Self> {
        let count = count.to_string();
        let mut command = command(url, true, &["streams", "--count", &count])?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = Running::start(&mut command)?;
        let stdout = running.0.stdout.take().context("the load's output")?;
        let mut stdout = BufReader::new(stdout);
        let stdin = running.0.stdin.take();
        let report = read(&mut stdout)?;
        Ok(Self { report, stdin, stdout, _running: running })
    }

    /// Closes them; says how many were still open.
    pub(crate) fn close(mut self) -> Result<Report> {
        drop(self.stdin.take());
        read(&mut self.stdout)
    }
}

fn read(stdout: &mut BufReader<ChildStdout>) -> Result<Report> {
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    serde_json::from_str(&line).context("the load's report")
}
