//! What is kept, for how long, and that nobody loses what another wrote.

use super::{KvError, Quota};
use crate::store::tests::{futures_poll, on_both, on_both_homes};
use crate::store::values;
use crate::{Ledger, Location};
use std::time::Duration;
use tempfile::TempDir;

const AMPLE: Quota = Quota { keys: 1_000, bytes: 1 << 20 };
const HOUR: Option<Duration> = Some(Duration::from_secs(3_600));
/// Over as soon as it is written.
const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

async fn get(ledger: &Ledger, namespace: &str, key: &str) -> Option<Vec<u8>> {
    ledger.get(namespace, key).await.unwrap()
}

async fn set(ledger: &Ledger, key: &str, value: &[u8], lasts: Option<Duration>) {
    ledger.set("n", key, value.to_vec(), lasts, AMPLE).await.unwrap();
}

#[tokio::test]
async fn what_is_kept_outlives_who_wrote_it_and_belongs_to_its_namespace() {
    on_both_homes(async |home| {
        set(&home.open().await, "k", b"v", None).await;
        let ledger = home.open().await;
        assert_eq!(get(&ledger, "n", "k").await.as_deref(), Some(&b"v"[..]));
        assert_eq!(get(&ledger, "other", "k").await, None);
        ledger.delete("other", "k").await.unwrap();
        assert!(get(&ledger, "n", "k").await.is_some());
        ledger.delete("n", "k").await.unwrap();
        ledger.delete("n", "k").await.unwrap();
        assert_eq!(get(&ledger, "n", "k").await, None);
    })
    .await;
}

