//! Real processes that are killed by SIGKILL, over a database whose server falls and whose
//! connections are cut: of a budget of so many requests exactly so many are served.

use super::{account, claim, entries, limit, usage};
use crate::account::Measure;
use crate::journal::{Bounds, Journal};
use crate::purse::{Denied, Purse, WhenAway};
use crate::store::values;
use crate::usage::Usage;
use crate::{Ledger, Location};
use portcullis_test_postgres::Postgres;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

const STORE: &str = "PORTCULLIS_TEST_STORE";
const FOLDER: &str = "PORTCULLIS_TEST_FOLDER";
const EACH: i64 = 3;
/// What they may serve together.
const REQUESTS: i64 = 1_000;
const CLIENTS: usize = 8;
/// A pipe holds a few dozen lines of this length: whoever is not read from does not run ahead.
const LINE: usize = 1_500;

fn budget() -> Arc<crate::Limit> {
    limit(Measure::Nanodollars, "k", EACH * REQUESTS + EACH - 1)
}

/// Is the process that is killed: eight clients ask until nothing is left.
#[test]
fn clients_that_are_killed() {
    let (Ok(store), Some(folder)) = (std::env::var(STORE), std::env::var_os(FOLDER)) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (journal, _) = Journal::open(Path::new(&folder), Bounds::default()).unwrap();
        // Its server may be down when a process starts.
        let location = Location::parse(&store).unwrap();
        let ledger = loop {
            if let Ok(ledger) = Ledger::open(&location).await {
                break ledger;
            }
            tokio::task::yield_now().await;
        };
        let clock = Arc::new(crate::clock::now);
        let purse = ledger.purse(journal, WhenAway::Refuse, clock).unwrap();
        let running = tokio::spawn(purse.clone().run(|_| {}));
        let clients: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(client(purse.clone()))).collect();
        for client in clients {
            client.await.unwrap();
        }
        running.abort();
        let _ = running.await;
        while purse.leave().await.is_err() {
            tokio::task::yield_now().await;
        }
    });
}

async fn client(purse: Arc<Purse>) {
    let claims = [claim(&budget(), EACH)];
    loop {
        let name = uuid::Uuid::now_v7().to_string();
        match purse.reserve(&claims, usage(&name, 0)).await {
            Ok(reservation) => {
                tokio::task::yield_now().await;
                reservation.close(&usage(&name, EACH), |_| EACH).unwrap();
                // Who is not read from waits here, and keeps no transaction waiting.
                let tell =
                    move || writeln!(std::io::stdout().lock(), "served {name} {:>LINE$}", "");
                tokio::task::spawn_blocking(tell).await.unwrap().unwrap();
            }
            Err(Denied::Unavailable) => {
                // A round finds out when the store is back.
                let _ = purse.tick().await;
            }
            Err(Denied::Spent(_)) => return,
            Err(Denied::Journal(why)) => panic!("{why}"),
        }
    }
}

/// A process with its journal, over its deaths.
struct Process {
    store: String,
    folder: TempDir,
    running: Option<(Child, BufReader<ChildStdout>)>,
    /// What it told somebody that it had served.
    served: Vec<String>,
}

impl Process {
    fn start(&mut self) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "purse::tests::killed::clients_that_are_killed", "--nocapture"])
            .env(STORE, &self.store)
            .env(FOLDER, self.folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        self.running = Some((child, output));
    }

    /// Reads so many lines; `false` where there are no more.
    fn listen(&mut self, lines: usize) -> bool {
        let Some((_, output)) = &mut self.running else { return false };
        for _ in 0..lines {
            let mut line = String::new();
            if output.read_line(&mut line).unwrap() == 0 {
                return false;
            }
            // The harness's own words may stand before it; what was torn has no end.
            if line.ends_with(" \n")
                && let Some((_, rest)) = line.split_once("served ")
            {
                self.served.push(rest.trim().to_owned());
            }
        }
        true
    }

    /// Ends it, by SIGKILL or because it is done, and hears what it had said by then.
    fn end(&mut self, kill: bool) {
        if kill && let Some((child, _)) = &mut self.running {
            child.kill().unwrap();
        }
        while self.listen(1) {}
        if let Some((mut child, _)) = self.running.take() {
            let ended = child.wait().unwrap();
            assert!(kill || ended.success(), "{ended}");
        }
    }
}

fn run(seed: u64, store: &str, server: Option<&Postgres>) {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut processes: Vec<Process> = (0..2)
        .map(|_| Process {
            store: store.to_owned(),
            folder: TempDir::new().unwrap(),
            running: None,
            served: Vec::new(),
        })
        .collect();
    processes.iter_mut().for_each(Process::start);
    for _ in 0..8 {
        for process in &mut processes {
            process.listen(chance.random_range(0..40));
        }
        match (server, chance.random_range(0..6)) {
            (Some(server), 0) => {
                server.kill().unwrap();
                server.restart().unwrap();
            }
            (Some(server), 1) => {
                const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                                   WHERE datname LIKE 'test%'";
                server.tell("postgres", CUT).unwrap();
            }
            _ => {
                let process = &mut processes[chance.random_range(0..2)];
                process.end(true);
                process.start();
            }
        }
    }
    std::thread::scope(|scope| {
        for process in &mut processes {
            scope.spawn(|| process.end(false));
        }
    });
    let served = processes.iter().flat_map(|process| process.served.clone()).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(check(seed, store, served));
}

async fn check(seed: u64, store: &str, served: Vec<String>) {
    let ledger = Ledger::open(&Location::parse(store).unwrap()).await.unwrap();
    let spent = account(&ledger, &budget()).await;
    assert_eq!(spent, (EACH * REQUESTS, 0), "seed {seed}");
    let (finished, unknown) =
        (entries(&ledger, "finished").await, entries(&ledger, Usage::UNKNOWN).await);
    assert_eq!(finished + unknown, REQUESTS, "seed {seed}: {finished} and {unknown}");
    const NAMES: &str = "SELECT request FROM usage_entry WHERE ended = 'finished'";
    let rows = ledger.store.read(NAMES, values![]).await.unwrap();
    let found: HashSet<String> = rows.iter().map(|row| row.get(0).unwrap()).collect();
    assert_eq!(i64::try_from(found.len()).unwrap(), finished, "seed {seed}: some came twice");
    for name in &served {
        assert!(found.contains(name), "seed {seed}: {name} was acknowledged and is lost");
    }
    assert!(served.len() as i64 <= finished, "seed {seed}");
    println!("seed {seed}: {finished} served, {unknown} unknown, {} told", served.len());
}

#[test]
fn a_budget_serves_exactly_what_it_is_for_whoever_is_killed_on_sqlite() {
    for seed in 0..3 {
        let folder = TempDir::new().unwrap();
        run(seed, &format!("sqlite:{}", folder.path().join("ledger.db").display()), None);
    }
}

#[test]
fn a_budget_serves_exactly_what_it_is_for_whoever_is_killed_on_postgres() {
    let server = Postgres::start().unwrap();
    for seed in 0..3 {
        run(seed, &server.database().unwrap(), Some(&server));
    }
}
