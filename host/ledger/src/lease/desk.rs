//! Where a process and the store meet: one exchange at a time.
//!
//! The store says up to where the journal is told, and what it holds for this process; here is
//! only remembered what it said. So an exchange of which nobody knows whether it was committed
//! costs a second look, and neither an entry nor a nanodollar.

use super::book::{Book, Plan, Reserved, Short};
use super::exchange::exchange;
use super::process::{self, GONE, Identity};
use super::told::{BATCH, QUIET_BATCH, Told};
use crate::account::Claim;
use crate::background::Background;
use crate::journal::{Journal, JournalError};
use crate::store::{Store, StoreError, Transaction};
use crate::usage;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// How long what the store said of this process is believed without looking: others take what
/// they find to be gone.
const BELIEVED: i64 = GONE - 2_000;

/// Bytes of the journal that may wait to be told quietly. With more of them it is told at the cost
/// of requests, since one that is full takes none.
const BEHIND: u64 = 64 << 20;

/// Why an exchange came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Another process runs with a copy of this one's journal.
    #[error("another process has the name {0}: its journal's folder was copied")]
    Replaced(String),
}

impl ExchangeError {
    /// Whether the store only preferred somebody else this time.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(StoreError::Conflict(_)))
    }
}

/// What an exchange is for.
#[derive(Clone, Copy)]
pub(crate) enum Errand<'a> {
    /// A request waits. Nothing is told, so that it does not wait for that.
    Ask(&'a [Claim]),
    /// What has to be done from time to time.
    Upkeep,
    /// It is over.
    Leave,
}

/// What an exchange came to.
pub(crate) struct Done {
    pub(crate) reserved: Result<Reserved, Short>,
    /// Entries that are in the store now.
    pub(crate) told: usize,
    /// Whether more are waiting.
    pub(crate) more: bool,
    /// Bytes of the journal that could not be read.
    pub(crate) damaged: u64,
    /// Before this position nothing is needed of the journal.
    pub(crate) position: u64,
}

/// What this process remembers of the store.
#[derive(Debug)]
pub(crate) struct Desk {
    store: Arc<dyn Store>,
    journal: Arc<Journal>,
    book: Book,
    who: Identity,
    /// Where in the journal this start begins: the book knows nothing of what was before.
    born: u64,
    /// Where the journal goes on.
    position: u64,
    seen_at: i64,
    /// It has come, and all that its journal had is in the store.
    ready: bool,
    /// Nobody knows what became of the last exchange.
    unsure: bool,
    background: Background,
}

