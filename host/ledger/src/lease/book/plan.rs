//! What this process wants of the store, and what came of it.
//!
//! What is asked about is withdrawn first: while the store decides, nobody here spends it, so that
//! it can be given back in the same transaction, or be had together with what is granted.

use super::{Book, Dry, Reserved, Short, Slice, State};
use crate::account::{Account, Claim};
use crate::window::Window;

/// How long a slice lies unused before it goes back.
const IDLE: i64 = 5_000;
/// How long the store is not asked again for what it did not have: at first, and in the end, when
/// it did not have it again and again. What others hold comes back within that.
const DRY: i64 = 200;
const DRIEST: i64 = IDLE;
/// The same where all that is missing is spent, and not only held: only another window or another
/// limit changes that, or somebody who sets the store back.
const SPENT: i64 = 60_000;
/// How long what is fetched should be enough: for two rounds, so that a slice that is half used
/// is in time for the next.
const SOON: i64 = 500;
/// How far apart rounds are at least for which nothing but a slice that is low is a reason.
const APART: i64 = 200;

/// What is wanted of one account's window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) account: Account,
    pub(crate) window: Window,
    pub(crate) most: i64,
    /// What lies here unused and counts as given back, and what of it goes on being spent here.
    /// Below nothing it is what was spent beyond what was granted.
    pub(crate) free: i64,
    pub(crate) kept: i64,
    /// What a request waits for.
    pub(crate) need: i64,
    /// Whether more is wanted than that, for those who come next, and how much they will spend
    /// before there is another round, going by the last ones.
    pub(crate) stock: bool,
    pub(crate) soon: i64,
}

/// What the store made of one account's window.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) account: Account,
    pub(crate) start: i64,
    /// What it holds for this process now: to spend, and to touch first.
    pub(crate) held: i64,
    pub(crate) spare: i64,
    /// What was told to it as spent.
    pub(crate) told: i64,
    /// What of the account is spent or held by others.
    pub(crate) others: i64,
    /// Whether something was wanted of it, and whether it was had.
    pub(crate) moved: Option<Had>,
}

/// What became of a [`Move`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Had {
    /// It fits to hold so much for those who come next.
    All { fit: i64 },
    /// There was not as much as was needed, and nothing was taken. Whether it is spent for good,
    /// or held by others.
    TooLittle { need: i64, for_good: bool },
}

/// What is wanted. Dropping it puts back what was withdrawn, up to when it is committed: from
/// then on only the store knows.
#[derive(Debug)]
pub(crate) struct Plan {
    book: Book,
    pub(crate) moves: Vec<Move>,
    slices: Vec<u64>,
    committed: bool,
}

impl Book {
    /// What a request needs that is not here.
    pub(crate) fn ask(&self, claims: &[Claim], now: i64) -> Plan {
        let mut state = self.lock();
        let mut plan = self.plan();
        for part in state.parts(claims, now) {
            let Some(slice) = state.slices.get_mut(&part.slice) else { continue };
            if slice.free() < part.amount || slice.granted_beyond_limit() {
                plan.add(part.slice, slice, part.amount, true);
            }
        }
        plan
    }

    /// What is to be taken before anybody waits for it, and what goes back: what lies unused, and
    /// what is of a window that is over.
    ///
    /// What is spent of is told anyway, so it is brought to what fits at the same time: slices
    /// shrink while what is left does, with those as well who need no more.
    pub(crate) fn upkeep(&self, now: i64) -> Plan {
        let mut state = self.lock();
        state.forget_what_is_empty(now);
        let mut plan = self.plan();
        state.low.clear();
        state.round_at = now;
        for (&id, slice) in &mut state.slices {
            slice.look_ahead(now);
            let unused = slice.is_over(now) || now - slice.used_at >= IDLE;
            if unused && (slice.free() != 0 || slice.spare != 0) {
                plan.add(id, slice, 0, false);
            } else if slice.free() < 0 && slice.withdrawn == 0 {
                plan.add(id, slice, 0, true);
            } else if !unused && (slice.is_low || slice.spent != slice.told) {
                plan.fit(id, slice);
            }
        }
        plan
    }

    /// Whether something is to be fetched before it is time for it: a slice is more than half
    /// used, and not only just.
    pub(crate) fn wants_a_round(&self, now: i64) -> bool {
        let state = self.lock();
        !state.low.is_empty() && now.saturating_sub(state.round_at) >= APART
    }

    /// All that lies here, to be given back at the end.
    pub(crate) fn give_up(&self) -> Plan {
        let mut state = self.lock();
        let mut plan = self.plan();
        for (&id, slice) in &mut state.slices {
            plan.add(id, slice, 0, false);
        }
        plan
    }

    fn plan(&self) -> Plan {
        Plan { book: self.clone(), moves: Vec::new(), slices: Vec::new(), committed: false }
    }

    /// Takes over what the store says that it holds for this process, after a transaction of
    /// which nobody knows whether it was committed. `told` is what is told of it since.
    pub(crate) fn correct(&self, rows: &[(Account, i64, i64, i64)]) {
        let mut state = self.lock();
        for slice in state.slices.values_mut() {
            slice.granted = slice.told;
            slice.spare = 0;
            slice.withdrawn = 0;
        }
        for (account, start, held, spare) in rows {
            if let Some(slice) = state.at(account, *start) {
                slice.granted = held + slice.told;
                slice.spare = *spare;
            }
        }
    }

