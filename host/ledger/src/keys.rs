//! All keys and tenants in memory, so that a request waits for no store to be known or refused.
//!
//! The view is whole: whoever shows a wrong key costs a probe of a map, and a digest where the id
//! in it is a real one, and never reaches the store. It follows the store by the numbers of acts:
//! what has a higher one than the last that was seen is read. PostgreSQL announces acts, so that
//! they are seen at once; what it announces while a connection is broken is lost, so the view
//! looks by itself every half second as well, as it does on SQLite. [`Keys::age`] says how old the
//! last look is: while the store is away, keys work as they did when it was last seen.
//!
//! A lock around one map, and not a map that is replaced as a whole: to copy a million keys for
//! each that is revoked would cost more than all look-ups.

use crate::key::secret::{Digest, id_in};
use crate::key::{self, Key};
use crate::store::{Row, Store, StoreError, values};
use crate::tenant::{self, Tenant};
use crate::{AdminError, Ledger};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How often the store is looked at where nobody announces anything, and how long a look may take:
/// together they are less than the second within which a revoked key is refused.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOK_WITHIN: Duration = Duration::from_millis(450);
const LOOK_LONGEST: Duration = Duration::from_secs(10);
/// Rows that are read at once.
const PAGE: i64 = 10_000;

/// The keys of a ledger, kept up to date for as long as this value lives.
pub struct Keys {
    view: Arc<View>,
    store: Arc<dyn Store>,
    follows: JoinHandle<()>,
}

/// A key that works, and whose it is.
#[derive(Clone, Debug)]
pub struct Known {
    /// The key.
    pub key: Arc<Key>,
    /// Its tenant, and all that it is within, from within to without. Never empty.
    pub tenants: Arc<[Arc<Tenant>]>,
}

/// Why nobody is let in by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefused {
    /// It is no key, or not one of this ledger's.
    #[error("the key is not known")]
    Unknown,
    /// It was revoked.
    #[error("the key was revoked")]
    Revoked,
    /// Its time is over.
    #[error("the key is over its time")]
    Expired,
    /// Another key has its place, and its time of grace is over.
    #[error("the key was replaced by another one")]
    Replaced,
    /// Its tenant is suspended, or one that it is within.
    #[error("the key's tenant is suspended")]
    Suspended,
}

impl Keys {
    /// Reads all keys, and follows what becomes of them.
    ///
    /// # Errors
    ///
    /// If the store does not answer.
    pub async fn follow(ledger: &Ledger) -> Result<Self, AdminError> {
        let view = Arc::new(View::default());
        view.look(&*ledger.store).await?;
        let store = ledger.store.clone();
        let follows = tokio::spawn(follow(view.clone(), store.clone()));
        Ok(Self { view, store, follows })
    }

    /// Looks at the store now: what was done before is seen after.
    ///
    /// # Errors
    ///
    /// If the store does not answer.
    pub async fn refresh(&self) -> Result<(), AdminError> {
        Ok(self.view.look(&*self.store).await?)
    }

    /// Whose key this is, if it works. It waits for nothing, and tells only who has the whole
    /// secret why it does not work.
    ///
    /// # Errors
    ///
    /// Why nobody is let in by it.
    pub fn look_up(&self, secret: &str, now: SystemTime) -> Result<Known, KeyRefused> {
        let (known, digest) = self.view.find(secret).ok_or(KeyRefused::Unknown)?;
        if !digest.is(&Digest::of(secret)) {
            return Err(KeyRefused::Unknown);
        }
        if known.key.revoked_at.is_some() {
            return Err(KeyRefused::Revoked);
        }
        if known.key.expires_at.is_some_and(|end| end <= now) {
            let replaced = known.key.successor.is_some();
            return Err(if replaced { KeyRefused::Replaced } else { KeyRefused::Expired });
        }
        if is_suspended(&known.tenants) {
            return Err(KeyRefused::Suspended);
        }
        Ok(known)
    }

    /// Whether one of these tenants is suspended, or one that it is within. Who is not known here
    /// is not.
    pub fn is_suspended<'a>(&self, tenants: impl IntoIterator<Item = &'a str>) -> bool {
        let held = self.view.held.read().unwrap_or_else(PoisonError::into_inner);
        let mut above = tenants.into_iter().filter_map(|tenant| held.lineages.get(tenant));
        above.any(|lineage| is_suspended(lineage))
    }

    /// How long ago the last look at the store began that told everything: what was revoked before
    /// is refused. It is below a second while the store can be reached.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.view.seen_at.borrow().elapsed()
    }

    /// Waits for the next look at the store that is told everything.
    pub async fn updated(&self) {
        let mut seen = self.view.seen_at.subscribe();
        // The view has the sender.
        let _ = seen.changed().await;
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Keys").field("age", &self.age()).finish_non_exhaustive()
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.follows.abort();
    }
}

struct View {
    held: RwLock<Held>,
    /// How far acts were read; nobody else reads meanwhile.
    read: tokio::sync::Mutex<[Mark; 2]>,
    /// When the last look began that was told everything.
    seen_at: watch::Sender<Instant>,
}

#[derive(Default)]
struct Held {
    keys: HashMap<String, (Arc<Key>, Digest)>,
    tenants: HashMap<String, Arc<Tenant>>,
    /// Of each tenant, those that it is within, beginning with itself.
    lineages: HashMap<String, Arc<[Arc<Tenant>]>>,
}

