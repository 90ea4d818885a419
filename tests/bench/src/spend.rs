//! Whether money is spent twice, lost or not counted: two gateways on one PostgreSQL, eight
//! clients, a budget of so many requests' worth, and a gremlin that kills whoever it likes.
//!
//! A request costs its output alone, and may have no more than the mock says: what it reserves is
//! what it uses, so that exactly so many requests fit. One that was under way when its gateway was
//! killed counts as spent at its reservation, and is marked as unknown.

use crate::gateway::{self, Ground, Starting};
use crate::mock::Mock;
use crate::table::Table;
use anyhow::{Context as _, Result, bail, ensure};
use portcullis_test_postgres::Postgres;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

/// Requests that the budget is worth.
const FITS: u64 = 1_000;
const CLIENTS: usize = 8;
/// Tokens of output of the mock's answer, and what a million of them cost: a request costs
/// 61,000 billionths of a dollar.
const TOKENS: u64 = 61;
const COST: u64 = TOKENS * 1_000;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long all of it may take.
const LONGEST: Duration = Duration::from_secs(180);

/// What came of all runs.
#[derive(Default)]
struct Sums {
    acknowledged: u64,
    unknown: u64,
    overspent: u64,
    unspent: u64,
    lost: u64,
    twice: u64,
    kills: u64,
    restarts: u64,
    cuts: u64,
}

/// Measures all of it.
pub(crate) fn measure(runs: u64) -> Result<Table> {
    let server = Postgres::start()?;
    let mock = Mock::start()?;
    let mut sums = Sums::default();
    let began = Instant::now();
    for seed in 0..runs {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = Run::new(&server, &mock, seed)?;
        let local = LocalSet::new();
        runtime
            .block_on(local.run_until(run.run(&mut sums)))
            .with_context(|| format!("run {seed}"))?;
    }
    let mut table = Table::new("Money under failures", &["over all runs", "", "target"]);
    for (name, count, target) in [
        ("requests that clients were told of", sums.acknowledged, ""),
        ("requests that a killed gateway had under way", sums.unknown, ""),
        ("overspent, requests' worth", sums.overspent, "0"),
        ("never spent, requests' worth", sums.unspent, ""),
        ("acknowledged requests without an entry", sums.lost, "0"),
        ("requests with two entries", sums.twice, "0"),
        ("gateways killed (SIGKILL)", sums.kills, ""),
        ("restarts of PostgreSQL", sums.restarts, ""),
        ("cuts of all connections to it", sums.cuts, ""),
    ] {
        table.row(&[name, &count.to_string(), target]);
    }
    table.remark(format!(
        "{runs} runs in {:.0} s, each of two gateway processes on one PostgreSQL, {CLIENTS} clients \
         and a budget of {FITS} requests' worth.",
        began.elapsed().as_secs_f64()
    ));
    Ok(table)
}

/// One run.
struct Run<'a> {
    server: &'a Postgres,
    database: String,
    gateways: [Gateway; 2],
    random: StdRng,
}

/// A gateway that is killed and comes back.
struct Gateway {
    ground: Ground,
    clients: SocketAddr,
    admin: SocketAddr,
    running: Option<Starting>,
}

/// What clients saw.
#[derive(Default)]
struct Seen {
    acknowledged: RefCell<HashSet<String>>,
    asked: Cell<u64>,
    over: Cell<bool>,
}

impl Gateway {
    fn new(upstream: &str, url: &str) -> Result<Self> {
        let ground = Ground::new()?;
        let [clients, admin] = [gateway::free_address()?, gateway::free_address()?];
        let folder = ground.path().display();
        let budget = FITS * COST;
        let text = format!(
            "[server]\nlisten = \"{clients}\"\n[admin]\nlisten = \"{admin}\"\n\
             [log]\nformat = \"json\"\n[plugins]\ncache = \"{folder}/cache\"\n\
             [ledger]\nurl = \"{url}\"\njournal = \"{folder}/used\"\n\
             [providers.mock]\nplugin = \"openai\"\nbase_url = \"{upstream}\"\n\
             models = [{{ id = \"m0\", input_price = 0, output_price = 1 }}]\n\
             [limits.all]\ntenant = \"*\"\nusd = {}\nper = \"total\"\n",
            budget as f64 * 1e-9,
        );
        std::fs::write(ground.path().join("portcullis.toml"), text)?;
        Ok(Self { ground, clients, admin, running: None })
    }

    /// Starts it, and waits until it serves. One that finds no database ends, and is started
    /// again, as whoever looks after it would.
    async fn start(&mut self) -> Result<()> {
        let mut starting = gateway::begin(&self.ground)?;
        let until = Instant::now() + PATIENCE * 6;
        while TcpStream::connect(self.admin).await.is_err() {
            if let Err(why) = starting.check() {
                ensure!(Instant::now() < until, "it does not serve: {why}\n{}", self.log());
                sleep(Duration::from_millis(100)).await;
                starting = gateway::begin(&self.ground)?;
            }
            ensure!(Instant::now() < until, "it does not serve:\n{}", self.log());
            sleep(Duration::from_millis(5)).await;
        }
        self.running = Some(starting);
        Ok(())
    }

    /// The end of what it said.
    fn log(&self) -> String {
        let said = std::fs::read_to_string(self.ground.path().join("server.log"));
        let said = said.unwrap_or_default();
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        last.join("\n")
    }
}

