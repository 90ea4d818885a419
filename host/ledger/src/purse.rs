//! What a gateway spends from: it reserves before a call and settles after it.
//!
//! A [`Reservation`] is an entry that is open. It stands in the journal before anybody is told
//! that there is one, and closing it, or dropping it, stands there before anything of it is given
//! back. The store is asked only where this process holds too little (see [`crate::lease`]).

use crate::Ledger;
use crate::account::{Claim, Limit, Standing};
use crate::journal::{Journal, JournalError, Room};
use crate::lease::{
    Amount, Book, Desk, Done, Errand, ExchangeError, Record, Reserved, Short, close_what_is_open,
    write,
};
use crate::usage::Usage;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{interval, timeout};
use uuid::Uuid;

/// How long a request waits for the store.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a request asks again because others were quicker.
const TRIES: u32 = 8;
/// How often what was used is told.
const TELL: Duration = Duration::from_millis(250);
/// How often the journal is brought to the disk.
const SYNC: Duration = Duration::from_millis(100);
/// How often others are looked after, in milliseconds.
const SWEEP: i64 = 2_000;

/// What time it is, in milliseconds since the Unix epoch.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What becomes of a request for which the store would have to be asked, and is away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenAway {
    /// It is refused: the limit goes first.
    #[default]
    Refuse,
    /// It is served, and settled when the store is back: being available goes first.
    Serve,
}

/// The purse of one process.
pub struct Purse {
    book: Book,
    journal: Arc<Journal>,
    desk: tokio::sync::Mutex<Desk>,
    clock: Clock,
    when_away: WhenAway,
    /// Entries that are open, by where the journal has them.
    open: Mutex<BTreeSet<u64>>,
    is_away: AtomicBool,
    swept_at: AtomicI64,
    served_beyond: AtomicU64,
    wake: Notify,
    /// Whoever waits until nothing is open.
    closed: Notify,
    unknown: u64,
}

/// Why nothing was reserved.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// There is not that much left.
    #[error("{} is spent: {} of {}", .0.account, .0.spent, .0.most)]
    Spent(Standing),
    /// The store would have to be asked, and does not answer.
    #[error("what is left cannot be found out at present")]
    Unavailable,
    /// The journal does not take it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What a [`Purse::tick`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticked {
    /// Entries that are in the store now.
    pub told: usize,
    /// Whether more wait in the journal.
    pub more: bool,
    /// Bytes of the journal that could not be read: somebody should know.
    pub damaged: u64,
}

/// An entry that is open, and what is reserved for it. Dropping it closes it as abandoned, with
/// nothing spent.
#[derive(Debug)]
pub struct Reservation {
    purse: Arc<Purse>,
    entry: u64,
    /// `None` once it is closed.
    reserved: Option<Reserved>,
    about: Usage,
}

/// Reserves more for an entry that is open: of who is tried next.
#[derive(Clone, Debug)]
pub struct Further {
    purse: Arc<Purse>,
    entry: u64,
}

/// What was reserved further. It goes back when it is dropped before it was
/// [added](Reservation::add).
#[derive(Debug)]
#[must_use]
pub struct Held(Reserved);

impl Ledger {
    /// The purse of this process, which is called by its journal. What the process before it left
    /// open there counts as spent. The store is not asked yet: the first request or
    /// [`Purse::tick`] does it.
    ///
    /// # Errors
    ///
    /// If the journal cannot be read or written.
    pub fn purse(
        &self,
        journal: Journal,
        when_away: WhenAway,
        clock: Clock,
    ) -> Result<Arc<Purse>, JournalError> {
        let unknown = close_what_is_open(&journal)?;
        let (journal, book) = (Arc::new(journal), Book::default());
        let incarnation = Uuid::now_v7().to_string();
        let desk = Desk::new(self.store.clone(), journal.clone(), book.clone(), incarnation);
        Ok(Arc::new(Purse {
            book,
            journal,
            desk: tokio::sync::Mutex::new(desk),
            clock,
            when_away,
            open: Mutex::default(),
            is_away: AtomicBool::new(false),
            swept_at: AtomicI64::new(i64::MIN),
            served_beyond: AtomicU64::new(0),
            wake: Notify::new(),
            closed: Notify::new(),
            unknown,
        }))
    }

