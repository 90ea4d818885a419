//! A replica: what a purse does, millisecond by millisecond, without a journal and a database.

use super::{Assumptions, EACH, LEAST, World};
use crate::account::Claim;
use crate::lease::{Book, Outcome, Plan, Reserved, Short};
use rand::RngExt as _;
use std::collections::VecDeque;

/// How often a purse tells what was spent, and how long a request waits for the store.
const TELL: i64 = 250;
const PATIENCE: i64 = 2_000;

/// A process.
#[derive(Debug)]
pub(super) struct Replica {
    own: usize,
    book: Book,
    a_millisecond: f64,
    takes: i64,
    round_trip: i64,
    /// Requests, and parts of one, that have still to come.
    owed: f64,
    tell_at: i64,
    exchange: Option<Exchange>,
    /// Since when requests wait.
    waiting: VecDeque<i64>,
    /// When each ends.
    under_way: VecDeque<(i64, Reserved)>,
    /// What was spent, and the store does not know.
    untold: i64,
}

/// The store has decided, and this process has not heard of it.
#[derive(Debug)]
struct Exchange {
    plan: Plan,
    outcomes: Vec<Outcome>,
    is_ask: bool,
    done_at: i64,
}

impl Replica {
    pub(super) fn new(own: usize, a_millisecond: f64, assumed: &Assumptions) -> Self {
        // They were not started at the same moment.
        let tell_at = own as i64 * 83 % TELL;
        Self {
            own,
            book: Book::default(),
            a_millisecond,
            takes: assumed.takes,
            round_trip: assumed.round_trip,
            owed: own as f64 * 0.618 % 1.0,
            tell_at,
            exchange: None,
            waiting: VecDeque::new(),
            under_way: VecDeque::new(),
            untold: 0,
        }
    }

    pub(super) fn step(&mut self, world: &mut World) {
        self.settle(world);
        self.hear(world);
        self.owed += self.a_millisecond;
        while self.owed >= 1.0 {
            self.owed -= 1.0;
            world.count.asked += 1;
            match self.book.reserve(&claims(world), world.now) {
                Ok(reserved) => self.serve(reserved, world),
                Err(short) => {
                    world.count.waited += i64::from(short == Short::Ask);
                    self.refuse(short, world.now, world);
                }
            }
        }
        let is_due = world.now >= self.tell_at || self.book.wants_a_round(world.now);
        if self.exchange.is_none() && is_due {
            self.tell_at = world.now + TELL;
            self.begin(self.book.upkeep(world.now), false, world);
        }
        self.ask(world);
    }

    /// It ends without a word, and what it holds stays held.
    pub(super) fn die(mut self, world: &mut World) {
        let under_way = self.under_way.len() as i64 * EACH;
        world.untold -= self.untold + under_way;
        world.shelf.die(self.own);
        // Its guards would only change its own memory.
        self.under_way.clear();
    }

    /// Ends the requests whose time has come.
    fn settle(&mut self, world: &mut World) {
        while let Some((_, reserved)) = self.under_way.pop_front_if(|(at, _)| *at <= world.now) {
            let spent = world.chance.random_range(LEAST..=EACH);
            reserved.settle(&[spent]);
            self.untold += spent;
            world.untold -= EACH - spent;
            world.promised -= EACH - spent;
        }
    }

    /// Hears what came of an exchange.
    fn hear(&mut self, world: &mut World) {
        let Some(done) = self.exchange.take_if(|it| it.done_at <= world.now) else { return };
        let claims = if done.is_ask { claims(world).to_vec() } else { Vec::new() };
        let reserved = done.plan.apply(&done.outcomes, &claims, world.now);
        if !done.is_ask {
            return;
        }
        let since = self.waiting.pop_front().unwrap_or(world.now);
        match reserved {
            Ok(reserved) => self.serve(reserved, world),
            Err(short) => self.refuse(short, since, world),
        }
    }

    /// Those who wait take what others brought, and ask for what is not there.
    fn ask(&mut self, world: &mut World) {
        let claims = claims(world);
        while self.exchange.is_none()
            && let Some(since) = self.waiting.pop_front()
        {
            match self.book.reserve(&claims, world.now) {
                _ if world.now - since >= PATIENCE => world.count.unavailable += 1,
                Ok(reserved) => self.serve(reserved, world),
                Err(Short::Ask) => {
                    self.waiting.push_front(since);
                    self.begin(self.book.ask(&claims, world.now), true, world);
                }
                Err(short) => self.refuse(short, since, world),
            }
        }
    }

    fn begin(&mut self, mut plan: Plan, is_ask: bool, world: &mut World) {
        let told = if is_ask { 0 } else { std::mem::take(&mut self.untold) };
        let outcomes = world.shelf.exchange(self.own, &plan, told);
        plan.committing();
        world.untold -= told;
        world.count.exchanges += 1;
        world.count.asks += i64::from(is_ask);
        let done_at = world.now + self.round_trip;
        self.exchange = Some(Exchange { plan, outcomes, is_ask, done_at });
    }

    fn serve(&mut self, reserved: Reserved, world: &mut World) {
        world.count.served += 1;
        world.promised += EACH;
        world.untold += EACH;
        self.under_way.push_back((world.now + self.takes, reserved));
    }

    fn refuse(&mut self, short: Short, since: i64, world: &mut World) {
        match short {
            Short::Ask => self.waiting.push_back(since),
            Short::Dry(_) => world.count.refused_falsely += i64::from(world.left() >= EACH),
        }
    }
}

fn claims(world: &World) -> [Claim; 1] {
    [Claim { limit: world.limit.clone(), amount: EACH }]
}