#[tokio::test]
async fn what_is_over_its_time_is_not_there() {
    on_both(async |ledger| {
        set(&ledger, "k", b"v", AT_ONCE).await;
        assert_eq!(get(&ledger, "n", "k").await, None);
        assert!(ledger.compare_and_set("n", "k", None, b"w".to_vec(), AMPLE).await.unwrap());
        set(&ledger, "k", b"x", HOUR).await;
        assert_eq!(get(&ledger, "n", "k").await.as_deref(), Some(&b"x"[..]));
        // A counter's time counts from when it was made, and what it is later does not change it.
        assert_eq!(ledger.increment("n", "c", 2, HOUR, AMPLE).await.unwrap(), 2);
        assert_eq!(ledger.increment("n", "c", 3, AT_ONCE, AMPLE).await.unwrap(), 5);
        assert_eq!(get(&ledger, "n", "c").await, Some(5_i64.to_le_bytes().to_vec()));
        assert_eq!(ledger.increment("n", "d", 2, AT_ONCE, AMPLE).await.unwrap(), 2);
        assert_eq!(ledger.increment("n", "d", 2, None, AMPLE).await.unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_namespace_holds_what_its_quota_says_and_gets_room_back() {
    on_both(async |ledger| {
        let quota = Quota { keys: 2, bytes: 12 };
        let set = async |key: &str, bytes: usize, lasts| match ledger
            .set("n", key, vec![0; bytes], lasts, quota)
            .await
        {
            Ok(()) => true,
            Err(KvError::Quota) => false,
            Err(other) => panic!("{other}"),
        };
        assert!(set("a", 5, None).await);
        assert!(set("b", 5, AT_ONCE).await);
        // What is over its time takes no room.
        assert!(set("c", 5, None).await);
        assert!(!set("d", 1, None).await, "a third key");
        assert!(!set("a", 6, None).await, "a thirteenth byte");
        assert_eq!(get(&ledger, "n", "a").await.unwrap().len(), 5);
        assert!(set("a", 4, None).await);
        ledger.delete("n", "c").await.unwrap();
        assert!(set("d", 6, None).await);
        // Another namespace has room of its own, and a lower quota lets who is past it take less.
        ledger.set("m", "a", vec![0; 11], None, quota).await.unwrap();
        let lower = Quota { keys: 1, bytes: 2 };
        ledger.set("n", "d", vec![0; 5], None, lower).await.unwrap();
        assert!(matches!(ledger.increment("n", "e", 1, None, lower).await, Err(KvError::Quota)));
    })
    .await;
}

#[tokio::test]
async fn only_a_counter_is_added_to() {
    on_both(async |ledger| {
        set(&ledger, "k", b"five", None).await;
        let added = ledger.increment("n", "k", 1, None, AMPLE).await;
        assert!(matches!(added, Err(KvError::NotACounter)), "{added:?}");
        assert_eq!(ledger.increment("n", "c", i64::MAX, None, AMPLE).await.unwrap(), i64::MAX);
        assert_eq!(ledger.increment("n", "c", 1, None, AMPLE).await.unwrap(), i64::MAX);
    })
    .await;
}

/// Adds one to a number by comparing and setting, as often as it takes.
async fn add_one(ledger: &Ledger, key: &str) {
    loop {
        let present = ledger.get("n", key).await.unwrap();
        let number = present.as_ref().map_or(0, |bytes| bytes[0]);
        let new = vec![number + 1];
        if ledger.compare_and_set("n", key, present.as_deref(), new, AMPLE).await.unwrap() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_write_at_once_lose_nothing_even_from_two_processes() {
    on_both_homes(async |home| {
        // Two handles share nothing but the database, as two processes do.
        let ledgers = [home.open().await, home.open().await];
        let tasks: Vec<_> = (0..16)
            .map(|index| {
                let ledger = ledgers[index % 2].clone();
                tokio::spawn(async move {
                    for _ in 0..10 {
                        ledger.increment("n", "count", 1, None, AMPLE).await.unwrap();
                        add_one(&ledger, "number").await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(get(&ledgers[0], "n", "count").await, Some(160_i64.to_le_bytes().to_vec()));
        assert_eq!(get(&ledgers[1], "n", "number").await, Some(vec![160]));
    })
    .await;
}

#[tokio::test]
async fn a_change_that_was_given_up_leaves_the_next_one_free() {
    on_both(async |ledger| {
        for _ in 0..50 {
            let mut change = Box::pin(ledger.increment("n", "k", 1, None, AMPLE));
            // Polled once, so that it has begun, and dropped.
            let _ = futures_poll(change.as_mut()).await;
        }
        let before = ledger.increment("n", "k", 1, None, AMPLE).await.unwrap();
        assert_eq!(ledger.increment("n", "k", 1, None, AMPLE).await.unwrap(), before + 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_database_is_said_to_be_none() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ledger.db");
    std::fs::write(&file, "a text that is long enough to be read as the head of a file").unwrap();
    let why = Ledger::open(&Location::Sqlite(file)).await.unwrap_err().to_string();
    assert!(why.contains("ledger.db") && why.contains("not a database"), "{why}");
    let folder = Location::Sqlite(folder.path().to_owned());
    let why = Ledger::open(&folder).await.unwrap_err().to_string();
    assert!(why.contains("cannot be opened"), "{why}");
}

#[tokio::test]
async fn what_nobody_uses_any_more_is_removed_when_somebody_uses_another() {
    on_both_homes(async |home| {
        set(&home.open().await, "k", b"v", AT_ONCE).await;
        // A process that starts looks at once, and again in a while.
        let ledger = home.open().await;
        ledger.set("m", "k", vec![1], None, AMPLE).await.unwrap();
        let rows = ledger.store.read("SELECT namespace FROM kv", values![]).await.unwrap();
        let left: Vec<String> = rows.iter().map(|row| row.get(0).unwrap()).collect();
        assert_eq!(left, ["m"]);
    })
    .await;
}

#[tokio::test]
async fn a_name_that_one_store_would_refuse_is_refused_by_both() {
    on_both(async |ledger| {
        let got = ledger.get("n", "a\0b").await;
        assert!(matches!(got, Err(KvError::Nul)), "{got:?}");
        let set = ledger.set("n\0", "a", vec![], None, AMPLE).await;
        assert!(matches!(set, Err(KvError::Nul)), "{set:?}");
        ledger.set("n", "a", vec![0], None, AMPLE).await.unwrap();
    })
    .await;
}
