//! A store that fails at every step, that does what was asked and never says so, and processes
//! that die meanwhile. Chance decides, by seeds that a failure names.

use super::{Hands, account, claim, entries, limit, purse_in, remains, usage};
use crate::Ledger;
use crate::account::{Limit, Measure};
use crate::journal::{Bounds, Journal};
use crate::purse::{Denied, Purse, Reservation, WhenAway};
use crate::store::tests::on_both_homes;
use crate::store::{Listener, Long, Pending, Row, Store, StoreError, Transaction, Value};
use crate::usage::Usage;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Breaks connections, as chance has it.
#[derive(Clone, Debug)]
struct Wire {
    store: Arc<dyn Store>,
    chance: Arc<Mutex<StdRng>>,
    /// One of so many calls breaks; none where it is 0.
    breaks: Arc<Mutex<u32>>,
}

fn cut() -> StoreError {
    StoreError::Away(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()))
}

impl Wire {
    fn over(ledger: &Ledger, seed: u64, breaks: u32) -> Self {
        let chance = Arc::new(Mutex::new(StdRng::seed_from_u64(seed)));
        Self { store: ledger.store.clone(), chance, breaks: Arc::new(Mutex::new(breaks)) }
    }

    fn breaks(&self) -> bool {
        let breaks = *self.breaks.lock().unwrap();
        breaks > 0 && self.chance.lock().unwrap().random_range(0..breaks) == 0
    }
}

impl Store for Wire {
    fn begin(&self) -> Pending<'_, Box<dyn Transaction>> {
        Box::pin(async move {
            if self.breaks() {
                return Err(cut());
            }
            let begun = self.store.begin().await?;
            Ok(Box::new(OverWire { begun, wire: self.clone() }) as Box<dyn Transaction>)
        })
    }

    fn read(&self, sql: &'static str, values: Vec<Value>) -> Pending<'_, Vec<Row>> {
        self.store.read(sql, values)
    }

    fn listen(&self) -> Pending<'_, Box<dyn Listener>> {
        self.store.listen()
    }
}

struct OverWire {
    begun: Box<dyn Transaction>,
    wire: Wire,
}

impl Transaction for OverWire {
    fn lock<'a>(&'a mut self, name: &'a str) -> Pending<'a, ()> {
        self.begun.lock(name)
    }

    fn run(&mut self, sql: &'static str, values: Vec<Value>) -> Pending<'_, Vec<Row>> {
        Box::pin(async move {
            if self.wire.breaks() {
                return Err(cut());
            }
            self.begun.run(sql, values).await
        })
    }

    fn run_long(&mut self, sql: &'static Long, values: Vec<Value>) -> Pending<'_, Vec<Row>> {
        Box::pin(async move {
            if self.wire.breaks() {
                return Err(cut());
            }
            self.begun.run_long(sql, values).await
        })
    }

    fn announce(&mut self) -> Pending<'_, ()> {
        self.begun.announce()
    }

    fn commit(self: Box<Self>) -> Pending<'static, ()> {
        Box::pin(async move {
            if self.wire.breaks() {
                return Err(cut());
            }
            self.begun.commit().await?;
            // It was done, and nobody hears of it.
            if self.wire.breaks() { Err(cut()) } else { Ok(()) }
        })
    }
}

struct Process {
    ledger: Ledger,
    folder: TempDir,
    purse: Arc<Purse>,
    under_way: Vec<(Reservation, String)>,
}

const EACH: i64 = 5;

/// What was served and closed, and so has to be found.
#[derive(Default)]
struct Count {
    closed: i64,
    spent: i64,
    unknown: i64,
    unknown_spent: i64,
}

async fn run(seed: u64, ledger: &Ledger, wires: &[Wire; 2], most: i64, exact: bool) {
    let mut chance = StdRng::seed_from_u64(seed);
    let hands = Hands::new();
    let limits: [Arc<Limit>; 2] =
        ["a", "b"].map(|name| limit(Measure::Nanodollars, &format!("{seed} {name}"), most));
    let claims = limits.each_ref().map(|limit| claim(limit, EACH));
    let mut processes: Vec<Process> = wires
        .iter()
        .map(|wire| {
            let ledger = Ledger::over(wire.clone());
            let folder = TempDir::new().unwrap();
            let purse = purse_in(&ledger, folder.path(), &hands);
            Process { ledger, folder, purse, under_way: Vec::new() }
        })
        .collect();
    let mut count = Count::default();
    // Those that died are kept: a purse that is dropped would close what it has open.
    let mut dead = Vec::new();
    for step in 0..300 {
        hands.forward(chance.random_range(0..400));
        let at = chance.random_range(0..2);
        let process = &mut processes[at];
        match chance.random_range(0..40) {
            0..=19 => {
                let about = usage(&format!("{seed} {step}"), 0);
                match process.purse.reserve(&claims, about).await {
                    Ok(reserved) => process.under_way.push((reserved, format!("{step}"))),
                    Err(Denied::Spent(_) | Denied::Unavailable) => {}
                    Err(Denied::Journal(why)) => panic!("seed {seed}: {why}"),
                }
            }
            20..=31 if !process.under_way.is_empty() => {
                let which = chance.random_range(0..process.under_way.len());
                let (reservation, name) = process.under_way.swap_remove(which);
                let spent = if exact { EACH } else { chance.random_range(0..=EACH) };
                reservation.close(&usage(&name, spent), |_| spent).unwrap();
                count.closed += 1;
                count.spent += spent;
            }
            32 => {
                // It dies at this moment, and comes back with what it left.
                let folder = remains(process.folder.path());
                let purse = purse_in(&process.ledger, folder.path(), &hands);
                let open = i64::try_from(process.under_way.len()).unwrap();
                assert_eq!(purse.unknown(), open as u64, "seed {seed}");
                count.unknown += open;
                count.unknown_spent += open * EACH;
                let ledger = process.ledger.clone();
                let new = Process { ledger, folder, purse, under_way: Vec::new() };
                dead.push(std::mem::replace(process, new));
            }
            _ => drop(process.purse.tick().await),
        }
        for limit in &limits {
            let (settled, leased) = account(ledger, limit).await;
            assert!(settled + leased <= most, "seed {seed}: {settled} + {leased}");
        }
    }
    // The wires hold. Whatever is left is spent to the last, by the one or the other.
    wires.iter().for_each(|wire| *wire.breaks.lock().unwrap() = 0);
    for process in &mut processes {
        for (reservation, name) in process.under_way.drain(..) {
            reservation.close(&usage(&name, EACH), |_| EACH).unwrap();
            count.closed += 1;
            count.spent += EACH;
        }
        process.purse.tick().await.unwrap();
    }
    // What was not to be had is asked for again in the end.
    hands.forward(6_000);
    for process in &processes {
        loop {
            match process.purse.reserve(&claims, Usage::default()).await {
                Ok(reserved) => {
                    reserved.close(&usage("rest", EACH), |_| EACH).unwrap();
                    count.closed += 1;
                    count.spent += EACH;
                }
                Err(Denied::Spent(_)) => break,
                Err(other) => panic!("seed {seed}: {other}"),
            }
        }
        process.purse.leave().await.unwrap();
    }
    let spent = count.spent + count.unknown_spent;
    for limit in &limits {
        assert_eq!(account(ledger, limit).await, (spent, 0), "seed {seed}");
    }
    assert!(spent <= most && most - spent < EACH, "seed {seed}: {spent} of {most}");
    assert_eq!(entries(ledger, "finished").await, count.closed, "seed {seed}");
    assert_eq!(entries(ledger, Usage::UNKNOWN).await, count.unknown, "seed {seed}");
    // The dead may not write what they have open into journals that live on as copies.
    std::mem::forget(dead);
}

