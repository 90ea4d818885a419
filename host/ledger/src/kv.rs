//! Values by key, within namespaces that know nothing of each other.
//!
//! Each change is one transaction that begins by taking the namespace's lock: it reads what is
//! there, decides, writes, and looks whether the namespace is still within its quota. So two
//! processes that share a store lose nothing of each other's.

use crate::Ledger;
use crate::clock::{millis, now};
use crate::store::{AsConflict, StoreError, Transaction, transact, values};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// How often what is over its time is looked for in all namespaces, in milliseconds. It takes no
/// room in a namespace that is used, and nobody is given it.
const SWEEP_EVERY: i64 = 60_000;

/// What a namespace may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Keys.
    pub keys: u64,
    /// Bytes of keys and values together.
    pub bytes: u64,
}

/// Why nothing was read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KvError {
    /// The namespace holds as much as it may.
    #[error("the namespace holds as much as it may")]
    Quota,
    /// What is to be added to is no number.
    #[error("it is not a counter")]
    NotACounter,
    /// PostgreSQL has no such text.
    #[error("a key has no NUL in it")]
    Nul,
    /// The store did not do it.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl AsConflict for KvError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(why) if why.is_conflict())
    }
}

/// When this process last looked for what is over its time, in all namespaces.
#[derive(Debug, Default)]
pub(crate) struct Swept(AtomicI64);

/// What is there under a key: until when, and the value.
type Present = Option<(Vec<u8>, Option<i64>)>;

/// What a change comes to: what to write, if anything, and what to answer.
type Decided<R> = (Option<(Vec<u8>, Option<i64>)>, R);

impl Ledger {
    /// The value of a key; `None` where it has none, or its time is over.
    ///
    /// # Errors
    ///
    /// If the store does not answer.
    pub async fn get(&self, namespace: &str, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        const GET: &str = "SELECT value FROM kv WHERE namespace = $1 AND key = $2 \
                           AND (expires_at IS NULL OR expires_at > $3)";
        let rows = self.store.read(GET, values![named(namespace)?, named(key)?, now()]).await?;
        Ok(rows.first().map(|row| row.get(0)).transpose()?)
    }

    /// Stores a value, for a while or for good.
    ///
    /// # Errors
    ///
    /// If it does not fit into the quota, or the store does not answer.
    pub async fn set(
        &self,
        namespace: &str,
        key: &str,
        value: Vec<u8>,
        lasts: Option<Duration>,
        quota: Quota,
    ) -> Result<(), KvError> {
        self.change(namespace, key, quota, |_| Ok((Some((value.clone(), until(lasts))), ()))).await
    }

    /// Removes a key, if it is there.
    ///
    /// # Errors
    ///
    /// If the store does not answer.
    pub async fn delete(&self, namespace: &str, key: &str) -> Result<(), KvError> {
        let (namespace, key) = (named(namespace)?, named(key)?);
        Ok(transact!(self.store, |transaction| delete(transaction, namespace, key))?)
    }

    /// Adds to a counter, which begins at 0, and returns what it is then: eight bytes,
    /// little-endian. It lasts for as long as was said when it began.
    ///
    /// # Errors
    ///
    /// If the value is no counter, does not fit into the quota, or the store does not answer.
    pub async fn increment(
        &self,
        namespace: &str,
        key: &str,
        by: i64,
        lasts: Option<Duration>,
        quota: Quota,
    ) -> Result<i64, KvError> {
        let add = |present: Present| {
            let (value, expires) = match present {
                None => (0, until(lasts)),
                Some((bytes, expires)) => {
                    let bytes = bytes.try_into().map_err(|_| KvError::NotACounter)?;
                    (i64::from_le_bytes(bytes), expires)
                }
            };
            let sum = value.saturating_add(by);
            Ok((Some((sum.to_le_bytes().to_vec(), expires)), sum))
        };
        self.change(namespace, key, quota, add).await
    }

    /// Stores `new` where the present value is the expected one, and says whether it was. What is
    /// there for a while stays for as long as it would have.
    ///
    /// # Errors
    ///
    /// If it does not fit into the quota, or the store does not answer.
    pub async fn compare_and_set(
        &self,
        namespace: &str,
        key: &str,
        expected: Option<&[u8]>,
        new: Vec<u8>,
        quota: Quota,
    ) -> Result<bool, KvError> {
        let swap = |present: Present| {
            if present.as_ref().map(|(value, _)| value.as_slice()) != expected {
                return Ok((None, false));
            }
            Ok((Some((new.clone(), present.and_then(|(_, expires)| expires))), true))
        };
        self.change(namespace, key, quota, swap).await
    }