impl Desk {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        journal: Arc<Journal>,
        book: Book,
        incarnation: String,
    ) -> Self {
        let who = Identity { id: journal.process().to_owned(), incarnation };
        let (born, position, seen_at) = (journal.end(), 0, i64::MIN);
        let (ready, unsure, background) = (false, false, Background::start());
        Self { store, journal, book, who, born, position, seen_at, ready, unsure, background }
    }

    /// One exchange with the store.
    pub(crate) async fn exchange(
        &mut self,
        errand: Errand<'_>,
        now: i64,
    ) -> Result<Done, ExchangeError> {
        if !self.ready {
            self.arrive(now).await?;
        }
        // Whoever gives up waiting leaves it so.
        let unsure = std::mem::replace(&mut self.unsure, true);
        let quietly = self.is_quiet(errand);
        // Before rows are locked: others would wait for what is read here.
        let read_from = self.position;
        let mut told = self.told(errand, read_from, quietly).await?;
        let mut transaction = match quietly {
            true => self.store.begin_quietly().await?,
            false => self.store.begin().await?,
        };
        let tx = &mut *transaction;
        let position = process::seen(tx, &self.who, now).await?;
        let position = position.ok_or_else(|| ExchangeError::Replaced(self.who.id.clone()))?;
        self.catch_up(position)?;
        if unsure || now.saturating_sub(self.seen_at) > BELIEVED {
            self.book.correct(&process::slices(tx, &self.who.id).await?);
        }
        if position != read_from {
            told = self.told(errand, position, quietly).await?;
        }
        let (mut plan, claims) = self.plan(errand, now);
        let wants_more = plan.moves.iter().any(|it| it.stock);
        let processes = if wants_more { process::alive(tx, now).await? } else { 1 };
        // Rows that everybody wants come last: they are locked for a few statements, and not for
        // as long as entries are written.
        self.tell(tx, &told, position).await?;
        let outcomes = exchange(tx, &self.who.id, (processes, now), &plan.moves, &told).await?;
        plan.committing();
        transaction.commit().await?;
        (self.position, self.seen_at, self.unsure) = (told.next, now, false);
        Ok(Done {
            reserved: plan.apply(&outcomes, claims, now),
            told: told.entries.len(),
            more: told.next < self.journal.end(),
            damaged: told.damaged,
            position: told.next,
        })
    }

    /// Looks for what others left. A transaction of its own: rows are locked in sorted order, and
    /// an exchange has locked some already.
    pub(crate) async fn sweep(&self, now: i64) -> Result<(), ExchangeError> {
        let mut transaction = self.store.begin().await?;
        process::sweep(&mut *transaction, now).await?;
        Ok(transaction.commit().await?)
    }

    /// Gives back everything; the journal has been told.
    pub(crate) async fn leave(&mut self) -> Result<(), ExchangeError> {
        let mut transaction = self.store.begin().await?;
        process::give_back(&mut *transaction, &self.who.id).await?;
        process::left(&mut *transaction, &self.who.id).await?;
        Ok(transaction.commit().await?)
    }

    /// The store learns that this process is there, and all that its journal had before. What it
    /// held then goes back: what of it was spent, or may have been, stands in the journal.
    async fn arrive(&mut self, now: i64) -> Result<(), ExchangeError> {
        let mut transaction = self.store.begin().await?;
        let first = self.journal.first();
        let mut position = process::come(&mut *transaction, &self.who, (now, first)).await?;
        transaction.commit().await?;
        self.journal.advance(position)?;
        while position < self.born {
            let told = Told::read(&self.journal, position, self.born, BATCH)?;
            let mut transaction = self.store.begin().await?;
            let tx = &mut *transaction;
            let known = process::seen(tx, &self.who, now).await?;
            if known != Some(position) {
                return Err(ExchangeError::Replaced(self.who.id.clone()));
            }
            self.tell(tx, &told, position).await?;
            exchange(tx, &self.who.id, (1, now), &[], &told).await?;
            transaction.commit().await?;
            position = told.next;
        }
        let mut transaction = self.store.begin().await?;
        process::give_back(&mut *transaction, &self.who.id).await?;
        transaction.commit().await?;
        (self.position, self.seen_at, self.ready, self.unsure) = (position, now, true, true);
        Ok(())
    }

    /// Entries, and how far the journal is told with them.
    async fn tell(
        &self,
        transaction: &mut dyn Transaction,
        told: &Told,
        position: u64,
    ) -> Result<(), StoreError> {
        usage::write(transaction, &self.who.id, &told.entries).await?;
        if told.next != position {
            process::moved(transaction, &self.who, told.next).await?;
        }
        Ok(())
    }

    /// The store is elsewhere in the journal than was thought: it took the last exchange without
    /// a word, or it was set back to an earlier day.
    fn catch_up(&mut self, position: u64) -> Result<(), JournalError> {
        let (mut from, to, sign) = if position >= self.position {
            (self.position, position, 1)
        } else {
            (position, self.position, -1)
        };
        while from < to {
            let told = Told::read(&self.journal, from, to, BATCH)?;
            for ((account, start), (amount, _)) in &told.spent {
                self.book.told(account, *start, sign * amount);
            }
            if told.next <= from {
                break;
            }
            from = told.next;
        }
        self.position = position;
        Ok(())
    }

    /// Whether it can take its time: nobody waits for it, and what is not told yet is not much.
    fn is_quiet(&self, errand: Errand<'_>) -> bool {
        let behind = self.journal.end().saturating_sub(self.position);
        matches!(errand, Errand::Upkeep) && behind < BEHIND
    }

    /// What there is to tell, from there on.
    async fn told(
        &self,
        errand: Errand<'_>,
        from: u64,
        quietly: bool,
    ) -> Result<Told, JournalError> {
        if matches!(errand, Errand::Ask(_)) {
            return Ok(Told::nothing(from));
        }
        let journal = self.journal.clone();
        let most = if quietly { QUIET_BATCH } else { BATCH };
        let read = move || Told::read(&journal, from, u64::MAX, most);
        if quietly {
            return self.background.run(read).await;
        }
        // It ends with the process at the latest, and does not panic.
        spawn_blocking(read.clone()).await.unwrap_or_else(|_| read())
    }

    fn plan<'a>(&self, errand: Errand<'a>, now: i64) -> (Plan, &'a [Claim]) {
        match errand {
            Errand::Ask(claims) => (self.book.ask(claims, now), claims),
            Errand::Upkeep => (self.book.upkeep(now), &[]),
            Errand::Leave => (self.book.give_up(), &[]),
        }
    }
}
