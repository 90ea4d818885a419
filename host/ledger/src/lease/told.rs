//! What the journal has to tell the store: amounts that were spent, and entries.

use super::record::{Amount, Record};
use crate::account::Account;
use crate::journal::{Journal, JournalError, Room};
use crate::usage::Usage;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Bytes that are told in one transaction: some two thousand entries, so that a round is one even
/// at a few thousand requests a second.
pub(super) const BATCH: usize = 4 << 20;
/// The same where it takes its time: who has to ask the store meanwhile waits for all of it, and
/// on a busy machine it gets little of that.
pub(super) const QUIET_BATCH: usize = BATCH / 8;

/// A piece of the journal.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What was spent of each account's window, and when that ends.
    pub(super) spent: BTreeMap<(Account, i64), (i64, i64)>,
    /// The entries that were closed, by where that stands.
    pub(super) entries: Vec<(u64, Usage)>,
    /// Where the next piece begins.
    pub(super) next: u64,
    /// Bytes that could not be read.
    pub(super) damaged: u64,
}

impl Told {
    /// Nothing, at a position.
    pub(super) fn nothing(position: u64) -> Self {
        Self { next: position, ..Self::default() }
    }

    /// What stands in the journal from a position on, up to another, until it is `most` bytes.
    pub(super) fn read(
        journal: &Journal,
        from: u64,
        to: u64,
        most: usize,
    ) -> Result<Self, JournalError> {
        let batch = journal.read(from, most)?;
        let mut told = Self { next: batch.next.min(to), damaged: batch.damaged, ..Self::default() };
        for (position, bytes) in batch.records.into_iter().filter(|(at, _)| *at < to) {
            // What was promised is of no interest here, and half of all that is written.
            if Record::is_opened(&bytes) {
                continue;
            }
            let Ok(record) = serde_json::from_slice::<Record<'_>>(&bytes) else {
                told.damaged += bytes.len() as u64;
                continue;
            };
            let Record::Closed { spent, usage, .. } = record else { continue };
            for amount in spent {
                let sum = told.spent.entry((amount.account(), amount.start)).or_default();
                sum.0 = sum.0.saturating_add(amount.amount);
                sum.1 = amount.end;
            }
            told.entries.push((position, usage.into_owned()));
        }
        Ok(told)
    }
}

/// Closes what the process that wrote this journal left open when it died: it counts as spent
/// what it had reserved. Returns how many entries that were.
pub(crate) fn close_what_is_open(journal: &Journal) -> Result<u64, JournalError> {
    let mut open = BTreeMap::<u64, (Vec<Amount<'static>>, Usage)>::new();
    let mut at = journal.first();
    loop {
        let batch = journal.read(at, BATCH)?;
        for (position, bytes) in &batch.records {
            match serde_json::from_slice::<Record<'_>>(bytes) {
                Ok(Record::Opened { entry, reserved, usage }) => {
                    let entry = open.entry(entry.unwrap_or(*position)).or_default();
                    entry.0.extend(reserved.iter().map(Amount::owned));
                    if let Some(usage) = usage {
                        entry.1 = usage.into_owned();
                    }
                }
                Ok(Record::Closed { entry: Some(entry), .. }) => drop(open.remove(&entry)),
                Ok(Record::Closed { entry: None, .. }) | Err(_) => {}
            }
        }
        if batch.next <= at {
            break;
        }
        at = batch.next;
    }
    for (&entry, (reserved, usage)) in &open {
        let money = reserved.iter().filter(|it| it.account.starts_with("nanodollars "));
        let usage = Usage {
            end: Usage::UNKNOWN.to_owned(),
            nanodollars: money.map(|it| it.amount).max().unwrap_or(usage.nanodollars),
            estimated: true,
            ..usage.clone()
        };
        let spent = reserved.iter().filter(|it| !it.account().comes_back()).cloned().collect();
        let (entry, usage) = (Some(entry), Cow::Owned(usage));
        write(journal, &Record::Closed { entry, spent, usage }, Room::Granted)?;
    }
    Ok(open.len() as u64)
}

/// Writes a record, and returns where it begins.
pub(crate) fn write(
    journal: &Journal,
    record: &Record<'_>,
    room: Room,
) -> Result<u64, JournalError> {
    // There are only texts and numbers in it, which cannot fail.
    let bytes = serde_json::to_vec(record).unwrap_or_default();
    journal.append(&bytes, room)
}

impl Amount<'_> {
    fn owned(&self) -> Amount<'static> {
        let account = Cow::Owned(self.account.clone().into_owned());
        Amount { account, start: self.start, end: self.end, amount: self.amount }
    }
}