    /// What the store turned out to know as spent.
    pub(crate) fn told(&self, account: &Account, start: i64, amount: i64) {
        if let Some(slice) = self.lock().at(account, start) {
            slice.told += amount;
        }
    }
}

impl Plan {
    fn add(&mut self, id: u64, slice: &mut Slice, need: i64, stock: bool) {
        self.moves.push(slice.wants(need, stock));
        self.slices.push(id);
        slice.withdrawn = slice.free();
        slice.granted -= slice.withdrawn;
    }

    /// It goes on being spent while more is fetched. Only what is far more than fits goes back.
    fn fit(&mut self, id: u64, slice: &mut Slice) {
        let free = slice.free();
        let more = if free > slice.fit.saturating_mul(2) { free - slice.fit } else { 0 };
        self.moves.push(Move { free: more, kept: free - more, ..slice.wants(0, true) });
        self.slices.push(id);
        slice.withdrawn = more;
        slice.granted -= more;
    }

    /// From here on it may be that the store has made the changes.
    pub(crate) fn committing(&mut self) {
        self.committed = true;
    }

    /// Takes over what came of it, and reserves what was asked for before anybody else can.
    pub(crate) fn apply(
        self,
        outcomes: &[Outcome],
        claims: &[Claim],
        now: i64,
    ) -> Result<Reserved, Short> {
        let mut state = self.book.lock();
        for outcome in outcomes {
            if let Some(slice) = state.at(&outcome.account, outcome.start) {
                slice.apply(outcome, now);
            }
        }
        let parts = state.parts(claims, now);
        state.take(&parts, now)?;
        Ok(Reserved { book: self.book.clone(), parts })
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        let mut state = self.book.lock();
        for id in &self.slices {
            if let Some(slice) = state.slices.get_mut(id) {
                slice.granted += std::mem::take(&mut slice.withdrawn);
                slice.is_low = false;
            }
        }
    }
}

impl State {
    fn at(&mut self, account: &Account, start: i64) -> Option<&mut Slice> {
        let id = self.index.get(&(account.clone(), start))?;
        self.slices.get_mut(id)
    }

    fn forget_what_is_empty(&mut self, now: i64) {
        let Self { present, slices, index, .. } = self;
        slices.retain(|id, slice| {
            let unused = slice.is_over(now) || now - slice.used_at >= IDLE;
            let empty = slice.granted == slice.told && slice.spent == slice.told;
            // What was not there is remembered for longer than it is believed, or else the store
            // would be asked as often again as at first.
            let dry = slice.dry.as_ref().is_some_and(|dry| now < dry.until + dry.wait);
            let keep = dry || !(unused && empty && slice.reserved == 0 && slice.spare == 0);
            if !keep {
                index.remove(&(slice.account.clone(), slice.window.start));
                if present.get(&slice.account) == Some(id) {
                    present.remove(&slice.account);
                }
            }
            keep
        });
    }
}

impl Slice {
    fn is_over(&self, now: i64) -> bool {
        self.window.end <= now
    }

    /// Whether the limit was lowered since this was granted.
    fn granted_beyond_limit(&self) -> bool {
        self.most < self.asked_most
    }

    fn wants(&self, need: i64, stock: bool) -> Move {
        let (account, window, most) = (self.account.clone(), self.window, self.most);
        Move { account, window, most, free: self.free(), kept: 0, need, stock, soon: self.soon }
    }

    /// How much will be spent soon, going by what was reserved since this was last looked at.
    fn look_ahead(&mut self, now: i64) {
        let since = now.saturating_sub(self.looked_at);
        if since >= APART {
            let taken = std::mem::take(&mut self.taken);
            self.soon = taken.saturating_mul(SOON) / since;
            self.looked_at = now;
        }
    }

    fn apply(&mut self, outcome: &Outcome, now: i64) {
        self.told += outcome.told;
        self.granted = outcome.held + self.told;
        self.spare = outcome.spare;
        self.others = outcome.others;
        let Some(had) = outcome.moved else {
            // What is withdrawn by another plan does not come back by this one; there is one
            // exchange at a time, so there is none.
            return;
        };
        self.withdrawn = 0;
        self.asked_most = self.most;
        self.is_low = false;
        self.size = self.free();
        match had {
            Had::All { fit } => {
                self.fit = fit;
                let free = self.free();
                self.dry.take_if(|dry| dry.amount <= free);
            }
            Had::TooLittle { need, for_good } => {
                self.fit = 0;
                self.dry = Some(self.dry_for(need, for_good, now));
            }
        }
    }

    /// Until when not to ask again. Turns come back at any moment, so they are asked for often.
    fn dry_for(&self, amount: i64, for_good: bool, now: i64) -> Dry {
        let last = self.dry.as_ref().map_or(0, |dry| dry.wait);
        let wait = match (self.account.comes_back(), for_good) {
            (true, _) => DRY,
            (false, true) => SPENT,
            (false, false) => (last * 2).clamp(DRY, DRIEST),
        };
        Dry { until: now.saturating_add(wait), amount, wait }
    }
}
