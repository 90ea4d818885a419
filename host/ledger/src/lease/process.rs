//! How a process comes, shows that it lives, and is found to be gone.

use super::exchange::release;
use crate::account::Account;
use crate::store::{Row, StoreError, Transaction, values};

/// How long a process is not seen before it counts as gone.
pub(crate) const GONE: i64 = 10_000;
/// How long a window is over before its row goes.
const KEPT: i64 = 3_600_000;
/// Slices of others that one transaction takes back.
const AT_ONCE: i64 = 200;

const COME: &str = "INSERT INTO process (id, incarnation, seen_at, journal_position) \
    VALUES ($1, $2, $3, $4) ON CONFLICT (id) \
    DO UPDATE SET incarnation = excluded.incarnation, seen_at = excluded.seen_at \
    RETURNING journal_position";
const SEEN: &str = "UPDATE process SET seen_at = $1 WHERE id = $2 AND incarnation = $3 \
    RETURNING journal_position";
const MOVED: &str = "UPDATE process SET journal_position = $1 WHERE id = $2";
const LEFT: &str = "UPDATE process SET seen_at = 0 WHERE id = $1";
const ALIVE: &str = "SELECT count(*) FROM process WHERE seen_at > $1";
const SLICES: &str = "SELECT account, window_start, held, spare FROM slice WHERE process = $1 \
    ORDER BY account, window_start";
/// What may be taken back of those that are gone: what they may not have spent, and what nobody
/// spends.
const ORPHANS: &str = "SELECT slice.process, slice.account, slice.window_start FROM slice \
    JOIN process ON process.id = slice.process WHERE process.seen_at <= $1 \
    AND (slice.spare > 0 OR slice.account LIKE 'concurrent %') \
    ORDER BY slice.account, slice.window_start, slice.process LIMIT $2";
/// Whether it is gone, and that it does not come back before this transaction is over.
const STALE: &str = "UPDATE process SET seen_at = seen_at WHERE id = $1 AND seen_at <= $2 \
    RETURNING id";
const OVER: &str = "DELETE FROM account_window WHERE window_end < $1 AND leased = 0";

/// Which process this is: the name that it keeps, and the one of this start.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) id: String,
    pub(super) incarnation: String,
}

/// A process is there, again or for the first time. Returns where its journal goes on.
pub(super) async fn come(
    transaction: &mut dyn Transaction,
    who: &Identity,
    (now, first): (i64, u64),
) -> Result<u64, StoreError> {
    let (id, incarnation) = (who.id.as_str(), who.incarnation.as_str());
    let come = values![id, incarnation, now, first.cast_signed()];
    let rows = transaction.run(COME, come).await?;
    Ok(position(rows.first())?.unwrap_or(first))
}

/// A process lives. The row is locked up to the end of the transaction, so that one of which
/// nobody knows whether it was committed is over before. Returns where the journal goes on;
/// `None` where another one has its name now.
pub(super) async fn seen(
    transaction: &mut dyn Transaction,
    who: &Identity,
    now: i64,
) -> Result<Option<u64>, StoreError> {
    let seen = values![now, who.id.as_str(), who.incarnation.as_str()];
    position(transaction.run(SEEN, seen).await?.first())
}

fn position(row: Option<&Row>) -> Result<Option<u64>, StoreError> {
    row.map(|row| row.get::<i64>(0).map(i64::cast_unsigned)).transpose()
}

/// The journal is in the store up to there.
pub(super) async fn moved(
    transaction: &mut dyn Transaction,
    who: &Identity,
    position: u64,
) -> Result<(), StoreError> {
    transaction.run(MOVED, values![position.cast_signed(), who.id.as_str()]).await.map(drop)
}

/// How many processes share.
pub(super) async fn alive(transaction: &mut dyn Transaction, now: i64) -> Result<i64, StoreError> {
    let rows = transaction.run(ALIVE, values![now - GONE]).await?;
    rows.first().map_or(Ok(1), |row| row.get(0))
}

/// What the store holds for a process: of which account's window, to spend, and spare.
pub(super) async fn slices(
    transaction: &mut dyn Transaction,
    id: &str,
) -> Result<Vec<(Account, i64, i64, i64)>, StoreError> {
    let rows = transaction.run(SLICES, values![id]).await?;
    rows.iter()
        .map(|row| {
            let account = Account::named(&row.get::<String>(0)?);
            Ok((account, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .collect()
}

/// Gives back all that a process holds.
pub(super) async fn give_back(
    transaction: &mut dyn Transaction,
    id: &str,
) -> Result<(), StoreError> {
    let held = slices(transaction, id).await?;
    // PostgreSQL sorts texts by a language; rows are locked in the order of bytes.
    let mut keys: Vec<_> = held.into_iter().map(|(account, start, ..)| (account, start)).collect();
    keys.sort_unstable();
    release(transaction, id, &keys, true).await
}

/// A process ends as it should: it holds nothing, and others share without it.
pub(super) async fn left(transaction: &mut dyn Transaction, id: &str) -> Result<(), StoreError> {
    transaction.run(LEFT, values![id]).await.map(drop)
}

/// Takes back what those who are gone may not have spent, and removes what is long over.
pub(super) async fn sweep(transaction: &mut dyn Transaction, now: i64) -> Result<(), StoreError> {
    let rows = transaction.run(ORPHANS, values![now - GONE, AT_ONCE]).await?;
    let mut orphans = Vec::with_capacity(rows.len());
    for row in rows {
        let account = Account::named(&row.get::<String>(1)?);
        orphans.push((account, row.get::<i64>(2)?, row.get::<String>(0)?));
    }
    orphans.sort_unstable();
    let mut processes: Vec<&str> = orphans.iter().map(|(.., process)| process.as_str()).collect();
    processes.sort_unstable();
    processes.dedup();
    let mut gone = Vec::with_capacity(processes.len());
    for process in processes {
        if is_gone(transaction, process, now).await? {
            gone.push(process);
        }
    }
    for (account, start, process) in &orphans {
        if gone.contains(&process.as_str()) {
            let slice = [(account.clone(), *start)];
            release(transaction, process, &slice, false).await?;
        }
    }
    transaction.run(OVER, values![now - KEPT]).await.map(drop)
}

/// Gives back what a process holds that will never come back, and says whether it was gone.
pub(super) async fn forget(
    transaction: &mut dyn Transaction,
    id: &str,
    now: i64,
) -> Result<bool, StoreError> {
    let gone = is_gone(transaction, id, now).await?;
    if gone {
        give_back(transaction, id).await?;
    }
    Ok(gone)
}

async fn is_gone(
    transaction: &mut dyn Transaction,
    id: &str,
    now: i64,
) -> Result<bool, StoreError> {
    Ok(!transaction.run(STALE, values![id, now - GONE]).await?.is_empty())
}
