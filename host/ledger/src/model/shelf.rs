//! What is in the place of the store: one account's window, and what each replica holds of it.

use crate::account::Account;
use crate::lease::{Balance, GONE, Outcome, Plan};

/// The rows of a store.
#[derive(Debug)]
pub(super) struct Shelf {
    account: Account,
    settled: i64,
    leased: i64,
    slices: Vec<Slice>,
    now: i64,
    alive: i64,
    /// Who is dead and not found to be gone.
    missing: Vec<usize>,
    with_the_dead: i64,
}

#[derive(Clone, Copy, Debug)]
struct Slice {
    held: i64,
    spare: i64,
    seen_at: i64,
}

impl Shelf {
    pub(super) fn new(account: Account, replicas: usize) -> Self {
        let slices = vec![Slice { held: 0, spare: 0, seen_at: i64::MIN }; replicas];
        let missing = Vec::new();
        Self { account, settled: 0, leased: 0, slices, now: 0, alive: 0, missing, with_the_dead: 0 }
    }

    pub(super) fn settled(&self) -> i64 {
        self.settled
    }

    pub(super) fn leased(&self) -> i64 {
        self.leased
    }

    pub(super) fn with_the_dead(&self) -> i64 {
        self.with_the_dead
    }

    /// Who lives, and what goes back of those who are found to be gone.
    pub(super) fn look_at_the_clock(&mut self, now: i64) {
        self.now = now;
        self.alive = 0;
        self.alive += self.slices.iter().filter(|it| it.seen_at > now - GONE).count() as i64;
        let slices = &mut self.slices;
        self.missing.retain(|&own| {
            let is_gone = slices[own].seen_at <= now - GONE;
            if is_gone {
                let spare = std::mem::take(&mut slices[own].spare);
                self.leased -= spare;
                self.with_the_dead -= spare;
            }
            !is_gone
        });
    }

    /// One transaction: what is wanted, and what is told as spent.
    pub(super) fn exchange(&mut self, own: usize, plan: &Plan, told: i64) -> Vec<Outcome> {
        let Slice { held, spare, .. } = self.slices[own];
        let mut balance = Balance { settled: self.settled, leased: self.leased, held, spare };
        let moved = plan.moves.first().map(|want| balance.shift(want, self.alive.max(1)));
        balance.settle(told);
        let Balance { settled, leased, held, spare } = balance;
        (self.settled, self.leased) = (settled, leased);
        self.slices[own] = Slice { held, spare, seen_at: self.now };
        if moved.is_none() && told == 0 {
            return Vec::new();
        }
        let (account, others) = (self.account.clone(), balance.others());
        vec![Outcome { account, start: 0, held, spare, told, others, moved }]
    }

    /// A replica dies with what it holds.
    pub(super) fn die(&mut self, own: usize) {
        let Slice { held, spare, .. } = self.slices[own];
        self.with_the_dead += held + spare;
        self.missing.push(own);
    }
}