    async fn change<R>(
        &self,
        namespace: &str,
        key: &str,
        quota: Quota,
        decide: impl Fn(Present) -> Result<Decided<R>, KvError>,
    ) -> Result<R, KvError> {
        let (namespace, key) = (named(namespace)?, named(key)?);
        let changed = transact!(self.store, |transaction| change(
            transaction,
            namespace,
            key,
            quota,
            &decide
        ));
        self.sweep().await;
        changed
    }

    /// Removes from all namespaces what is over its time, if it is time for that: who changes
    /// nothing any more would keep it for ever. Whoever asked for something else has it already,
    /// so what fails here is done the next time.
    async fn sweep(&self) {
        let (now, last) = (now(), self.swept.0.load(Ordering::Relaxed));
        if now >= last.saturating_add(SWEEP_EVERY) && self.swept.begins(last, now) {
            let _ = self.sweep_all(now).await;
        }
    }

    async fn sweep_all(&self, now: i64) -> Result<(), StoreError> {
        const OVER: &str = "SELECT DISTINCT namespace FROM kv WHERE expires_at <= $1 LIMIT 100";
        for row in self.store.read(OVER, values![now]).await? {
            let namespace: String = row.get(0)?;
            transact!(self.store, |transaction| expire(transaction, &namespace))?;
        }
        Ok(())
    }
}

impl Swept {
    /// Whether it is this caller who does it now.
    fn begins(&self, last: i64, now: i64) -> bool {
        self.0.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Reads, decides, writes, and looks at the quota.
async fn change<R>(
    transaction: &mut dyn Transaction,
    namespace: &str,
    key: &str,
    quota: Quota,
    decide: &impl Fn(Present) -> Result<Decided<R>, KvError>,
) -> Result<R, KvError> {
    const WRITE: &str = "INSERT INTO kv (namespace, key, value, expires_at) \
                         VALUES ($1, $2, $3, $4) ON CONFLICT (namespace, key) \
                         DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at";
    let present = present(transaction, namespace, key).await?;
    let held = present.as_ref().map_or(0, |(value, _)| key.len() + value.len());
    let (new, answer) = decide(present)?;
    let Some((value, expires)) = new else { return Ok(answer) };
    let more = key.len() + value.len() > held;
    transaction.run(WRITE, values![namespace, key, value, expires]).await?;
    // A quota that was lowered keeps nobody from making do with less.
    if more && !is_within(transaction, namespace, quota).await? {
        return Err(KvError::Quota);
    }
    Ok(answer)
}

/// Takes the namespace's lock, and sees what a key of it has.
async fn present(
    transaction: &mut dyn Transaction,
    namespace: &str,
    key: &str,
) -> Result<Present, StoreError> {
    const PRESENT: &str = "SELECT value, expires_at FROM kv WHERE namespace = $1 AND key = $2";
    // What is over its time takes no room and is not there.
    expire(transaction, namespace).await?;
    let rows = transaction.run(PRESENT, values![namespace, key]).await?;
    rows.first().map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}

async fn delete(
    transaction: &mut dyn Transaction,
    namespace: &str,
    key: &str,
) -> Result<(), StoreError> {
    const DELETE: &str = "DELETE FROM kv WHERE namespace = $1 AND key = $2";
    transaction.lock(&lock(namespace)).await?;
    transaction.run(DELETE, values![namespace, key]).await?;
    Ok(())
}

/// Takes the namespace's lock, and removes what is over its time.
async fn expire(transaction: &mut dyn Transaction, namespace: &str) -> Result<(), StoreError> {
    const EXPIRED: &str = "DELETE FROM kv WHERE namespace = $1 AND expires_at <= $2";
    transaction.lock(&lock(namespace)).await?;
    transaction.run(EXPIRED, values![namespace, now()]).await?;
    Ok(())
}

async fn is_within(
    transaction: &mut dyn Transaction,
    namespace: &str,
    quota: Quota,
) -> Result<bool, StoreError> {
    const USED: &str = "SELECT keys, bytes FROM kv_used WHERE namespace = $1";
    let rows = transaction.run(USED, values![namespace]).await?;
    let Some(row) = rows.first() else { return Ok(true) };
    let fits = |used: i64, may: u64| u64::try_from(used).is_ok_and(|used| used <= may);
    Ok(fits(row.get(0)?, quota.keys) && fits(row.get(1)?, quota.bytes))
}

fn lock(namespace: &str) -> String {
    format!("kv {namespace}")
}

/// A name that both databases take.
fn named(name: &str) -> Result<&str, KvError> {
    if name.contains('\0') { Err(KvError::Nul) } else { Ok(name) }
}

fn until(lasts: Option<Duration>) -> Option<i64> {
    lasts.map(|lasts| now().saturating_add(millis(lasts)))
}

#[cfg(test)]
mod tests;
