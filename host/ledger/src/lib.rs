//! What must outlive a process.
//!
//! A [`Ledger`] is an SQLite database, in a file or in memory: opening it brings its tables to
//! what this version expects. At present it holds what plugins keep ([`kv`]). Nothing here knows
//! what the names and values in it mean.
//!
//! Statements are checked by the tests, not by sqlx's macros: those need a database while they
//! compile, and compile SQLite a second time.

mod kv;

pub use kv::{KvError, Quota};

use sqlx::SqlSafeStr as _;
use sqlx::SqlitePool;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Connections that read a file beside the one that writes.
const READERS: u32 = 4;
/// How long a call waits for a connection, or for another process that writes.
const PATIENCE: Duration = Duration::from_secs(2);

/// A database that is open.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// One connection: SQLite has one writer, and who waits in a queue of ours is served in turn,
    /// where who waits for a lock of SQLite's tries again and again.
    write: SqlitePool,
    read: SqlitePool,
}

/// Why it cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is no such file, or it is no database of SQLite's.
    #[error("the ledger at {} cannot be opened: {why}", path.display())]
    Open {
        /// Where.
        path: PathBuf,
        /// SQLite's words.
        why: sqlx::Error,
    },
    /// Its tables are not what this version expects; a newer one may have written it.
    #[error("the tables of the ledger cannot be brought up to date: {0}")]
    Tables(#[from] MigrateError),
}

impl Ledger {
    /// Opens a file, which is made where there is none.
    ///
    /// A change that was answered survives the end of the process; a power failure may take the
    /// last ones (`synchronous = NORMAL`), never the file.
    ///
    /// # Errors
    ///
    /// If it is no database, or one of a newer version.
    pub async fn open(path: &Path) -> Result<Self, LedgerError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(PATIENCE);
        let failed = |why| LedgerError::Open { path: path.to_owned(), why };
        let write = pool(1).connect_with(options.clone()).await.map_err(failed)?;
        migrator().run(&write).await?;
        Ok(Self { write, read: pool(READERS).connect_lazy_with(options) })
    }

    /// A database that lasts as long as this value.
    ///
    /// # Errors
    ///
    /// If SQLite cannot be started.
    pub async fn in_memory() -> Result<Self, LedgerError> {
        let options = SqliteConnectOptions::new().in_memory(true);
        let failed = |why| LedgerError::Open { path: PathBuf::from(":memory:"), why };
        let only = pool(1).connect_with(options).await.map_err(failed)?;
        migrator().run(&only).await?;
        Ok(Self { write: only.clone(), read: only })
    }
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

/// What is done to a database of an earlier version, in order.
fn migrator() -> Migrator {
    let kv = include_str!("../migrations/0001_kv.sql").into_sql_str();
    Migrator::with_migrations(vec![Migration::new(
        1,
        "kv".into(),
        MigrationType::Simple,
        kv,
        false,
    )])
}