    /// Gives back what a process holds that will never come back with its journal: nobody learns
    /// any more what it spent of that. Says whether it was gone; one that lives keeps what it has.
    ///
    /// # Errors
    ///
    /// If the store does not answer.
    pub async fn forget_process(&self, id: &str, now: i64) -> Result<bool, crate::StoreError> {
        crate::lease::forget(&*self.store, id, now).await
    }
}

impl Purse {
    /// Reserves all claims or none, and opens an entry with what is known of it by then. It waits
    /// only where this process does not hold enough.
    ///
    /// # Errors
    ///
    /// If one of them is spent, the store is away, or the journal is full.
    pub async fn reserve(
        self: &Arc<Self>,
        claims: &[Claim],
        about: Usage,
    ) -> Result<Reservation, Denied> {
        let reserved = self.hold(claims).await?;
        let usage = Some(Cow::Borrowed(&about));
        let record = Record::Opened { entry: None, reserved: amounts(&reserved), usage };
        let entry = {
            // What is open is known before the journal could be cut off behind it.
            let mut open = self.open();
            let entry = write(&self.journal, &record, Room::Needed)?;
            open.insert(entry);
            entry
        };
        Ok(Reservation { purse: self.clone(), entry, reserved: Some(reserved), about })
    }

    /// Notes an entry for which nothing was reserved, such as an attempt that was overtaken. It
    /// belongs to what was let in, so a journal that is full still takes it. When this returns, a
    /// sudden end takes nothing of it any more.
    ///
    /// # Errors
    ///
    /// If the journal does not take it. Then nobody learns of it.
    pub fn note(&self, usage: &Usage) -> Result<(), JournalError> {
        // Where there is hardly room, what cost nothing gives way.
        let costs = usage.nanodollars != 0 || usage.tokens_in != 0 || usage.tokens_out != 0;
        let room = if costs { Room::Granted } else { Room::Needed };
        let record = Record::Closed { entry: None, spent: Vec::new(), usage: Cow::Borrowed(usage) };
        write(&self.journal, &record, room).map(drop)
    }

    /// How much there is of these limits, as far as this process knows without asking.
    #[must_use]
    pub fn standings(&self, limits: &[Arc<Limit>]) -> Vec<Standing> {
        self.book.standings(limits, (self.clock)())
    }

    /// How many entries the process before this one left open: each counts as spent at what it
    /// had reserved.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// How many requests were served without knowing whether there was enough, because that is
    /// what [`WhenAway::Serve`] wants.
    #[must_use]
    pub fn served_beyond(&self) -> u64 {
        self.served_beyond.load(Ordering::Relaxed)
    }

