//! Where everything is kept: one trait over two databases, so that what is asked of them is
//! written once.
//!
//! SQLite takes `$1` for a parameter as PostgreSQL does, and both have `INSERT … ON CONFLICT`,
//! `RETURNING` and partial indexes. So a statement is one text for both, of types that mean the
//! same in both: `BIGINT`, `TEXT`, `BYTEA`, `DOUBLE PRECISION`. How texts are ordered is the
//! server's choice; who has to know says `COLLATE "C"`, by their bytes. (sqlx's own `Any` driver
//! was no way: it has no bytes in SQLite's dialect of it, no locks and no notices.)
//!
//! Writes go through [`transact`], which does them again where PostgreSQL ended them for the sake
//! of another. What several processes race for is one conditional statement, or is behind
//! [`Transaction::lock`]; who changes several rows does it in sorted order.

mod migrations;
mod postgres;
mod row;
mod sqlite;

pub(crate) use postgres::PostgresStore;
pub(crate) use row::{Row, Value, values};
pub(crate) use sqlite::SqliteStore;

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;
use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;

/// How long a call waits for a connection, or for another process that writes.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a transaction is begun that PostgreSQL ends for the sake of another.
const TRIES: u32 = 5;

/// What a store will have done.
pub(crate) type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A database.
pub(crate) trait Store: Debug + Send + Sync {
    /// A transaction that may write; dropping it undoes it. SQLite has one at a time, over all
    /// processes; on PostgreSQL each statement sees what was committed before it (`READ
    /// COMMITTED`). Most callers want [`transact`].
    fn begin(&self) -> Pending<'_, Box<dyn Transaction>>;

    /// The same for what nobody waits for: it may take longer while others have much to do.
    fn begin_quietly(&self) -> Pending<'_, Box<dyn Transaction>> {
        self.begin()
    }

    /// Reads what is committed, outside of any transaction.
    fn read(&self, sql: &'static str, values: Vec<Value>) -> Pending<'_, Vec<Row>>;

    /// A place to hear of changes that processes announce.
    fn listen(&self) -> Pending<'_, Box<dyn Listener>>;
}

/// Changes that become visible together, or not at all.
pub(crate) trait Transaction: Send {
    /// Waits until nobody else has this name, and keeps it to the end of the transaction. Who
    /// needs several names takes them in sorted order.
    fn lock<'a>(&'a mut self, name: &'a str) -> Pending<'a, ()>;

    /// Runs one statement, and returns the rows that it reads or has `RETURNING`.
    fn run(&mut self, sql: &'static str, values: Vec<Value>) -> Pending<'_, Vec<Row>>;

    /// The same, of a statement with very many parameters.
    fn run_long(&mut self, sql: &'static Long, values: Vec<Value>) -> Pending<'_, Vec<Row>>;

    /// Wakes every [`Listener`] when this transaction is committed.
    fn announce(&mut self) -> Pending<'_, ()>;

    /// Makes the changes visible. One that fails as [`StoreError::Away`] may have happened.
    fn commit(self: Box<Self>) -> Pending<'static, ()>;
}

/// A statement with very many parameters, each used once and in order. For each that has a name
/// (`$1` is one), SQLite and sqlx look through the names of all.
#[derive(Debug)]
pub(crate) struct Long {
    /// With `$1`, `$2`, …
    pub(crate) numbered: String,
    /// With `?`.
    pub(crate) anonymous: String,
}

/// Hears of changes, at best: what it misses has to be found by asking from time to time.
pub(crate) trait Listener: Send {
    /// Waits for the next announcement. It fails where the connection is lost; then a new
    /// listener is needed. SQLite has no announcements, and this waits for ever.
    fn heard(&mut self) -> Pending<'_, ()>;
}

/// Why a store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, is too slow, is full or lets nobody write at present: the same may
    /// work later.
    #[error("the store is away: {0}")]
    Away(sqlx::Error),
    /// PostgreSQL ended the transaction for the sake of another; the same works when it is done
    /// again, which [`transact`] does.
    #[error("the store is busy with others: {0}")]
    Conflict(sqlx::Error),
    /// It does not understand what is asked, or what it holds is not what this version expects.
    #[error("{0}")]
    Wrong(sqlx::Error),
}

impl StoreError {
    /// Whether the same may work later, without anybody mending anything in this program.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Conflict(_))
    }

