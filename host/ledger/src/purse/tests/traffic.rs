//! How much the store hears of a thousand requests a second: the clock is stopped, and everything
//! that is written is counted.

use super::{Hands, claim, tick_all, usage};
use crate::Ledger;
use crate::account::{Claim, Limit, Measure, Subject};
use crate::purse::{Denied, Purse, Reservation};
use crate::store::tests::{futures_poll, on_both_homes};
use crate::store::{Listener, Long, Pending, Row, Store, Transaction, Value};
use crate::usage::Usage;
use crate::window::Period;
use jiff::tz::TimeZone;
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts transactions, and the statements in them.
#[derive(Clone, Debug)]
struct Counted {
    store: Arc<dyn Store>,
    transactions: Arc<AtomicU64>,
    statements: Arc<AtomicU64>,
}

impl Counted {
    fn over(ledger: &Ledger) -> Self {
        let (transactions, statements) = Default::default();
        Self { store: ledger.store.clone(), transactions, statements }
    }

    /// How many there were since this was last asked.
    fn since(&self) -> (u64, u64) {
        let [transactions, statements] = [&self.transactions, &self.statements];
        (transactions.swap(0, Ordering::Relaxed), statements.swap(0, Ordering::Relaxed))
    }
}

impl Store for Counted {
    fn begin(&self) -> Pending<'_, Box<dyn Transaction>> {
        Box::pin(async move {
            self.transactions.fetch_add(1, Ordering::Relaxed);
            let (begun, statements) = (self.store.begin().await?, self.statements.clone());
            Ok(Box::new(OfCounted { begun, statements }) as Box<dyn Transaction>)
        })
    }

    fn read(&self, sql: &'static str, values: Vec<Value>) -> Pending<'_, Vec<Row>> {
        self.store.read(sql, values)
    }

    fn listen(&self) -> Pending<'_, Box<dyn Listener>> {
        self.store.listen()
    }
}

struct OfCounted {
    begun: Box<dyn Transaction>,
    statements: Arc<AtomicU64>,
}

impl Transaction for OfCounted {
    fn lock<'a>(&'a mut self, name: &'a str) -> Pending<'a, ()> {
        self.begun.lock(name)
    }

    fn run(&mut self, sql: &'static str, values: Vec<Value>) -> Pending<'_, Vec<Row>> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.begun.run(sql, values)
    }

    fn run_long(&mut self, sql: &'static Long, values: Vec<Value>) -> Pending<'_, Vec<Row>> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.begun.run_long(sql, values)
    }

    fn announce(&mut self) -> Pending<'_, ()> {
        self.begun.announce()
    }

    fn commit(self: Box<Self>) -> Pending<'static, ()> {
        self.begun.commit()
    }
}

/// What a request costs at most, and what it does.
const COST: i64 = 2_000_000;
const TOKENS: i64 = 3_000;

fn of(measure: Measure, period: Period, whose: (Subject, &str), most: i64) -> Claim {
    let amount = match measure {
        Measure::Nanodollars => COST,
        Measure::Tokens => TOKENS,
        Measure::Requests | Measure::Concurrent => 1,
    };
    claim(&Arc::new(Limit::new(measure, period, TimeZone::UTC, whose, most)), amount)
}

/// Six accounts: of a key, its tenant and a label.
fn six(dollars: i64, requests: i64) -> [Claim; 6] {
    let [key, tenant] = [(Subject::Key, "k"), (Subject::Tenant, "t")];
    let label = (Subject::Label, "team=a");
    let money = dollars * 1_000_000_000;
    [
        of(Measure::Nanodollars, Period::Day, key, money),
        of(Measure::Requests, Period::Minute, key, requests),
        of(Measure::Nanodollars, Period::Month, tenant, money * 30),
        of(Measure::Tokens, Period::Day, tenant, 100_000_000_000),
        of(Measure::Requests, Period::Minute, tenant, 120_000),
        of(Measure::Nanodollars, Period::Week, label, money * 7),
    ]
}

fn close(reservation: Reservation) {
    let spent = |limit: &Limit| match limit.measure() {
        Measure::Nanodollars => COST * 3 / 4,
        Measure::Tokens => TOKENS / 2,
        Measure::Requests | Measure::Concurrent => 1,
    };
    reservation.close(&usage("a request", COST * 3 / 4), spent).unwrap();
}

/// A request a millisecond, each under way for a fifth of a second. Returns how many were served.
async fn load(purse: &Arc<Purse>, hands: &Hands, claims: &[Claim], millis: i64) -> u64 {
    let (mut under_way, mut served, mut round_at) = (VecDeque::new(), 0, 0);
    for milli in 0..millis {
        hands.forward(1);
        if milli >= 200
            && let Some(reservation) = under_way.pop_front().flatten()
        {
            close(reservation);
        }
        let about = Usage { labels: r#"{"team":"a"}"#.to_owned(), ..usage("a request", 0) };
        under_way.push_back(match purse.reserve(claims, about).await {
            Ok(reservation) => {
                served += 1;
                Some(reservation)
            }
            Err(Denied::Spent(_)) => None,
            Err(other) => panic!("{other}"),
        });
        let is_woken = futures_poll(pin!(purse.wake.notified())).await;
        if is_woken || milli - round_at >= 250 {
            tick_all(purse).await;
            round_at = milli;
        }
    }
    under_way.into_iter().flatten().for_each(close);
    tick_all(purse).await;
    served
}

#[tokio::test]
async fn a_hundred_requests_write_less_than_one_transaction() {
    on_both_homes(async |home| {
        let hands = Hands::new();
        let counted = Counted::over(&home.open().await);
        let (purse, _folder) = super::purse(&Ledger::over(counted.clone()), &hands);
        for (name, dollars, requests) in [
            ("plenty of everything", 10_000, 120_000),
            ("the requests of a minute are used up", 10_000, 6_000),
            ("a budget nears its end and is spent", 12, 120_000),
            ("the budget is spent", 12, 120_000),
        ] {
            let millis = 4_000;
            let served = load(&purse, &hands, &six(dollars, requests), millis).await;
            let (transactions, statements) = counted.since();
            println!(
                "{name}: of {millis} {served} served, {transactions} transactions, {statements} \
                 statements"
            );
            assert!(transactions * 100 <= 4_000, "{name}: {transactions}");
            // One of each entry; all else is of rounds and not of requests.
            assert!(statements <= served + 500, "{name}: {statements}");
        }
    })
    .await;
}