    /// Whether the store did not answer when it was last asked.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Relaxed)
    }

    /// One round of what is to be done beside the requests: what was used is told, what will be
    /// needed is fetched, what lies unused is given back, and what others left is taken up.
    ///
    /// # Errors
    ///
    /// If the store is away, or the journal cannot be read. The next round does it then.
    pub async fn tick(&self) -> Result<Ticked, ExchangeError> {
        let mut desk = self.desk.lock().await;
        let now = (self.clock)();
        let done = desk.exchange(Errand::Upkeep, now).await;
        let is_away = done.as_ref().is_err_and(|why| !why.is_conflict());
        self.is_away.store(is_away, Ordering::Relaxed);
        let ticked = self.told(&done?)?;
        if now.saturating_sub(self.swept_at.load(Ordering::Relaxed)) >= SWEEP {
            desk.sweep(now).await?;
            self.swept_at.store(now, Ordering::Relaxed);
        }
        Ok(ticked)
    }

    /// Does what is to be done, for as long as it is polled; `tell` hears of each round.
    pub async fn run(self: Arc<Self>, tell: impl Fn(Result<Ticked, ExchangeError>)) {
        let (mut tick, mut sync) = (interval(TELL), interval(SYNC));
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = self.wake.notified() => tick.reset(),
                _ = sync.tick() => {
                    self.sync().await;
                    continue;
                }
            }
            loop {
                let ticked = self.tick().await;
                let more = ticked.as_ref().is_ok_and(|ticked| ticked.more);
                tell(ticked);
                if !more {
                    break;
                }
            }
        }
    }

    async fn sync(self: &Arc<Self>) {
        let journal = self.journal.clone();
        // A disk that does not take it is not this process's end: the journal was written.
        let _ = tokio::task::spawn_blocking(move || journal.sync()).await;
    }

    /// Waits until no entry is open.
    pub async fn closed(&self) {
        loop {
            // Made before it is looked: it hears of what is closed meanwhile.
            let closed = self.closed.notified();
            if self.open().is_empty() {
                return;
            }
            closed.await;
        }
    }

    /// The orderly end: all that is in the journal is told, and all that is held goes back. What
    /// is still open stays reserved until this process is started again.
    ///
    /// # Errors
    ///
    /// If the store is away: then the next start does it.
    pub async fn leave(&self) -> Result<(), ExchangeError> {
        let mut desk = self.desk.lock().await;
        loop {
            let done = desk.exchange(Errand::Leave, (self.clock)()).await?;
            if !self.told(&done)?.more {
                break;
            }
        }
        if self.open().is_empty() { desk.leave().await } else { Ok(()) }
    }

    fn told(&self, done: &Done) -> Result<Ticked, ExchangeError> {
        let oldest = self.open().first().copied().unwrap_or(u64::MAX);
        self.journal.remove_before(done.position.min(oldest))?;
        Ok(Ticked { told: done.told, more: done.more, damaged: done.damaged })
    }

    /// Reserves, from what is here or from the store.
    async fn hold(&self, claims: &[Claim]) -> Result<Reserved, Denied> {
        let now = (self.clock)();
        match self.book.reserve(claims, now) {
            Ok(reserved) => {
                if self.book.wants_a_round(now) {
                    self.wake.notify_one();
                }
                return Ok(reserved);
            }
            Err(Short::Dry(standing)) => return Err(Denied::Spent(standing)),
            Err(Short::Ask) => {}
        }
        let asked = match self.is_away() {
            true => Err(Denied::Unavailable),
            false => timeout(PATIENCE, self.ask(claims)).await.unwrap_or_else(|_| {
                // One waits as long as that; the next round finds out when it is back.
                self.is_away.store(true, Ordering::Relaxed);
                Err(Denied::Unavailable)
            }),
        };
        match asked {
            Err(Denied::Unavailable) if self.when_away == WhenAway::Serve => {
                self.served_beyond.fetch_add(1, Ordering::Relaxed);
                Ok(self.book.reserve_over(claims, now))
            }
            asked => asked,
        }
    }

    async fn ask(&self, claims: &[Claim]) -> Result<Reserved, Denied> {
        let mut desk = self.desk.lock().await;
        for _ in 0..TRIES {
            // Who waited here before may have brought enough, or nothing.
            let now = (self.clock)();
            match self.book.reserve(claims, now) {
                Ok(reserved) => return Ok(reserved),
                Err(Short::Dry(standing)) => return Err(Denied::Spent(standing)),
                Err(Short::Ask) if self.is_away() => return Err(Denied::Unavailable),
                Err(Short::Ask) => {}
            }
            match desk.exchange(Errand::Ask(claims), now).await {
                Ok(Done { reserved: Ok(reserved), .. }) => return Ok(reserved),
                Ok(Done { reserved: Err(Short::Dry(standing)), .. }) => {
                    return Err(Denied::Spent(standing));
                }
                Ok(Done { reserved: Err(Short::Ask), .. }) => {}
                Err(why) if why.is_conflict() => {}
                Err(_) => {
                    self.is_away.store(true, Ordering::Relaxed);
                    return Err(Denied::Unavailable);
                }
            }
        }
        Err(Denied::Unavailable)
    }

    fn open(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Purse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Purse").field("process", &self.journal.process()).finish()
    }
}

