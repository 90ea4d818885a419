//! Values by key, within namespaces that know nothing of each other.
//!
//! Each change is one transaction that begins by taking the lock (`BEGIN IMMEDIATE`): it reads
//! what is there, decides, writes, and looks whether the namespace is still within its quota.
//! So two processes that share a file lose nothing of each other's.

use crate::Ledger;
use sqlx::{Sqlite, Transaction};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
    /// The database did not do it.
    #[error("{0}")]
    Database(#[from] sqlx::Error),
}

/// What is there under a key: until when, and the value.
type Present = Option<(Vec<u8>, Option<i64>)>;

/// What a change comes to: what to write, if anything, and what to answer.
type Decided<R> = (Option<(Vec<u8>, Option<i64>)>, R);

impl Ledger {
    /// The value of a key; `None` where it has none, or its time is over.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn get(&self, namespace: &str, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        const GET: &str = "SELECT value FROM kv WHERE namespace = ? AND key = ? \
                           AND (expires_at IS NULL OR expires_at > ?)";
        let value = sqlx::query_scalar(GET).bind(namespace).bind(key).bind(now());
        Ok(value.fetch_optional(&self.read).await?)
    }

    /// Stores a value, for a while or for good.
    ///
    /// # Errors
    ///
    /// If it does not fit into the quota, or the database does not answer.
    pub async fn set(
        &self,
        namespace: &str,
        key: &str,
        value: Vec<u8>,
        lasts: Option<Duration>,
        quota: Quota,
    ) -> Result<(), KvError> {
        self.change(namespace, key, quota, |_| Ok((Some((value, until(lasts))), ()))).await
    }

    /// Removes a key, if it is there.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn delete(&self, namespace: &str, key: &str) -> Result<(), KvError> {
        const DELETE: &str = "DELETE FROM kv WHERE namespace = ? AND key = ?";
        sqlx::query(DELETE).bind(namespace).bind(key).execute(&self.write).await?;
        Ok(())
    }

    /// Adds to a counter, which begins at 0, and returns what it is then: eight bytes,
    /// little-endian. It lasts for as long as was said when it began.
    ///
    /// # Errors
    ///
    /// If the value is no counter, does not fit into the quota, or the database does not answer.
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
    /// If it does not fit into the quota, or the database does not answer.
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
            Ok((Some((new, present.and_then(|(_, expires)| expires))), true))
        };
        self.change(namespace, key, quota, swap).await
    }

    async fn change<R>(
        &self,
        namespace: &str,
        key: &str,
        quota: Quota,
        decide: impl FnOnce(Present) -> Result<Decided<R>, KvError>,
    ) -> Result<R, KvError> {
        const PRESENT: &str = "SELECT value, expires_at FROM kv WHERE namespace = ? AND key = ?";
        const WRITE: &str = "INSERT INTO kv (namespace, key, value, expires_at) \
                             VALUES (?, ?, ?, ?) ON CONFLICT (namespace, key) \
                             DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at";
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
        // What is over its time takes no room and is not there.
        let expired = sqlx::query("DELETE FROM kv WHERE expires_at <= ?").bind(now());
        expired.execute(&mut *transaction).await?;
        let present: Present = sqlx::query_as(PRESENT)
            .bind(namespace)
            .bind(key)
            .fetch_optional(&mut *transaction)
            .await?;
        let held = match &present {
            Some((value, _)) => key.len() + value.len(),
            None => 0,
        };
        let (new, answer) = decide(present)?;
        let Some((value, expires)) = new else { return Ok(answer) };
        let more = key.len() + value.len() > held;
        sqlx::query(WRITE)
            .bind(namespace)
            .bind(key)
            .bind(value)
            .bind(expires)
            .execute(&mut *transaction)
            .await?;
        // A quota that was lowered keeps nobody from making do with less.
        if more && !is_within(&mut transaction, namespace, quota).await? {
            return Err(KvError::Quota);
        }
        transaction.commit().await?;
        Ok(answer)
    }
}

async fn is_within(
    transaction: &mut Transaction<'_, Sqlite>,
    namespace: &str,
    quota: Quota,
) -> Result<bool, KvError> {
    let used = sqlx::query_as("SELECT keys, bytes FROM kv_used WHERE namespace = ?");
    let (keys, bytes): (i64, i64) = used.bind(namespace).fetch_one(&mut **transaction).await?;
    let fits = |used: i64, may: u64| u64::try_from(used).is_ok_and(|used| used <= may);
    Ok(fits(keys, quota.keys) && fits(bytes, quota.bytes))
}

fn until(lasts: Option<Duration>) -> Option<i64> {
    lasts.map(|lasts| now().saturating_add(millis(lasts)))
}

fn now() -> i64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
