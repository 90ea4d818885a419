//! What the store knows of one account's window and of what one process holds of it, and how both
//! change: arithmetic alone, between reading the rows and writing them.
//!
//! Of what is left, a process takes half of its share, and as much again that it may not spend
//! before it has said so (the spare): when it dies, the spare goes back at once, and only what it
//! may have spent stays taken. Shares shrink with what is left, so that little of a budget lies
//! with processes that do not need it when it nears its end. One that spends faster than the
//! others may hold more of it than they, or else it would ask at every request.

use super::book::{Had, Move};

/// So many times what is fair may a process hold that spends it soon.
const FAST: i64 = 8;

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
    /// Gives back what is not to be kept, and takes what is wanted, if there is as much;
    /// `processes` share what is left.
    pub(crate) fn shift(&mut self, want: &Move, processes: i64) -> Had {
        self.hold(-want.free);
        self.leased -= std::mem::take(&mut self.spare);
        let left = want.most.saturating_sub(self.settled.saturating_add(self.leased));
        if want.need > 0 && left < want.need {
            let for_good = want.most.saturating_sub(self.settled) < want.need;
            return Had::TooLittle { need: want.need, for_good };
        }
        self.hold(want.need);
        if want.stock {
            let left = (left - want.need).max(0);
            let fair = left / processes.max(1).saturating_mul(4);
            let fit = fair.max(want.soon.min(fair.saturating_mul(FAST)).min(left / 2));
            self.hold((fit - want.kept).max(0));
            self.spare = fair;
            self.leased = self.leased.saturating_add(self.spare);
            return Had::All { fit };
        }
        Had::All { fit: 0 }
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
