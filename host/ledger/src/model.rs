//! Many replicas that spend one budget: a model of what leases do at a size that no test machine
//! has.
//!
//! What decides is the real thing: each replica has a [`Book`](crate::lease::Book), and the store
//! shares by the [`Balance`](crate::lease::Balance) that a transaction reads and writes. In the
//! place of the database is a map ([`shelf`]), in the place of requests are counts, and time goes
//! by in steps of a millisecond ([`replica`] does in one what a purse does in it). `cargo run -p
//! portcullis-ledger --release --example replicas` prints what comes of it.

mod replica;
mod shelf;

use crate::account::{Limit, Measure, Subject};
use crate::window::Period;
use jiff::tz::TimeZone;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use replica::Replica;
use shelf::Shelf;
use std::sync::Arc;

/// What a request reserves, and the least of what it spends; each amount between is as likely.
const EACH: i64 = 100;
const LEAST: i64 = 60;
/// What a request spends on the average.
const MEAN: i64 = (EACH + LEAST) / 2;
/// How long nothing is served before it is over: longer than whatever comes back takes to do so.
const QUIET: i64 = 11_000;
/// After how much of the budget is promised a stage ends, in parts of a thousand. The first is
/// after a second.
const STAGES: [i64; 5] = [0, 500, 900, 990, 999];

/// What is assumed.
#[derive(Clone, Copy, Debug)]
pub struct Assumptions {
    /// How many replicas there are.
    pub replicas: usize,
    /// How many requests come in a second, at all of them together.
    pub rate: f64,
    /// How they are shared: the exponent of Zipf's law. At 0 all replicas have as many.
    pub skew: f64,
    /// How many replicas die when half of the budget is spent. They do not come back, and neither
    /// do their requests.
    pub killed: usize,
    /// For how many requests the budget is enough.
    pub budget: i64,
    /// How long a request is under way, in milliseconds.
    pub takes: i64,
    /// How long an exchange with the store takes, in milliseconds.
    pub round_trip: i64,
}

/// What was counted from the beginning on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Requests that came.
    pub asked: i64,
    /// Those that were served.
    pub served: i64,
    /// Those that waited for the store first.
    pub waited: i64,
    /// Those that were refused while there was enough for one, with the store or another replica.
    pub refused_falsely: i64,
    /// Those for which the store took too long.
    pub unavailable: i64,
    /// Exchanges with the store.
    pub exchanges: i64,
    /// Those of them for which a request waited.
    pub asks: i64,
}

/// How things stood when so much was spent or promised.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    /// Of which share of the budget; 1 for the last request that was served.
    pub share: f64,
    /// Milliseconds since the beginning.
    pub at: i64,
    /// What was counted by then.
    pub count: Count,
    /// Which share of the budget lay unused with replicas that live.
    pub stranded: f64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// In order; the last one is [`QUIET`] later than the last request that was served.
    pub stages: Vec<Stage>,
    /// The most that was ever spent or promised beyond the budget.
    pub overshoot: i64,
    /// What was left at the end, in requests, of what nobody held who was dead.
    pub left: f64,
    /// The share of the budget that the dead still held.
    pub with_the_dead: f64,
}

/// What replicas share, and what is counted of them.
#[derive(Debug)]
struct World {
    limit: Arc<Limit>,
    shelf: Shelf,
    chance: StdRng,
    count: Count,
    now: i64,
    /// What is spent, or promised to a request that is under way.
    promised: i64,
    /// What of it replicas that live have not told.
    untold: i64,
    overshoot: i64,
}

impl World {
    /// What nobody has spent, promised or died with.
    fn left(&self) -> i64 {
        self.limit.most() - self.shelf.settled() - self.untold - self.shelf.with_the_dead()
    }

    fn stage(&self, share: f64) -> Stage {
        let unused = self.shelf.leased() - self.untold - self.shelf.with_the_dead();
        let stranded = unused as f64 / self.limit.most() as f64;
        Stage { share, at: self.now, count: self.count, stranded }
    }
}

/// Lets them spend until nothing is left, and as long again as it takes to be sure.
#[must_use]
pub fn run(assumed: &Assumptions) -> Outcome {
    let most = assumed.budget.saturating_mul(MEAN);
    let whose = (Subject::Tenant, "t");
    let limit = Limit::new(Measure::Nanodollars, Period::Total, TimeZone::UTC, whose, most);
    let limit = Arc::new(limit);
    let mut world = World {
        shelf: Shelf::new(limit.account().clone(), assumed.replicas),
        limit,
        chance: StdRng::seed_from_u64(1),
        count: Count::default(),
        now: 0,
        promised: 0,
        untold: 0,
        overshoot: 0,
    };
    let mut replicas = replicas(assumed);
    let mut to_kill = assumed.killed;
    let mut stages = Vec::new();
    let mut last = world.stage(1.0);
    while world.now - last.at < QUIET {
        world.now += 1;
        world.shelf.look_at_the_clock(world.now);
        let served = world.count.served;
        for replica in replicas.iter_mut().flatten() {
            replica.step(&mut world);
        }
        world.overshoot = world.overshoot.max(world.promised - most);
        if to_kill > 0 && world.promised * 2 >= most {
            let every = assumed.replicas / to_kill;
            for own in (0..assumed.replicas).step_by(every).take(to_kill) {
                if let Some(dead) = replicas[own].take() {
                    dead.die(&mut world);
                }
            }
            to_kill = 0;
        }
        while let Some(&share) = STAGES.get(stages.len())
            && world.now >= 1_000
            && world.promised >= most / 1_000 * share
        {
            stages.push(world.stage(share as f64 / 1_000.0));
        }
        if world.count.served > served {
            last = world.stage(1.0);
        }
    }
    stages.push(last);
    stages.push(world.stage(1.0));
    Outcome {
        stages,
        overshoot: world.overshoot,
        left: world.left() as f64 / EACH as f64,
        with_the_dead: world.shelf.with_the_dead() as f64 / most as f64,
    }
}

fn replicas(assumed: &Assumptions) -> Vec<Option<Replica>> {
    let weight = |rank: usize| (rank as f64 + 1.0).powf(-assumed.skew);
    let all: f64 = (0..assumed.replicas).map(weight).sum();
    let replica = |own| {
        let a_millisecond = assumed.rate / 1_000.0 * weight(own) / all;
        Some(Replica::new(own, a_millisecond, assumed))
    };
    (0..assumed.replicas).map(replica).collect()
}

#[cfg(test)]
mod tests;
