//! Both stores, for every test of this crate; and what each of them promises.

use super::{Row, Store, StoreError, Transaction, Value, values};
use crate::{Ledger, Location};
use portcullis_test_postgres::Postgres;
use std::cell::Cell;
use std::sync::{Arc, LazyLock, OnceLock};
use tempfile::TempDir;
use tokio::sync::Barrier;

/// One server for all tests of this program; each has a database of its own.
static SERVER: LazyLock<Postgres> = LazyLock::new(|| Postgres::start().unwrap());

/// A new and empty database.
pub(crate) struct Home {
    pub(crate) location: Location,
    _folder: Option<TempDir>,
}

impl Home {
    fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let location = Location::Sqlite(folder.path().join("ledger.db"));
        Self { location, _folder: Some(folder) }
    }

    fn postgres() -> Self {
        let location = Location::parse(&SERVER.database().unwrap()).unwrap();
        Self { location, _folder: None }
    }

    /// Opens it, as another process would that shares nothing else.
    pub(crate) async fn open(&self) -> Ledger {
        Ledger::open(&self.location).await.unwrap()
    }
}

/// Runs a test on both stores, on one that is empty each time.
pub(crate) async fn on_both(test: impl AsyncFn(Ledger)) {
    on_both_homes(async |home| test(home.open().await).await).await;
}

/// Runs a test that opens the database itself, maybe several times.
pub(crate) async fn on_both_homes(test: impl AsyncFn(Home)) {
    for home in [Home::sqlite(), Home::postgres()] {
        println!("on {:?}", home.location);
        test(home).await;
    }
}

async fn numbers(ledger: &Ledger) -> Vec<(String, i64)> {
    let rows = ledger.store.read("SELECT namespace, keys FROM kv_used ORDER BY 1", values![]);
    let rows = rows.await.unwrap();
    rows.iter().map(|row| (row.get(0).unwrap(), row.get(1).unwrap())).collect()
}

const INSERT: &str = "INSERT INTO kv_used (namespace, keys, bytes) VALUES ($1, $2, 0)";
const ADD: &str = "UPDATE kv_used SET keys = keys + $1 WHERE namespace = $2 RETURNING keys";

async fn insert(transaction: &mut dyn Transaction, name: &str) -> Result<(), StoreError> {
    transaction.run(INSERT, values![name, 0]).await.map(drop)
}

async fn insert_all(transaction: &mut dyn Transaction, names: &[&str]) -> Result<(), StoreError> {
    for name in names {
        insert(transaction, name).await?;
    }
    Ok(())
}

/// Inserts them in one transaction.
async fn inserted(store: &dyn Store, names: &[&str]) -> Result<(), StoreError> {
    transact!(store, |transaction| insert_all(transaction, names))
}

/// Adds 1 to each, in this order, in one transaction; at the first try, others are waited for
/// between the two.
async fn added(
    store: &dyn Store,
    names: [&str; 2],
    others: Option<&Barrier>,
) -> Result<(), StoreError> {
    async fn add(
        transaction: &mut dyn Transaction,
        names: [&str; 2],
        others: Option<&Barrier>,
    ) -> Result<(), StoreError> {
        transaction.run(ADD, values![1, names[0]]).await?;
        if let Some(others) = others {
            others.wait().await;
        }
        transaction.run(ADD, values![1, names[1]]).await?;
        Ok(())
    }
    let mut first = others;
    transact!(store, |transaction| add(transaction, names, first.take()))
}

/// Runs one statement in a transaction of its own.
pub(crate) async fn ran(
    store: &dyn Store,
    sql: &'static str,
    values: Vec<Value>,
) -> Result<Vec<Row>, StoreError> {
    transact!(store, |transaction| transaction.run(sql, values.clone()))
}

#[tokio::test]
async fn a_transaction_is_whole_or_did_not_happen() {
    on_both(async |ledger| {
        let failed = inserted(&*ledger.store, &["a", "a"]).await;
        assert!(matches!(failed, Err(StoreError::Wrong(_))), "{failed:?}");
        let mut dropped = ledger.store.begin().await.unwrap();
        insert(&mut *dropped, "b").await.unwrap();
        drop(dropped);
        inserted(&*ledger.store, &["c"]).await.unwrap();
        assert_eq!(numbers(&ledger).await, [("c".to_owned(), 0)]);
    })
    .await;
}

#[tokio::test]
async fn values_come_back_as_they_went_in() {
    on_both(async |ledger| {
        let sql = "INSERT INTO kv (namespace, key, value, expires_at) VALUES ($1, $2, $3, $4) \
                   RETURNING value, expires_at, namespace";
        for (value, expires) in [(vec![0, 255, 10], Some(i64::MIN)), (vec![], None)] {
            let key = format!("{expires:?}");
            let values = values!["ÄÖ'\\", key, value.clone(), expires];
            let rows = ran(&*ledger.store, sql, values).await.unwrap();
            assert_eq!(rows[0].get::<Vec<u8>>(0).unwrap(), value);
            assert_eq!(rows[0].get::<Option<i64>>(1).unwrap(), expires);
            assert_eq!(rows[0].get::<String>(2).unwrap(), "ÄÖ'\\");
            assert!(rows[0].get::<i64>(2).is_err(), "a text was read as a number");
            assert!(rows[0].get::<i64>(3).is_err(), "there is no fourth");
        }
    })
    .await;
}

