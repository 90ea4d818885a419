//! What the store knows of one account's window and of what one process holds of it, and how both
//! change: arithmetic alone, between reading the rows and writing them.
//!
//! Of what is left, a process takes half of its share, and as much again that it may not spend
//! before it has said so (the spare): when it dies, the spare goes back at once, and only what it
//! may have spent stays taken. Shares shrink with what is left, so that little of a budget lies
//! with processes that do not need it when it nears its end.

use super::book::{Had, Move};

/// The rows of an account's window and of a process's slice of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Balance {
    /// What is spent for good, by all.
    pub(crate) settled: i64,
    /// What processes hold, all of them together.
    pub(crate) leased: i64,
    /// What this one holds to spend, and what it holds to touch first. Both are in `leased`.
    pub(crate) held: i64,
    pub(crate) spare: i64,
}

impl Balance {
    /// Gives back what lies unused, and takes what is wanted, if there is as much; `processes`
    /// share what is left.
    pub(crate) fn shift(&mut self, want: &Move, processes: i64) -> Had {
        self.hold(-want.free);
        self.leased -= std::mem::take(&mut self.spare);
        let left = want.most.saturating_sub(self.settled.saturating_add(self.leased));
        if want.need > 0 && left < want.need {
            return Had::TooLittle(want.need);
        }
        self.hold(want.need);
        if want.stock {
            let share = (left - want.need).max(0) / processes.max(1).saturating_mul(2);
            self.hold(share / 2);
            self.spare = share - share / 2;
            self.leased = self.leased.saturating_add(self.spare);
        }
        Had::All
    }

    /// Settles what was spent. What was not held, because it cost more than was expected, is
    /// spent all the same.
    pub(crate) fn settle(&mut self, amount: i64) {
        self.hold(-amount.min(self.held.max(0)));
        self.settled = self.settled.saturating_add(amount);
    }

    /// What is spent or held, but for what this process holds.
    pub(crate) fn others(&self) -> i64 {
        self.settled.saturating_add(self.leased) - self.held - self.spare
    }

    fn hold(&mut self, more: i64) {
        self.held = self.held.saturating_add(more);
        self.leased = self.leased.saturating_add(more);
    }
}
