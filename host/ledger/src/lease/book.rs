//! What this process holds of accounts, in memory: a state machine without input or output.
//!
//! Of each account's window there is a slice: what the store has granted, what requests have
//! reserved of it, what they have spent. A reservation takes from all of its accounts or from
//! none, and gives back when it is dropped. One lock holds all of it: a request keeps it for less
//! than a microsecond, and locks of single accounts would have to be taken in order, each time.
//!
//! `granted` follows the store: it is what the store says that is held, and what was spent
//! and told to it. So it can be corrected at any time, after a transaction of which nobody knows
//! whether it was committed.

mod plan;

pub(crate) use plan::{Had, Move, Outcome, Plan};

use crate::account::{Account, Claim, Limit, Standing};
use crate::window::Window;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All slices of this process. A clone is the same book.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The slice of each account's present window.
    present: HashMap<Account, u64>,
    /// Those of windows that are over as well, as long as anything is to be settled there.
    slices: HashMap<u64, Slice>,
    /// All of them by account and by the beginning of the window.
    index: HashMap<(Account, i64), u64>,
    next: u64,
    /// Of which more than half is used.
    low: Vec<u64>,
    /// When it was last looked at what is to be fetched.
    round_at: i64,
}

#[derive(Debug)]
struct Slice {
    account: Account,
    window: Window,
    most: i64,
    /// What it was when the store was asked.
    asked_most: i64,
    /// What the store granted in all, what was told to it as spent included.
    granted: i64,
    reserved: i64,
    spent: i64,
    /// How much of what is spent the store knows.
    told: i64,
    /// What the store keeps for this process, and others may take when it is gone: not to be
    /// spent before it is touched.
    spare: i64,
    /// Taken out of `granted` while an exchange is under way.
    withdrawn: i64,
    /// What there was to spend after the last exchange.
    size: i64,
    /// It is in `low`, or was and nothing came of it.
    is_low: bool,
    /// What of the account is spent or held by others, at the last exchange.
    others: i64,
    used_at: i64,
    /// What was reserved since `looked_at`, what will be soon if that goes on, and what fitted to
    /// that and to what was left, at the last exchange.
    taken: i64,
    looked_at: i64,
    soon: i64,
    fit: i64,
    dry: Option<Dry>,
}

/// The store had not so much, and need not be asked for it for a while.
#[derive(Debug)]
struct Dry {
    until: i64,
    amount: i64,
    wait: i64,
}

/// Why there is no reservation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Short {
    /// The store has to be asked.
    Ask,
    /// It was, a moment ago, and had not that much.
    Dry(Standing),
}

/// What a request holds. Dropping it gives all of it back.
#[derive(Debug)]
pub(crate) struct Reserved {
    book: Book,
    parts: Vec<Part>,
}

/// What a request holds of one account.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    slice: u64,
    pub(crate) limit: Arc<Limit>,
    pub(crate) window: Window,
    pub(crate) amount: i64,
}

impl Book {
    /// Reserves all claims or none.
    pub(crate) fn reserve(&self, claims: &[Claim], now: i64) -> Result<Reserved, Short> {
        let mut state = self.lock();
        let parts = state.parts(claims, now);
        state.take(&parts, now)?;
        Ok(Reserved { book: self.clone(), parts })
    }

    /// Reserves all claims, whether there is that much or not: for operators who would rather be
    /// over than out.
    pub(crate) fn reserve_over(&self, claims: &[Claim], now: i64) -> Reserved {
        let mut state = self.lock();
        let parts = state.parts(claims, now);
        for part in &parts {
            if let Some(slice) = state.slices.get_mut(&part.slice) {
                slice.reserved = slice.reserved.saturating_add(part.amount);
            }
        }
        Reserved { book: self.clone(), parts }
    }

    /// How the present windows of these limits stand.
    pub(crate) fn standings(&self, limits: &[Arc<Limit>], now: i64) -> Vec<Standing> {
        let mut state = self.lock();
        let ids: Vec<u64> = limits.iter().map(|limit| state.present(limit, now)).collect();
        ids.iter().filter_map(|id| state.slices.get(id)).map(Slice::standing).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The slices of these claims; of two claims on one account one that is as large as both.
    fn parts(&mut self, claims: &[Claim], now: i64) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::with_capacity(claims.len());
        for claim in claims {
            let slice = self.present(&claim.limit, now);
            let amount = claim.amount.max(0);
            if let Some(part) = parts.iter_mut().find(|part| part.slice == slice) {
                part.amount = part.amount.saturating_add(amount);
            } else if let Some(window) = self.slices.get(&slice).map(|slice| slice.window) {
                parts.push(Part { slice, limit: claim.limit.clone(), window, amount });
            }
        }
        parts
    }

