//! PostgreSQL: the store of many processes on many machines.
//!
//! No call waits for ever. A connection is had within [`PATIENCE`] or not at all, and what is
//! asked over it is answered within [`DEADLINE`]: the server ends what takes longer, and who
//! waits for a server that is gone without a word stops by itself.

use super::row::bound;
use super::{
    Listener, Long, PATIENCE, Pending, Row, Store, StoreError, Transaction, Value, migrations,
};
use crate::LedgerError;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgPool, Postgres};
use std::time::Duration;
use tokio::time::timeout;

/// Connections that a process has at most.
const CONNECTIONS: u32 = 8;
/// How long a statement may take, as the server and as this process see it.
const DEADLINE: Duration = Duration::from_secs(5);
/// What the server is told: a little less, so that its own words come first.
const STATEMENT_TIMEOUT: &str = "4500";
/// What announcements are sent to.
const CHANNEL: &str = "portcullis";

/// A database of a server.
#[derive(Debug)]
pub(crate) struct PostgresStore(PgPool);

impl PostgresStore {
    /// Connects. `shown` is what messages call the database: a URL may have a password in it.
    pub(crate) async fn open(
        options: PgConnectOptions,
        shown: String,
    ) -> Result<Self, LedgerError> {
        let options = options.application_name("portcullis");
        migrate(&options, &shown).await?;
        let limited = options.options([("statement_timeout", STATEMENT_TIMEOUT)]);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with(limited);
        Ok(Self(pool))
    }
}

/// Over a connection of its own, since a migration may take as long as it needs. sqlx sees to it
/// that of several processes that start at once one does it.
async fn migrate(options: &PgConnectOptions, shown: &str) -> Result<(), LedgerError> {
    let failed = |why| LedgerError::Open { at: shown.to_owned(), why };
    let connected = timeout(DEADLINE, options.connect());
    let connected = connected.await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    let mut connection = connected.map_err(failed)?;
    migrations::postgres().run_direct(None, &mut connection, false).await?;
    connection.close().await.map_err(failed)
}

/// Waits for an answer as long as it may take.
async fn within<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    match timeout(DEADLINE, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(StoreError::timed_out()),
    }
}

impl Store for PostgresStore {
    fn begin(&self) -> Pending<'_, Box<dyn Transaction>> {
        Box::pin(async move {
            let begun = within(self.0.begin()).await?;
            Ok(Box::new(PostgresTransaction(begun)) as Box<dyn Transaction>)
        })
    }

    fn read(&self, sql: &'static str, values: Vec<Value>) -> Pending<'_, Vec<Row>> {
        Box::pin(async move {
            let rows = within(bound!(sql, values).fetch_all(&self.0)).await?;
            Ok(rows.into_iter().map(Row::Postgres).collect())
        })
    }

    fn listen(&self) -> Pending<'_, Box<dyn Listener>> {
        Box::pin(within(async move {
            let mut listener = PgListener::connect_with(&self.0).await?;
            listener.listen(CHANNEL).await?;
            Ok(Box::new(Ear(listener)) as Box<dyn Listener>)
        }))
    }
}

struct PostgresTransaction(sqlx::Transaction<'static, Postgres>);

impl Transaction for PostgresTransaction {
    fn lock<'a>(&'a mut self, name: &'a str) -> Pending<'a, ()> {
        const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
        Box::pin(async move {
            within(sqlx::query(LOCK).bind(name).fetch_all(&mut *self.0)).await?;
            Ok(())
        })
    }

    fn run(&mut self, sql: &'static str, values: Vec<Value>) -> Pending<'_, Vec<Row>> {
        Box::pin(async move {
            let rows = within(bound!(sql, values).fetch_all(&mut *self.0)).await?;
            Ok(rows.into_iter().map(Row::Postgres).collect())
        })
    }

    fn run_long(&mut self, sql: &'static Long, values: Vec<Value>) -> Pending<'_, Vec<Row>> {
        self.run(&sql.numbered, values)
    }

    fn announce(&mut self) -> Pending<'_, ()> {
        Box::pin(async move {
            let notify = sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL);
            within(notify.fetch_all(&mut *self.0)).await?;
            Ok(())
        })
    }

    fn commit(self: Box<Self>) -> Pending<'static, ()> {
        Box::pin(within(self.0.commit()))
    }
}

struct Ear(PgListener);

impl Listener for Ear {
    fn heard(&mut self) -> Pending<'_, ()> {
        Box::pin(async move {
            // It would connect anew by itself and say nothing; but what was announced meanwhile
            // is lost, and that the caller has to know.
            match self.0.try_recv().await? {
                Some(_) => Ok(()),
                None => Err(StoreError::Away(sqlx::Error::PoolClosed)),
            }
        })
    }
}
