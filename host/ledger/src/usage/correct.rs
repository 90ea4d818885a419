//! What was written at a wrong price is mended by entries of their own: each says by how much the
//! sums were wrong, at the time and in the name of the one that it corrects. Nothing that was
//! written is changed, and no budget of the past.
//!
//! What an entry should have cost is compared with what it and all corrections of it say already.
//! So doing the same twice writes nothing, one that broke off half way is done again, and of two
//! prices the later one holds.

use super::list::{Listed, Place, WIDTH, entry_columns, listed};
use super::{Usage, write};
use crate::audit::note;
use crate::store::{StoreError, Transaction, transact, values};
use crate::{AdminError, By, Ledger};
use serde_json::json;

/// Entries that are looked at in one transaction: nobody else writes meanwhile.
const AT_ONCE: i64 = 500;

/// Two corrections do not look at the same entries at once.
const LOCK: &str = "usage correction";

/// What of an entry and its corrections was charged stands behind its columns. Of an entry whose
/// end is unknown nobody knows the tokens.
const WRONG: &str = concat!(
    "SELECT ",
    entry_columns!(),
    ", CAST(nanodollars + coalesce((SELECT sum(c.nanodollars) FROM usage_correction c \
       WHERE c.of_process = usage_entry.process \
       AND c.of_position = usage_entry.journal_position), 0) AS BIGINT) \
     FROM usage_entry WHERE at >= $1 AND at < $2 AND candidate = $3 AND kind <> 'correction' \
     AND ended <> 'unknown' AND ($4 IS NULL \
     OR (at, usage_entry.process, usage_entry.journal_position) > ($4, $5, $6)) \
     ORDER BY at, usage_entry.process, usage_entry.journal_position LIMIT $7"
);

const MENDED: &str = "INSERT INTO usage_correction \
    (of_process, of_position, process, journal_position, nanodollars) VALUES ($1, $2, $3, $4, $5)";

/// Which entries are corrected.
#[derive(Clone, Copy, Debug)]
pub struct Correction<'a> {
    /// From this millisecond since the Unix epoch on.
    pub from: i64,
    /// Up to this one, which is not in it.
    pub to: i64,
    /// Those of this candidate.
    pub candidate: &'a str,
    /// What the new prices are called.
    pub price_version: &'a str,
}

/// What came of a correction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Corrected {
    /// Its number in the audit log.
    pub act: i64,
    /// Entries that were looked at.
    pub entries: u64,
    /// Those that were wrong.
    pub corrected: u64,
    /// Those that the new prices do not say the cost of.
    pub unpriced: u64,
    /// By how much the sums grew, in nanodollars.
    pub nanodollars: i64,
}

impl Ledger {
    /// Corrects what entries cost: `cost` says what each should have, in nanodollars. It goes in
    /// pieces; one that breaks off is done to the end by doing it again.
    ///
    /// # Errors
    ///
    /// If the store does not answer.
    pub async fn correct(
        &self,
        by: By<'_>,
        correction: Correction<'_>,
        cost: &(dyn Fn(&Usage) -> Option<i64> + Sync),
    ) -> Result<Corrected, AdminError> {
        let Correction { from, to, candidate, price_version } = correction;
        let detail = json!({ "from": from, "to": to, "price_version": price_version }).to_string();
        let act = transact!(self.store, |transaction| note(
            transaction,
            by,
            "correct-prices",
            candidate,
            &detail
        ))?;
        let mut done = Corrected { act, ..Corrected::default() };
        let mut after = None;
        loop {
            let (now, last) = transact!(self.store, |transaction| piece(
                transaction,
                correction,
                after.as_ref(),
                done,
                cost
            ))?;
            done = now;
            match last {
                Some(last) => after = Some(last),
                None => return Ok(done),
            }
        }
    }
}

/// Corrects the entries behind a place, as many as there is time for, and says which was the last.
async fn piece(
    transaction: &mut dyn Transaction,
    correction: Correction<'_>,
    after: Option<&Place>,
    mut done: Corrected,
    cost: &(dyn Fn(&Usage) -> Option<i64> + Sync),
) -> Result<(Corrected, Option<Place>), StoreError> {
    transaction.lock(LOCK).await?;
    let mut values = values![correction.from, correction.to, correction.candidate];
    match after {
        Some(place) => values.extend(place.values()),
        None => values.extend(values![None::<i64>, None::<&str>, None::<i64>]),
    }
    values.push(AT_ONCE.into());
    let rows = transaction.run(WRONG, values).await?;
    let process = format!("correction {}", done.act);
    let (mut entries, mut last) = (Vec::new(), None);
    for row in &rows {
        let Listed { place, usage } = listed(row)?;
        let paid: i64 = row.get(WIDTH)?;
        done.entries += 1;
        match cost(&usage).map(|cost| cost - paid) {
            None => done.unpriced += 1,
            Some(0) => {}
            Some(difference) => {
                let (of, at) = place.key();
                let position = done.corrected;
                let mended = values![of, at, process.as_str(), position.cast_signed(), difference];
                transaction.run(MENDED, mended).await?;
                entries.push((position, mend(usage, correction.price_version, difference)));
                done.corrected += 1;
                done.nanodollars = done.nanodollars.saturating_add(difference);
            }
        }
        last = Some(place);
    }
    write(transaction, &process, &entries).await?;
    Ok((done, last.filter(|_| rows.len() as i64 == AT_ONCE)))
}

/// The entry that says by how much another one was wrong. Its tokens were counted there.
fn mend(wrong: Usage, price_version: &str, nanodollars: i64) -> Usage {
    Usage {
        kind: Usage::CORRECTION.to_owned(),
        price_version: price_version.to_owned(),
        nanodollars,
        tokens_in: 0,
        tokens_out: 0,
        tokens_cached: 0,
        tokens_cache_write: 0,
        tokens_cache_write_1h: 0,
        tokens_reasoning: 0,
        audio_ms: 0,
        took_ms: 0,
        attempts: String::new(),
        estimated: false,
        ..wrong
    }
}