    /// The slice of the present window of an account, which is empty where there was none.
    fn present(&mut self, limit: &Limit, now: i64) -> u64 {
        if let Some(&id) = self.present.get(limit.account())
            && self.slices.get(&id).is_some_and(|slice| slice.window.holds(now))
        {
            return id;
        }
        let window = limit.window(now);
        let account = limit.account().clone();
        // A clock that goes back finds its window again, or else it would have two slices.
        let id = *self.index.entry((account.clone(), window.start)).or_insert_with(|| {
            self.next += 1;
            let slice = Slice::empty(account.clone(), window, limit.most(), now);
            self.slices.insert(self.next, slice);
            self.next
        });
        self.present.insert(account, id);
        id
    }

    fn take(&mut self, parts: &[Part], now: i64) -> Result<(), Short> {
        let mut short = false;
        for part in parts {
            let Some(slice) = self.slices.get_mut(&part.slice) else { continue };
            if slice.most != part.limit.most() {
                slice.dry = None;
                slice.most = part.limit.most();
            }
            // Who wants nothing may have it, however little there is.
            if part.amount == 0 {
                continue;
            }
            // A limit that was lowered is asked about: what is held is of the higher one.
            if slice.most < slice.asked_most || slice.free() < part.amount {
                if let Some(dry) = &slice.dry
                    && now < dry.until
                    && part.amount >= dry.amount
                {
                    return Err(Short::Dry(slice.standing()));
                }
                short = true;
            }
        }
        if short {
            return Err(Short::Ask);
        }
        for part in parts {
            let Some(slice) = self.slices.get_mut(&part.slice) else { continue };
            slice.reserved += part.amount;
            slice.taken = slice.taken.saturating_add(part.amount);
            slice.used_at = now;
            if !slice.is_low && slice.free() * 2 < slice.size {
                slice.is_low = true;
                self.low.push(part.slice);
            }
        }
        Ok(())
    }
}

impl Slice {
    fn empty(account: Account, window: Window, most: i64, now: i64) -> Self {
        Self {
            account,
            window,
            most,
            asked_most: most,
            granted: 0,
            reserved: 0,
            spent: 0,
            told: 0,
            spare: 0,
            withdrawn: 0,
            size: 0,
            is_low: false,
            others: 0,
            used_at: now,
            taken: 0,
            looked_at: now,
            soon: 0,
            fit: 0,
            dry: None,
        }
    }

    /// What may be reserved.
    fn free(&self) -> i64 {
        self.granted - self.spent - self.reserved
    }

    fn standing(&self) -> Standing {
        let own = self.spent.saturating_sub(self.told).saturating_add(self.reserved);
        Standing {
            account: self.account.clone(),
            most: self.most,
            spent: self.others.saturating_add(own),
            resets_at: (self.window.end != i64::MAX).then_some(self.window.end),
        }
    }
}

impl Reserved {
    /// What is held.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Holds what another holds as well.
    pub(crate) fn add(&mut self, mut other: Self) {
        self.parts.append(&mut other.parts);
    }

    /// Spends what was spent, which may be more than was reserved, and gives back the rest.
    pub(crate) fn settle(mut self, spent: &[i64]) {
        let parts = std::mem::take(&mut self.parts);
        let mut state = self.book.lock();
        for (part, spent) in parts.iter().zip(spent) {
            if let Some(slice) = state.slices.get_mut(&part.slice) {
                slice.reserved -= part.amount;
                slice.spent = slice.spent.saturating_add((*spent).max(0));
            }
        }
    }

    /// How the accounts stand, this reservation included.
    pub(crate) fn standings(&self) -> Vec<Standing> {
        let state = self.book.lock();
        let slices = self.parts.iter().filter_map(|part| state.slices.get(&part.slice));
        slices.map(Slice::standing).collect()
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.parts.is_empty() {
            return;
        }
        let mut state = self.book.lock();
        for part in &self.parts {
            if let Some(slice) = state.slices.get_mut(&part.slice) {
                slice.reserved -= part.amount;
            }
        }
    }
}

#[cfg(test)]
mod tests;