    /// A row that a migration put there, and somebody removed.
    pub(crate) fn no_row() -> Self {
        Self::Wrong(sqlx::Error::RowNotFound)
    }

    /// A call that took longer than it may.
    fn timed_out() -> Self {
        Self::Away(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(why: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &why {
            E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => {
                Self::Away(why)
            }
            E::Database(said) => match kind(&**said) {
                Kind::Away => Self::Away(why),
                Kind::Conflict => Self::Conflict(why),
                Kind::Wrong => Self::Wrong(why),
            },
            _ => Self::Wrong(why),
        }
    }
}

enum Kind {
    Away,
    Conflict,
    Wrong,
}

/// What the code of an error means: SQLite's are numbers, PostgreSQL's five characters
/// (<https://www.sqlite.org/rescode.html>,
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn kind(said: &dyn DatabaseError) -> Kind {
    let code = said.code().unwrap_or_default();
    if said.try_downcast_ref::<PgDatabaseError>().is_some() {
        return match &*code {
            "40001" | "40P01" => Kind::Conflict,
            // A time-out of a statement or a lock, and a server that only reads.
            "57014" | "55P03" | "25006" | "25P03" => Kind::Away,
            // Connections, resources, operators, the system.
            _ if ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => Kind::Away,
            _ => Kind::Wrong,
        };
    }
    // The low byte is the code, the rest says more of it: busy, locked, read-only, input or
    // output, full, cannot be opened.
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(5 | 6 | 8 | 10 | 13 | 14) => Kind::Away,
        _ => Kind::Wrong,
    }
}

/// Does everything of a future in one transaction, or nothing: what fails is undone. It is a
/// [`Result`] of this form again, within a function that returns another.
///
/// ```text
/// transact!(self.store, |transaction| write(transaction, key, value))
/// ```
///
/// The expression is evaluated again where the store ended the transaction for the sake of
/// another, so it may change nothing outside of it. (A function with an `AsyncFn` would read
/// better; the compiler cannot tell yet that its future is `Send`.)
macro_rules! transact {
    ($store:expr, |$transaction:ident| $act:expr) => {{
        let mut tries = $crate::store::Tries::default();
        loop {
            let mut begun = $store.begin().await?;
            let $transaction: &mut dyn $crate::store::Transaction = &mut *begun;
            let done = $act.await;
            if let Some(done) = tries.end(begun, done).await {
                break done;
            }
        }
    }};
}
pub(crate) use transact;

/// How often a transaction was begun; of [`transact`].
#[derive(Default)]
pub(crate) struct Tries(u32);

impl Tries {
    /// Commits what went well. `None`: it has to be begun again.
    pub(crate) async fn end<R, E: From<StoreError> + AsConflict>(
        &mut self,
        transaction: Box<dyn Transaction>,
        done: Result<R, E>,
    ) -> Option<Result<R, E>> {
        let done = match done {
            Ok(done) => transaction.commit().await.map(|()| done).map_err(E::from),
            Err(why) => Err(why),
        };
        self.0 += 1;
        let again = self.0 < TRIES && done.as_ref().is_err_and(AsConflict::is_conflict);
        (!again).then_some(done)
    }
}

/// An error that may be a [`StoreError::Conflict`].
pub(crate) trait AsConflict {
    /// Whether it is one.
    fn is_conflict(&self) -> bool;
}

impl AsConflict for StoreError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }
}

#[cfg(test)]
pub(crate) mod tests;