/// The last row that was read: its act and its id.
#[derive(Clone, Debug, Default)]
struct Mark(i64, String);

impl Default for View {
    fn default() -> Self {
        Self {
            held: RwLock::default(),
            read: tokio::sync::Mutex::default(),
            seen_at: watch::Sender::new(Instant::now()),
        }
    }
}

impl View {
    fn find(&self, secret: &str) -> Option<(Known, Digest)> {
        let id = id_in(secret)?;
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let (key, digest) = held.keys.get(id)?;
        let tenants = held.lineages.get(&key.tenant)?.clone();
        Some((Known { key: key.clone(), tenants }, *digest))
    }

    /// Reads what changed since the last look. What was read of a look that fails is kept, and not
    /// read again.
    async fn look(&self, store: &dyn Store) -> Result<(), StoreError> {
        const KEYS: &str = "SELECT id, tenant, name, scopes, made_at, expires_at, revoked_at, \
                            successor, digest, changed FROM api_key \
                            WHERE (changed, id) > ($1, $2) ORDER BY changed, id LIMIT $3";
        const TENANTS: &str = "SELECT id, parent, name, made_at, suspended_at, changed \
                               FROM tenant WHERE (changed, id) > ($1, $2) \
                               ORDER BY changed, id LIMIT $3";
        let began = Instant::now();
        let mut read = self.read.lock().await;
        let [keys, tenants] = &mut *read;
        // Keys first: the tenants of all keys that are seen are then there already.
        pages(store, KEYS, keys, |rows| self.take_keys(rows)).await?;
        pages(store, TENANTS, tenants, |rows| self.take_tenants(rows)).await?;
        self.seen_at.send_replace(began);
        Ok(())
    }

    fn take_keys(&self, rows: &[Row]) -> Result<Option<Mark>, StoreError> {
        let read = rows.iter().map(|row| Ok((key::read(row)?, row.get::<Vec<u8>>(8)?)));
        let read = read.collect::<Result<Vec<_>, StoreError>>()?;
        let mark = mark(rows, 9)?;
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        for (key, digest) in read {
            match Digest::stored(&digest) {
                Some(digest) => held.keys.insert(key.id.clone(), (Arc::new(key), digest)),
                None => held.keys.remove(&key.id),
            };
        }
        Ok(mark)
    }

    fn take_tenants(&self, rows: &[Row]) -> Result<Option<Mark>, StoreError> {
        let read = rows.iter().map(tenant::read).collect::<Result<Vec<_>, StoreError>>()?;
        let mark = mark(rows, 5)?;
        if !read.is_empty() {
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            let read = read.into_iter().map(|tenant| (tenant.id.clone(), Arc::new(tenant)));
            held.tenants.extend(read);
            held.lineages = lineages(&held.tenants);
        }
        Ok(mark)
    }
}

/// The mark of the last of these rows; the number of its act is at this place.
fn mark(rows: &[Row], act: usize) -> Result<Option<Mark>, StoreError> {
    let Some(row) = rows.last() else { return Ok(None) };
    Ok(Some(Mark(row.get(act)?, row.get(0)?)))
}

/// Reads all that is behind a mark, and moves it.
async fn pages(
    store: &dyn Store,
    sql: &'static str,
    mark: &mut Mark,
    mut take: impl FnMut(&[Row]) -> Result<Option<Mark>, StoreError>,
) -> Result<(), StoreError> {
    loop {
        let rows = store.read(sql, values![mark.0, &*mark.1, PAGE]).await?;
        if let Some(last) = take(&rows)? {
            *mark = last;
        }
        if (rows.len() as i64) < PAGE {
            return Ok(());
        }
    }
}

fn is_suspended(lineage: &[Arc<Tenant>]) -> bool {
    lineage.iter().any(|tenant| tenant.suspended_at.is_some())
}

fn lineages(tenants: &HashMap<String, Arc<Tenant>>) -> HashMap<String, Arc<[Arc<Tenant>]>> {
    let above = |tenant: &Arc<Tenant>| tenants.get(tenant.parent.as_ref()?).cloned();
    let lineage = |tenant: &Arc<Tenant>| -> Arc<[Arc<Tenant>]> {
        // There is no cycle in the store; while two pages of one move are read there may be one.
        let up = std::iter::successors(Some(tenant.clone()), above).take(tenants.len());
        up.collect()
    };
    tenants.iter().map(|(id, tenant)| (id.clone(), lineage(tenant))).collect()
}

/// Looks whenever something is announced, and every now and then.
async fn follow(view: Arc<View>, store: Arc<dyn Store>) {
    let announced = Notify::new();
    let look = async {
        let mut within = LOOK_WITHIN;
        loop {
            let _ = timeout(LOOK_EVERY, announced.notified()).await;
            // One that fails or takes too long is told by the age of the last that did not. Over a
            // connection that is dead the next is another one; a store that is slow gets longer.
            let took = timeout(within, view.look(&*store)).await;
            within = if took.is_ok() { LOOK_WITHIN } else { (within * 2).min(LOOK_LONGEST) };
        }
    };
    tokio::join!(look, listen(&*store, &announced));
}

/// Says when something was announced, or may have been.
async fn listen(store: &dyn Store, announced: &Notify) {
    loop {
        if let Ok(mut listener) = store.listen().await {
            loop {
                // At the beginning too: nobody listened before.
                announced.notify_one();
                if listener.heard().await.is_err() {
                    break;
                }
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests;
