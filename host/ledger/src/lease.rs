//! Slices of budgets: a process takes a part of an account's window from the store and spends it
//! here, so that a request asks nobody, and all processes together never spend past the limit.
//!
//! [`book`] is what this process holds, in memory, and [`balance`] how the store shares. [`desk`]
//! is where the two meet: one transaction ([`exchange`]) in which the store is told what was
//! spent, gets back what is not needed and gives what is. What was spent comes from the journal
//! ([`record`], [`told`]). [`process`] is how a process comes, goes, and is found to be gone.
//!
//! Whatever ends at whatever moment: what is spent is never less than what was promised to
//! somebody, and each entry is in the store once.

mod balance;
mod book;
mod desk;
mod exchange;
mod process;
mod record;
mod told;

pub use desk::ExchangeError;

pub(crate) use balance::Balance;
pub(crate) use book::{Book, Outcome, Plan, Reserved, Short};
pub(crate) use desk::{Desk, Done, Errand};
pub(crate) use process::GONE;
pub(crate) use record::{Amount, Record};
pub(crate) use told::{close_what_is_open, write};

use crate::store::{Store, StoreError};

/// Gives back what a process holds that will never come back, and says whether it was gone.
pub(crate) async fn forget(store: &dyn Store, id: &str, now: i64) -> Result<bool, StoreError> {
    let mut transaction = store.begin().await?;
    let gone = process::forget(&mut *transaction, id, now).await?;
    transaction.commit().await?;
    Ok(gone)
}
