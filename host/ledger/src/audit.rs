//! Who did what, and when: every administrative act, in the transaction that does it.
//!
//! An act raises the counter of acts before it looks at anything. That makes acts, which are
//! rare, one at a time over all processes; so a check that an act makes (no cycle of tenants, no
//! second key of a name) still holds when it writes, and who has seen all up to an act's number
//! has missed nothing ([`crate::Keys`] follows by it).

use crate::clock::{at, moment};
use crate::store::{Row, StoreError, Transaction, transact, values};
use crate::{AdminError, Ledger};
use std::time::SystemTime;

/// Who acts, and when.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    /// The operator, as the gateway knows them.
    pub actor: &'a str,
    /// The present, for this act: what is over by then is over.
    pub at: SystemTime,
}

/// An act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// Its number: later acts have higher ones.
    pub act: i64,
    /// When, by the clock of the process that did it.
    pub at: SystemTime,
    /// Who.
    pub actor: String,
    /// What, as a word: `make-key`.
    pub action: String,
    /// To what: the id of a tenant or key, the name of a plugin.
    pub subject: String,
    /// The rest, as JSON. There is never a secret in it.
    pub detail: String,
}

impl Ledger {
    /// Notes an act that is not done in the ledger, such as the swap of a plugin; returns its
    /// number. `detail` is JSON.
    ///
    /// # Errors
    ///
    /// If the store does not answer, or has no such text (one with a NUL).
    pub async fn note(
        &self,
        by: By<'_>,
        action: &str,
        subject: &str,
        detail: &str,
    ) -> Result<i64, AdminError> {
        transact!(self.store, |transaction| note(transaction, by, action, subject, detail))
            .map_err(AdminError::from)
    }

    /// So many acts before the one of this number, or of all; the newest first.
    ///
    /// # Errors
    ///
    /// If the store does not answer.
    pub async fn audit(&self, before: Option<i64>, most: u32) -> Result<Vec<Noted>, AdminError> {
        const NEWEST: &str = "SELECT act, done_at, actor, action, subject, detail FROM audit \
                              WHERE act < $1 ORDER BY act DESC LIMIT $2";
        let values = values![before.unwrap_or(i64::MAX), i64::from(most)];
        let rows = self.store.read(NEWEST, values).await?;
        Ok(rows.iter().map(noted).collect::<Result<_, _>>()?)
    }
}

fn noted(row: &Row) -> Result<Noted, StoreError> {
    Ok(Noted {
        act: row.get(0)?,
        at: moment(row.get(1)?),
        actor: row.get(2)?,
        action: row.get(3)?,
        subject: row.get(4)?,
        detail: row.get(5)?,
    })
}

/// Begins an act: raises the counter, which keeps others from acting until the transaction is
/// over, and notes it. It returns its number, which what the act changes has to bear.
pub(crate) async fn note(
    transaction: &mut dyn Transaction,
    by: By<'_>,
    action: &str,
    subject: &str,
    detail: &str,
) -> Result<i64, StoreError> {
    const RAISE: &str = "UPDATE act_counter SET acts = acts + 1 RETURNING acts";
    const NOTE: &str = "INSERT INTO audit (act, done_at, actor, action, subject, detail) \
                        VALUES ($1, $2, $3, $4, $5, $6)";
    let rows = transaction.run(RAISE, values![]).await?;
    let act = rows.first().ok_or_else(StoreError::no_row)?.get(0)?;
    let values = values![act, at(by.at), by.actor, action, subject, detail];
    transaction.run(NOTE, values).await?;
    transaction.announce().await?;
    Ok(act)
}

#[cfg(test)]
mod tests;