impl Further {
    /// Reserves all claims or none.
    ///
    /// # Errors
    ///
    /// As [`Purse::reserve`]; what was reserved before stays.
    pub async fn reserve(&self, claims: &[Claim]) -> Result<Held, Denied> {
        let more = self.purse.hold(claims).await?;
        let (entry, reserved) = (Some(self.entry), amounts(&more));
        let record = Record::Opened { entry, reserved, usage: None };
        write(&self.purse.journal, &record, Room::Needed)?;
        Ok(Held(more))
    }
}

impl Reservation {
    /// What reserves more for the same entry, while others look after it.
    #[must_use]
    pub fn further(&self) -> Further {
        Further { purse: self.purse.clone(), entry: self.entry }
    }

    /// Takes in what was reserved [`further`](Self::further).
    pub fn add(&mut self, held: Held) {
        if let Some(reserved) = &mut self.reserved {
            reserved.add(held.0);
        }
    }

    /// How the accounts stand, with this reservation.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        self.reserved.as_ref().map(Reserved::standings).unwrap_or_default()
    }

    /// Closes the entry: what was spent of each limit is settled, even beyond what was reserved,
    /// and the rest goes back. When this returns, a sudden end takes nothing of it any more.
    ///
    /// # Errors
    ///
    /// If the journal does not take it. Then it is spent all the same, and the next start counts
    /// it as unknown.
    pub fn close(
        mut self,
        usage: &Usage,
        spent: impl Fn(&Limit) -> i64,
    ) -> Result<(), JournalError> {
        self.end(usage, spent)
    }

    fn end(&mut self, usage: &Usage, spent: impl Fn(&Limit) -> i64) -> Result<(), JournalError> {
        let Some(reserved) = self.reserved.take() else { return Ok(()) };
        let mut seen: Vec<&Limit> = Vec::new();
        let each = reserved.parts().iter().map(|part| {
            // Of an account that was reserved of twice all is spent where it was first.
            let again = seen.iter().any(|limit| limit.account() == part.limit.account());
            seen.push(&part.limit);
            let nothing = again || part.limit.account().comes_back();
            if nothing { 0 } else { spent(&part.limit).max(0) }
        });
        let each: Vec<i64> = each.collect();
        let mut amounts = amounts(&reserved);
        amounts.iter_mut().zip(&each).for_each(|(amount, &spent)| amount.amount = spent);
        amounts.retain(|amount| amount.amount != 0);
        let usage = Cow::Borrowed(usage);
        let record = Record::Closed { entry: Some(self.entry), spent: amounts, usage };
        // Nothing goes back before this is written: or else somebody could spend it, and the end
        // of this process would count both.
        let written = write(&self.purse.journal, &record, Room::Granted);
        if written.is_ok() {
            reserved.settle(&each);
            let mut open = self.purse.open();
            open.remove(&self.entry);
            if open.is_empty() {
                self.purse.closed.notify_waiters();
            }
        } else {
            let all: Vec<i64> =
                reserved.parts().iter().zip(&each).map(|(part, &it)| it.max(part.amount)).collect();
            reserved.settle(&all);
        }
        written.map(drop)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let end = Usage::ABANDONED.to_owned();
        // What it said it might cost, it did not.
        let usage = Usage { end, nanodollars: 0, ..std::mem::take(&mut self.about) };
        // What cannot be written counts as spent: the next start says so.
        let _ = self.end(&usage, |_| 0);
    }
}

fn amounts(reserved: &Reserved) -> Vec<Amount<'_>> {
    let parts = reserved.parts().iter();
    parts
        .map(|part| Amount {
            account: Cow::Borrowed(part.limit.account().name()),
            start: part.window.start,
            end: part.window.end,
            amount: part.amount,
        })
        .collect()
}

#[cfg(test)]
mod tests;