async fn on_all(seeds: std::ops::Range<u64>, breaks: u32) {
    for seed in seeds {
        on_both_homes(async |home| {
            let ledger = home.open().await;
            let wires = [0, 1].map(|own| Wire::over(&ledger, seed * 2 + own, breaks));
            run(seed, &ledger, &wires, 400, seed % 2 == 0).await;
        })
        .await;
    }
}

#[tokio::test]
async fn while_the_store_is_away_what_is_held_is_served_and_nothing_more() {
    on_both_homes(async |home| {
        let hands = Hands::new();
        let store = home.open().await;
        let wire = Wire::over(&store, 0, 0);
        let folder = TempDir::new().unwrap();
        let purse = purse_in(&Ledger::over(wire.clone()), folder.path(), &hands);
        let limit = limit(Measure::Nanodollars, "k", 1_000);
        let claims = [claim(&limit, 10)];
        drop(purse.reserve(&claims, usage("", 0)).await.unwrap());
        *wire.breaks.lock().unwrap() = 1;
        let mut served = 0;
        let denied = loop {
            match purse.reserve(&claims, usage("", 10)).await {
                Ok(reservation) => reservation.close(&usage("", 10), |_| 10).unwrap(),
                Err(denied) => break denied,
            }
            served += 1;
        };
        assert!(matches!(denied, Denied::Unavailable), "{denied}");
        assert!((20..=50).contains(&served), "{served}");
        assert!(purse.is_away() && purse.tick().await.is_err());
        *wire.breaks.lock().unwrap() = 0;
        assert_eq!(purse.tick().await.unwrap().told, served + 1);
        assert!(!purse.is_away());
        let rest = [claim(&limit, 1_000 - 10 * served as i64)];
        drop(purse.reserve(&rest, usage("", 0)).await.unwrap());
        purse.leave().await.unwrap();
        assert_eq!(account(&store, &limit).await, (10 * served as i64, 0));
    })
    .await;
}

#[tokio::test]
async fn who_would_rather_be_over_than_out_serves_and_settles_later() {
    on_both_homes(async |home| {
        let hands = Hands::new();
        let store = home.open().await;
        let wire = Wire::over(&store, 0, 1);
        let folder = TempDir::new().unwrap();
        let (journal, _) = Journal::open(folder.path(), Bounds::default()).unwrap();
        let ledger = Ledger::over(wire.clone());
        let purse = ledger.purse(journal, WhenAway::Serve, hands.clock()).unwrap();
        let limit = limit(Measure::Nanodollars, "k", 100);
        let claims = [claim(&limit, 60)];
        let early = purse.reserve(&claims, usage("", 60)).await.unwrap();
        early.close(&usage("", 60), |_| 60).unwrap();
        let late = purse.reserve(&claims, usage("", 60)).await.unwrap();
        assert_eq!(purse.served_beyond(), 2);
        *wire.breaks.lock().unwrap() = 0;
        purse.tick().await.unwrap();
        // The limit counts again, and what was served beyond it is in it.
        assert!(matches!(purse.reserve(&claims, usage("", 0)).await, Err(Denied::Spent(_))));
        late.close(&usage("", 60), |_| 60).unwrap();
        purse.tick().await.unwrap();
        purse.leave().await.unwrap();
        assert_eq!(account(&store, &limit).await, (120, 0));
    })
    .await;
}

#[tokio::test]
async fn whatever_breaks_and_whoever_dies_what_is_spent_is_what_was_served() {
    on_all(0..6, 40).await;
}

#[tokio::test]
async fn a_store_that_is_hardly_ever_there_loses_nothing() {
    on_all(6..10, 8).await;
}