#[tokio::test]
async fn of_two_that_wait_for_each_other_one_begins_again() {
    // SQLite has one that writes.
    let ledger = Home::postgres().open().await;
    inserted(&*ledger.store, &["a", "b"]).await.unwrap();
    let both = Barrier::new(2);
    let (one, two) = tokio::join!(
        added(&*ledger.store, ["a", "b"], Some(&both)),
        added(&*ledger.store, ["b", "a"], Some(&both)),
    );
    one.and(two).unwrap();
    assert_eq!(numbers(&ledger).await, [("a".to_owned(), 2), ("b".to_owned(), 2)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_write_at_once_come_through() {
    on_both(async |ledger| {
        inserted(&*ledger.store, &["a", "b"]).await.unwrap();
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let ledger = ledger.clone();
                tokio::spawn(async move { added(&*ledger.store, ["a", "b"], None).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(numbers(&ledger).await, [("a".to_owned(), 16), ("b".to_owned(), 16)]);
    })
    .await;
}

#[tokio::test]
async fn a_conflict_is_tried_again_and_not_for_ever() {
    async fn act(left: &Cell<u32>) -> Result<(), StoreError> {
        if left.get() == 0 {
            return Ok(());
        }
        left.set(left.get() - 1);
        Err(StoreError::Conflict(sqlx::Error::RowNotFound))
    }
    async fn acted(store: &dyn Store, left: &Cell<u32>) -> Result<(), StoreError> {
        transact!(store, |_transaction| act(left))
    }
    let ledger = Ledger::in_memory().await.unwrap();
    for (conflicts, expected) in [(4, true), (5, false)] {
        let left = Cell::new(conflicts);
        assert_eq!(acted(&*ledger.store, &left).await.is_ok(), expected, "{conflicts}");
        assert_eq!(left.get(), 0);
    }
}

#[tokio::test]
async fn a_name_is_had_by_one_at_a_time() {
    on_both_homes(async |home| {
        let (one, two) = (home.open().await, home.open().await);
        let mut first = one.store.begin().await.unwrap();
        first.lock("n").await.unwrap();
        let done = Arc::new(OnceLock::new());
        let second = tokio::spawn({
            let done = done.clone();
            async move {
                let mut second = two.store.begin().await.unwrap();
                second.lock("n").await.unwrap();
                assert!(done.get().is_some(), "both have it");
                second.commit().await
            }
        });
        // Another name is free, on PostgreSQL; SQLite has one that writes.
        insert(&mut *first, "x").await.unwrap();
        done.set(()).unwrap();
        first.commit().await.unwrap();
        second.await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test]
async fn many_processes_that_start_at_once_bring_it_up_to_date_once() {
    on_both_homes(async |home| {
        let home = Arc::new(home);
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let home = home.clone();
                tokio::spawn(async move { home.open().await })
            })
            .collect();
        for task in tasks {
            numbers(&task.await.unwrap()).await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_announcement_is_heard_when_it_is_committed() {
    let home = Home::postgres();
    let (here, there) = (home.open().await, home.open().await);
    let mut listener = there.store.listen().await.unwrap();
    let mut transaction = here.store.begin().await.unwrap();
    transaction.announce().await.unwrap();
    let early = futures_poll(listener.heard().as_mut()).await;
    assert!(!early, "heard before it was committed");
    transaction.commit().await.unwrap();
    listener.heard().await.unwrap();
}

/// Polls once, and returns whether it was ready.
pub(crate) async fn futures_poll<F: Future + ?Sized>(mut future: std::pin::Pin<&mut F>) -> bool {
    std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context).is_ready()))
        .await
}

#[tokio::test]
async fn a_server_that_is_gone_is_away_and_comes_back() {
    // One of its own: the others need theirs.
    let server = Postgres::start().unwrap();
    let location = Location::parse(&server.database().unwrap()).unwrap();
    let ledger = Ledger::open(&location).await.unwrap();
    let mut listener = ledger.store.listen().await.unwrap();
    let mut begun = ledger.store.begin().await.unwrap();
    insert(&mut *begun, "lost").await.unwrap();
    inserted(&*ledger.store, &["kept"]).await.unwrap();
    server.kill().unwrap();
    assert!(begun.commit().await.unwrap_err().is_away());
    assert!(listener.heard().await.unwrap_err().is_away());
    assert!(ledger.store.begin().await.err().unwrap().is_away());
    assert!(ledger.store.read("SELECT 1", values![]).await.err().unwrap().is_away());
    let opened = Ledger::open(&location).await.unwrap_err().to_string();
    assert!(opened.contains("the ledger at postgres://127.0.0.1:"), "{opened}");
    server.restart().unwrap();
    assert_eq!(numbers(&ledger).await, [("kept".to_owned(), 0)]);
    ledger.store.listen().await.unwrap();
}