impl<'a> Run<'a> {
    fn new(server: &'a Postgres, mock: &Mock, seed: u64) -> Result<Self> {
        let url = server.database()?;
        let database = url.rsplit('/').next().unwrap_or_default().to_owned();
        let upstream = format!("{}/chat/v1", mock.address);
        let gateways = [Gateway::new(&upstream, &url)?, Gateway::new(&upstream, &url)?];
        Ok(Self { server, database, gateways, random: StdRng::seed_from_u64(seed) })
    }

    async fn run(mut self, sums: &mut Sums) -> Result<()> {
        for gateway in &mut self.gateways {
            gateway.start().await?;
        }
        let seen = Rc::new(Seen::default());
        let addresses = self.gateways.each_ref().map(|gateway| gateway.clients);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let random = StdRng::seed_from_u64(self.random.random());
                spawn_local(ask_on(addresses, client, seen.clone(), random))
            })
            .collect();
        let until = Instant::now() + LONGEST;
        // Trouble while there is money, then nothing until all of it is found again.
        loop {
            let quiet = self.random.random_range(20..150);
            let from = seen.asked.get();
            while seen.asked.get() < from + quiet {
                ensure!(Instant::now() < until, "it takes too long");
                sleep(Duration::from_millis(1)).await;
            }
            if self.count("TRUE")? >= FITS * 9 / 10 {
                break;
            }
            self.trouble(sums).await?;
        }
        while self.count("TRUE")? < FITS && Instant::now() < until {
            sleep(Duration::from_millis(50)).await;
        }
        // Whoever still could be served would be, in this time.
        sleep(Duration::from_millis(500)).await;
        seen.over.set(true);
        for client in clients {
            client.await?;
        }
        for gateway in &mut self.gateways {
            gateway.running.take().context("it does not run")?.stop()?;
        }
        self.judge(&seen, sums)
    }

    async fn trouble(&mut self, sums: &mut Sums) -> Result<()> {
        // What was looked up before this kept the clients from asking: nothing is under way.
        sleep(Duration::from_millis(self.random.random_range(2..40))).await;
        match self.random.random_range(0..4) {
            0 => {
                sums.restarts += 1;
                self.server.kill()?;
                sleep(Duration::from_millis(self.random.random_range(0..400))).await;
                self.server.restart()?;
            }
            1 => {
                sums.cuts += 1;
                let sql = format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE datname = '{}'",
                    self.database
                );
                self.server.tell("postgres", &sql)?;
            }
            _ => {
                sums.kills += 1;
                let gateway = &mut self.gateways[self.random.random_range(0..2)];
                drop(gateway.running.take());
                sleep(Duration::from_millis(self.random.random_range(0..200))).await;
                gateway.start().await?;
            }
        }
        Ok(())
    }

    /// How many entries of requests that cost something are so.
    fn count(&self, so: &str) -> Result<u64> {
        self.number(&format!("SELECT count(*) FROM usage_entry WHERE nanodollars > 0 AND {so}"))
    }

    fn number(&self, sql: &str) -> Result<u64> {
        let said = self.server.tell(&self.database, sql)?;
        said.parse().with_context(|| format!("{sql}: {said}"))
    }

    fn judge(&self, seen: &Seen, sums: &mut Sums) -> Result<()> {
        let acknowledged = seen.acknowledged.borrow();
        let said = self.server.tell(
            &self.database,
            "SELECT request FROM usage_entry WHERE nanodollars > 0 ORDER BY request",
        )?;
        let entered: Vec<&str> = said.lines().collect();
        let each: HashSet<&str> = entered.iter().copied().collect();
        let spent = self.number("SELECT coalesce(sum(nanodollars), 0)::bigint FROM usage_entry")?;
        let settled =
            self.number("SELECT coalesce(sum(settled + leased), 0)::bigint FROM account_window")?;
        ensure!(settled == spent, "{settled} is settled or held, and {spent} was spent");
        ensure!(spent % COST == 0, "{spent} is no number of requests");
        sums.acknowledged += acknowledged.len() as u64;
        sums.unknown += self.count("ended = 'unknown'")?;
        sums.overspent += (spent / COST).saturating_sub(FITS);
        sums.unspent += FITS.saturating_sub(spent / COST);
        sums.twice += (entered.len() - each.len()) as u64;
        sums.lost += acknowledged.iter().filter(|id| !each.contains(id.as_str())).count() as u64;
        Ok(())
    }
}

/// Asks again and again, whoever is there.
async fn ask_on(addresses: [SocketAddr; 2], client: usize, seen: Rc<Seen>, mut random: StdRng) {
    let mut number = 0;
    while !seen.over.get() {
        number += 1;
        let id = format!("{client}-{number}");
        let address = addresses[random.random_range(0..2)];
        match timeout(PATIENCE, ask(address, &id)).await {
            Ok(Ok(200)) => {
                seen.acknowledged.borrow_mut().insert(id);
            }
            // Refused, or nobody is there at the moment.
            _ => sleep(Duration::from_millis(2)).await,
        }
        seen.asked.set(seen.asked.get() + 1);
    }
}

/// One request; the status of an answer of which all came.
async fn ask(address: SocketAddr, id: &str) -> Result<u16> {
    let body = format!(
        "{{\"model\":\"mock/m0\",\"max_tokens\":{TOKENS},\
         \"messages\":[{{\"role\":\"user\",\"content\":\"What is a portcullis?\"}}]}}"
    );
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/json\r\nx-request-id: {id}\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all([head, body].concat().as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8(answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no head came")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    if length != Some(body.len()) {
        bail!("it broke off");
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.context("there is no status")
}
