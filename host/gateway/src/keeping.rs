//! What plugins keep, in the ledger.

use crate::events::LedgerFailed;
use portcullis_ledger::{KvError as Why, Ledger, Quota};
use portcullis_sandbox::{Kv, KvError, KvQuota, Pending};
use std::time::Duration;
use tokio::sync::OnceCell;

/// The ledger, as plugins use it. One in memory is opened when the first of them does.
#[derive(Debug)]
pub struct Keeper(OnceCell<Ledger>);

impl Keeper {
    /// In this ledger, if there is one.
    pub fn over(ledger: Option<Ledger>) -> Self {
        Self(ledger.map_or_else(OnceCell::new, OnceCell::from))
    }

    async fn ledger(&self) -> Result<&Ledger, KvError> {
        self.0.get_or_try_init(Ledger::in_memory).await.map_err(|why| failed(&why))
    }
}

impl Kv for Keeper {
    fn get<'a>(&'a self, namespace: &'a str, key: &'a str) -> Pending<'a, Option<Vec<u8>>> {
        Box::pin(async move { self.ledger().await?.get(namespace, key).await.map_err(told) })
    }

    fn set<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        value: Vec<u8>,
        lasts: Option<Duration>,
        quota: KvQuota,
    ) -> Pending<'a, ()> {
        Box::pin(async move {
            let set = self.ledger().await?.set(namespace, key, value, lasts, bound(quota));
            set.await.map_err(told)
        })
    }

    fn delete<'a>(&'a self, namespace: &'a str, key: &'a str) -> Pending<'a, ()> {
        Box::pin(async move { self.ledger().await?.delete(namespace, key).await.map_err(told) })
    }

    fn increment<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        by: i64,
        lasts: Option<Duration>,
        quota: KvQuota,
    ) -> Pending<'a, i64> {
        Box::pin(async move {
            let add = self.ledger().await?.increment(namespace, key, by, lasts, bound(quota));
            add.await.map_err(told)
        })
    }

    fn compare_and_set<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        expected: Option<Vec<u8>>,
        new: Vec<u8>,
        quota: KvQuota,
    ) -> Pending<'a, bool> {
        Box::pin(async move {
            let (ledger, expected) = (self.ledger().await?, expected.as_deref());
            let swap = ledger.compare_and_set(namespace, key, expected, new, bound(quota));
            swap.await.map_err(told)
        })
    }
}

fn bound(quota: KvQuota) -> Quota {
    Quota { keys: quota.keys, bytes: quota.bytes }
}

/// What a plugin is told; what the database said is for the operator.
fn told(why: Why) -> KvError {
    match why {
        Why::Quota => KvError::QuotaExceeded,
        Why::NotACounter | Why::Nul => KvError::Other(why.to_string()),
        Why::Store(why) => failed(&why),
    }
}

fn failed(why: &dyn std::fmt::Display) -> KvError {
    LedgerFailed { why }.emit();
    KvError::Unavailable
}
