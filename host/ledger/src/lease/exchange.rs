//! The transaction in which a process tells the store what was spent, gives back what it does not
//! need and takes what it does.
//!
//! Whoever changes an account's window or a slice of it has locked the row of the window before,
//! and locks rows in sorted order: there are no deadlocks, and what is read stays true up to the
//! commit. The row of the process is locked before all of them ([`super::process::seen`]), so that
//! what is read of its slices is not older than what is read of the window.

use super::balance::Balance;
use super::book::{Move, Outcome};
use super::told::Told;
use crate::account::Account;
use crate::store::{StoreError, Transaction, values};
use std::collections::BTreeMap;

/// Inserts the row or locks it, and says what stands there and what the process holds of it.
const WANTED: &str = "INSERT INTO account_window \
    (account, window_start, window_end, most, settled, leased) VALUES ($1, $2, $3, $4, 0, 0) \
    ON CONFLICT (account, window_start) \
    DO UPDATE SET most = excluded.most, window_end = excluded.window_end \
    RETURNING settled, leased, \
    (SELECT held FROM slice WHERE process = $5 AND account = $1 AND window_start = $2), \
    (SELECT spare FROM slice WHERE process = $5 AND account = $1 AND window_start = $2)";
/// The same for who does not know the limit.
const LOCKED: &str = "INSERT INTO account_window \
    (account, window_start, window_end, most, settled, leased) VALUES ($1, $2, $3, 0, 0, 0) \
    ON CONFLICT (account, window_start) DO UPDATE SET window_end = excluded.window_end \
    RETURNING settled, leased, \
    (SELECT held FROM slice WHERE process = $4 AND account = $1 AND window_start = $2), \
    (SELECT spare FROM slice WHERE process = $4 AND account = $1 AND window_start = $2)";
const LOCK: &str = "UPDATE account_window SET settled = settled \
    WHERE account = $1 AND window_start = $2 RETURNING settled, leased";
const SLICE: &str =
    "SELECT held, spare FROM slice WHERE process = $1 AND account = $2 AND window_start = $3";
const WRITE_WINDOW: &str = "UPDATE account_window SET settled = $1, leased = $2 \
    WHERE account = $3 AND window_start = $4";
const WRITE_SLICE: &str = "INSERT INTO slice (process, account, window_start, held, spare) \
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (process, account, window_start) \
    DO UPDATE SET held = excluded.held, spare = excluded.spare";
const REMOVE_SLICE: &str =
    "DELETE FROM slice WHERE process = $1 AND account = $2 AND window_start = $3";

/// How long a conversation counts that nobody goes on with: its window has no end, and there are
/// ever more of them.
const TALKED: i64 = 30 * 86_400_000;

/// What is to be done with one account's window.
#[derive(Default)]
struct Change<'a> {
    end: i64,
    told: i64,
    want: Option<&'a Move>,
}

/// Does everything that is wanted and told, and says what came of it.
pub(super) async fn exchange(
    transaction: &mut dyn Transaction,
    process: &str,
    (processes, now): (i64, i64),
    moves: &[Move],
    told: &Told,
) -> Result<Vec<Outcome>, StoreError> {
    let mut changes = BTreeMap::<(&Account, i64), Change<'_>>::new();
    for want in moves {
        let change = changes.entry((&want.account, want.window.start)).or_default();
        (change.end, change.want) = (want.window.end, Some(want));
    }
    for ((account, start), (amount, end)) in &told.spent {
        let change = changes.entry((account, *start)).or_default();
        (change.end, change.told) = (*end, *amount);
    }
    let mut outcomes = Vec::with_capacity(changes.len());
    for ((account, start), mut change) in changes {
        if account.is_of_conversation() {
            change.end = change.end.min(now.saturating_add(TALKED));
        }
        let mut balance = balance(transaction, process, account, start, &change).await?;
        let before = balance;
        // First what is wanted: of what was spent beyond what was held it brings the rest.
        let moved = change.want.map(|want| balance.shift(want, processes));
        balance.settle(change.told);
        if balance != before {
            put(transaction, process, account, start, balance).await?;
        }
        outcomes.push(Outcome {
            account: account.clone(),
            start,
            held: balance.held,
            spare: balance.spare,
            told: change.told,
            others: balance.others(),
            moved,
        });
    }
    Ok(outcomes)
}

async fn balance(
    transaction: &mut dyn Transaction,
    process: &str,
    account: &Account,
    start: i64,
    change: &Change<'_>,
) -> Result<Balance, StoreError> {
    let (name, end) = (account.name(), change.end);
    let rows = match change.want {
        Some(want) => {
            let wanted = values![name, start, end, want.most, process];
            transaction.run(WANTED, wanted).await?
        }
        None => transaction.run(LOCKED, values![name, start, end, process]).await?,
    };
    let row = rows.first().ok_or_else(StoreError::no_row)?;
    let [held, spare] = [row.get::<Option<i64>>(2)?, row.get::<Option<i64>>(3)?];
    Ok(Balance {
        settled: row.get(0)?,
        leased: row.get(1)?,
        held: held.unwrap_or_default(),
        spare: spare.unwrap_or_default(),
    })
}

/// What a process holds; what there is besides stands in another row.
async fn slice(
    transaction: &mut dyn Transaction,
    process: &str,
    account: &Account,
    start: i64,
) -> Result<Balance, StoreError> {
    let mut balance = Balance::default();
    let rows = transaction.run(SLICE, values![process, account.name(), start]).await?;
    if let Some(row) = rows.first() {
        (balance.held, balance.spare) = (row.get(0)?, row.get(1)?);
    }
    Ok(balance)
}

async fn put(
    transaction: &mut dyn Transaction,
    process: &str,
    account: &Account,
    start: i64,
    balance: Balance,
) -> Result<(), StoreError> {
    let Balance { settled, leased, held, spare } = balance;
    let name = account.name();
    transaction.run(WRITE_WINDOW, values![settled, leased, name, start]).await?;
    if held == 0 && spare == 0 {
        transaction.run(REMOVE_SLICE, values![process, name, start]).await?;
    } else {
        transaction.run(WRITE_SLICE, values![process, name, start, held, spare]).await?;
    }
    Ok(())
}

/// Takes from a process what it holds: all of it, or only what it may not have spent. The slices
/// are in sorted order.
pub(super) async fn release(
    transaction: &mut dyn Transaction,
    process: &str,
    slices: &[(Account, i64)],
    all: bool,
) -> Result<(), StoreError> {
    for (account, start) in slices {
        // A row that is not there has no slices.
        let lock = values![account.name(), *start];
        let rows = transaction.run(LOCK, lock).await?;
        let Some(row) = rows.first() else { continue };
        let mut balance = slice(transaction, process, account, *start).await?;
        (balance.settled, balance.leased) = (row.get(0)?, row.get(1)?);
        balance.leased -= std::mem::take(&mut balance.spare);
        if all || account.comes_back() {
            balance.leased -= std::mem::take(&mut balance.held);
        }
        put(transaction, process, account, *start, balance).await?;
    }
    Ok(())
}
