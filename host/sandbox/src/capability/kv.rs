//! Small state that outlives the guest, kept by whatever store the embedder has.
//!
//! A guest names a key; the host puts the namespace before it, which is made of the plugin's name
//! and of what the embedder says of whom the sandbox serves. Neither is the guest's to choose.

use crate::bindings::portcullis::host::kv::Host;
use crate::store::{State, Tags};
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use crate::bindings::portcullis::host::kv::KvError;

/// Bytes of the longest key.
const LONGEST_KEY: usize = 512;
/// Bytes of the longest value.
const LONGEST_VALUE: usize = 64 << 10;

/// What one namespace may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvQuota {
    /// Keys.
    pub keys: u64,
    /// Bytes of keys and values together.
    pub bytes: u64,
}

/// What a store answers.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, KvError>> + Send + 'a>>;

/// The embedder's store. A change is done wholly or not at all, whoever else writes.
pub trait Kv: Debug + Send + Sync {
    /// The value of a key.
    fn get<'a>(&'a self, namespace: &'a str, key: &'a str) -> Pending<'a, Option<Vec<u8>>>;

    /// Stores a value, for a while or for good.
    fn set<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        value: Vec<u8>,
        lasts: Option<Duration>,
        quota: KvQuota,
    ) -> Pending<'a, ()>;

    /// Removes a key, if it is there.
    fn delete<'a>(&'a self, namespace: &'a str, key: &'a str) -> Pending<'a, ()>;

    /// Adds to a counter and returns what it is then.
    fn increment<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        by: i64,
        lasts: Option<Duration>,
        quota: KvQuota,
    ) -> Pending<'a, i64>;

    /// Stores `new` where the present value is the expected one, and says whether it was.
    fn compare_and_set<'a>(
        &'a self,
        namespace: &'a str,
        key: &'a str,
        expected: Option<Vec<u8>>,
        new: Vec<u8>,
        quota: KvQuota,
    ) -> Pending<'a, bool>;
}

/// The store, the namespace, and what it may hold.
type Space = (Arc<dyn Kv>, String, KvQuota);

impl<D: Tags> State<D> {
    /// Where this guest keeps its state.
    fn space(&self, key: &str, value: &[u8]) -> Result<Space, KvError> {
        let (Some(kv), Some(whose)) = (&self.identity.kv, self.data.namespace()) else {
            return Err(KvError::Denied);
        };
        if key.len() > LONGEST_KEY || value.len() > LONGEST_VALUE {
            return Err(KvError::TooLarge);
        }
        let limits = &self.meter.limits;
        let quota = KvQuota { keys: limits.kv_keys, bytes: limits.kv_bytes };
        // A plugin's name has no slash, so that no two pairs make the same name.
        Ok((kv.clone(), format!("{}/{whose}", self.identity.name), quota))
    }
}

impl<D: Tags> Host for State<D> {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, KvError>> {
        self.host_call()?;
        Ok(match self.space(&key, &[]) {
            Ok((kv, namespace, _)) => kv.get(&namespace, &key).await,
            Err(why) => Err(why),
        })
    }

    async fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> wasmtime::Result<Result<(), KvError>> {
        self.host_call()?;
        Ok(match self.space(&key, &value) {
            Ok((kv, namespace, quota)) => {
                kv.set(&namespace, &key, value, lasts(ttl_ms), quota).await
            }
            Err(why) => Err(why),
        })
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), KvError>> {
        self.host_call()?;
        Ok(match self.space(&key, &[]) {
            Ok((kv, namespace, _)) => kv.delete(&namespace, &key).await,
            Err(why) => Err(why),
        })
    }

    async fn increment(
        &mut self,
        key: String,
        by: i64,
        ttl_ms: Option<u64>,
    ) -> wasmtime::Result<Result<i64, KvError>> {
        self.host_call()?;
        Ok(match self.space(&key, &[]) {
            Ok((kv, namespace, quota)) => {
                kv.increment(&namespace, &key, by, lasts(ttl_ms), quota).await
            }
            Err(why) => Err(why),
        })
    }

    async fn compare_and_set(
        &mut self,
        key: String,
        expected: Option<Vec<u8>>,
        new: Vec<u8>,
    ) -> wasmtime::Result<Result<bool, KvError>> {
        self.host_call()?;
        Ok(match self.space(&key, &new) {
            Ok((kv, namespace, quota)) => {
                kv.compare_and_set(&namespace, &key, expected, new, quota).await
            }
            Err(why) => Err(why),
        })
    }
}

fn lasts(ttl_ms: Option<u64>) -> Option<Duration> {
    ttl_ms.map(Duration::from_millis)
}
