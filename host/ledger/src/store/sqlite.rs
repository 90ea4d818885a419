//! SQLite, in a file or in memory: the store of who runs one process, or several on one machine.
//!
//! A change that was answered survives the end of the process; a power failure may take the last
//! ones (`synchronous = NORMAL`), never the file.

use super::row::bound;
use super::{
    Listener, Long, PATIENCE, Pending, Row, Store, StoreError, Transaction, Value, migrations,
};
use crate::LedgerError;
use crate::background::give_way;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tokio::time::timeout;

/// Connections that read a file beside the one that writes.
const READERS: u32 = 4;
/// The order of texts by their bytes, as PostgreSQL calls it: SQLite's own name is another.
const BYTES: &str = "C";

/// A database of SQLite's that is open.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    /// SQLite has one writer, and who waits in a queue of ours is served in turn, where who waits
    /// for a lock of SQLite's tries again and again.
    turn: Arc<Mutex<()>>,
    /// One connection.
    write: SqlitePool,
    /// Another, which gives way to those that serve requests.
    quiet: SqlitePool,
    read: SqlitePool,
}

impl SqliteStore {
    /// Opens a file, which is made where there is none.
    pub(crate) async fn open(path: &Path) -> Result<Self, LedgerError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .collation(BYTES, Ord::cmp)
            .busy_timeout(PATIENCE);
        let failed = |why| LedgerError::Open { at: path.display().to_string(), why };
        let write = pool(1).connect_with(options.clone()).await.map_err(failed)?;
        migrate(&write).await?;
        let quiet = giving_way(options.clone()).await;
        let quiet =
            quiet.map_err(|why| LedgerError::Open { at: path.display().to_string(), why })?;
        let read = pool(READERS).connect_lazy_with(options);
        Ok(Self { turn: Arc::default(), write, quiet, read })
    }

    /// A database that lasts as long as this value.
    pub(crate) async fn in_memory() -> Result<Self, LedgerError> {
        let options = SqliteConnectOptions::new().in_memory(true).collation(BYTES, Ord::cmp);
        let failed = |why| LedgerError::Open { at: ":memory:".to_owned(), why };
        let only = pool(1).connect_with(options).await.map_err(failed)?;
        migrate(&only).await?;
        Ok(Self { turn: Arc::default(), write: only.clone(), quiet: only.clone(), read: only })
    }

    fn begin_on<'a>(&'a self, write: &'a SqlitePool) -> Pending<'a, Box<dyn Transaction>> {
        Box::pin(async move {
            let turn = timeout(PATIENCE, self.turn.clone().lock_owned()).await;
            let turn = turn.map_err(|_| StoreError::timed_out())?;
            // The lock is taken at once: who reads first and writes later may find that another
            // process wrote meanwhile, and can only begin again.
            let begun = write.begin_with("BEGIN IMMEDIATE").await?;
            Ok(Box::new(SqliteTransaction { begun, _turn: turn }) as Box<dyn Transaction>)
        })
    }
}

/// A connection on a thread that gives way to those that serve requests: sqlx starts it for the
/// connection, so it is as the one is that starts it.
async fn giving_way(options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let (done, connected) = oneshot::channel();
    let runtime = Handle::current();
    thread::spawn(move || {
        give_way();
        // Nobody waits any more, maybe.
        let _ = done.send(runtime.block_on(pool(1).connect_with(options)));
    });
    connected.await.map_err(|_| sqlx::Error::WorkerCrashed)?
}

/// All in one transaction: sqlx lets two processes that start at once do the same, and the second
/// of them fail.
async fn migrate(write: &SqlitePool) -> Result<(), MigrateError> {
    let mut begun = write.begin_with("BEGIN IMMEDIATE").await?;
    migrations::sqlite().run_direct(None, &mut *begun, false).await?;
    Ok(begun.commit().await?)
}

/// Connections that stay: of a database in memory they are all that there is.
fn pool(most: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(most)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

impl Store for SqliteStore {
    fn begin(&self) -> Pending<'_, Box<dyn Transaction>> {
        self.begin_on(&self.write)
    }

    fn begin_quietly(&self) -> Pending<'_, Box<dyn Transaction>> {
        self.begin_on(&self.quiet)
    }

    fn read(&self, sql: &'static str, values: Vec<Value>) -> Pending<'_, Vec<Row>> {
        Box::pin(async move {
            let rows = bound!(sql, values).fetch_all(&self.read).await?;
            Ok(rows.into_iter().map(Row::Sqlite).collect())
        })
    }

    fn listen(&self) -> Pending<'_, Box<dyn Listener>> {
        Box::pin(async { Ok(Box::new(Deaf) as Box<dyn Listener>) })
    }
}

struct SqliteTransaction {
    begun: sqlx::Transaction<'static, Sqlite>,
    /// Behind it: the next one's turn begins when this one is over.
    _turn: OwnedMutexGuard<()>,
}

impl Transaction for SqliteTransaction {
    /// The one that writes is alone.
    fn lock<'a>(&'a mut self, _: &'a str) -> Pending<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn run(&mut self, sql: &'static str, values: Vec<Value>) -> Pending<'_, Vec<Row>> {
        Box::pin(async move {
            let rows = bound!(sql, values).fetch_all(&mut *self.begun).await?;
            Ok(rows.into_iter().map(Row::Sqlite).collect())
        })
    }

    fn run_long(&mut self, sql: &'static Long, values: Vec<Value>) -> Pending<'_, Vec<Row>> {
        self.run(&sql.anonymous, values)
    }

    fn announce(&mut self) -> Pending<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn commit(self: Box<Self>) -> Pending<'static, ()> {
        Box::pin(async move { Ok(self.begun.commit().await?) })
    }
}

/// SQLite tells other processes of nothing.
struct Deaf;

impl Listener for Deaf {
    fn heard(&mut self) -> Pending<'_, ()> {
        Box::pin(std::future::pending())
    }
}
