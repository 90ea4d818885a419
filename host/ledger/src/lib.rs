//! What must outlive a process.
//!
//! A [`Ledger`] is a database: SQLite's, in a file or in memory, or one of a PostgreSQL server,
//! which many processes share. Opening it brings its tables to what this version expects. At
//! present it holds what plugins keep ([`kv`]), tenants and their keys ([`Keys`] is how requests
//! meet them), what tenants put in places of their own ([`Upload`]), the audit log of what operators
//! do, what may be spent and what was ([`Purse`] is how requests spend), and an entry of [`Usage`] a
//! request. Nothing here knows what the names and
//! values in it mean.
//!
//! Statements are checked by the tests, not by sqlx's macros: those need a database while they
//! compile, and compile SQLite a second time.

mod account;
mod admin;
mod audit;
mod background;
mod clock;
mod journal;
mod key;
mod keys;
mod kv;
mod lease;
mod location;
pub mod model;
mod page;
mod purse;
mod store;
mod tenant;
mod upload;
mod usage;
mod warning;
mod window;

pub use account::{Account, Claim, Limit, Measure, Standing, Subject};
pub use admin::AdminError;
pub use audit::{By, Noted};
pub use journal::{Bounds, Journal, JournalError};
pub use key::{Key, Made, NewKey, Rotation, Scopes, Secret};
pub use keys::{KeyRefused, Keys, Known};
pub use kv::{KvError, Quota};
pub use lease::ExchangeError;
pub use location::{Location, NoLocation, ServerUrl};
pub use page::Page;
pub use purse::{Clock, Denied, Further, Held, Purse, Reservation, Ticked, WhenAway};
pub use store::StoreError;
pub use tenant::{NewTenant, Tenant};
pub use upload::{NewUpload, Upload, Uploaded};
pub use usage::{
    Column, Corrected, Correction, Field, Listed, Listing, Place, Question, Step, Sums, Usage,
    UsageError,
};
pub use window::{Period, Window};

use sqlx::migrate::MigrateError;
use std::sync::Arc;
use store::{PostgresStore, SqliteStore, Store};

/// A database that is open. A clone is the same one.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(crate) store: Arc<dyn Store>,
    swept: Arc<kv::Swept>,
}

/// Why it cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is no such file or server, or it is no database of the kind.
    #[error("the ledger at {at} cannot be opened: {why}")]
    Open {
        /// Where, without secrets.
        at: String,
        /// The database's words.
        why: sqlx::Error,
    },
    /// Its tables are not what this version expects; a newer one may have written it.
    #[error("the tables of the ledger cannot be brought up to date: {0}")]
    Tables(#[from] MigrateError),
}

impl Ledger {
    /// Opens the database there.
    ///
    /// # Errors
    ///
    /// If it is not to be had, or one of a newer version.
    pub async fn open(location: &Location) -> Result<Self, LedgerError> {
        Ok(match location {
            Location::Sqlite(path) => Self::over(SqliteStore::open(path).await?),
            Location::Postgres(url) => {
                Self::over(PostgresStore::open(url.connect_with()?, url.to_string()).await?)
            }
        })
    }

    /// A database that lasts as long as this value.
    ///
    /// # Errors
    ///
    /// If SQLite cannot be started.
    pub async fn in_memory() -> Result<Self, LedgerError> {
        Ok(Self::over(SqliteStore::in_memory().await?))
    }

    fn over(store: impl Store + 'static) -> Self {
        Self { store: Arc::new(store), swept: Arc::default() }
    }
}
