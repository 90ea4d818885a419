//! What always holds of slices, whatever is done in whatever order: chance decides, by seeds that
//! a failure names. The store is a map here; what is done to it is what the real one does.

use super::{Book, Had, Outcome, Plan, Reserved, Short};
use crate::account::{Account, Claim, Limit, Measure, Subject};
use crate::lease::balance::Balance;
use crate::window::Period;
use jiff::tz::TimeZone;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

fn limit(name: &str, most: i64) -> Arc<Limit> {
    let whose = (Subject::Key, name);
    Arc::new(Limit::new(Measure::Tokens, Period::Day, TimeZone::UTC, whose, most))
}

fn claim(limit: &Arc<Limit>, amount: i64) -> Claim {
    Claim { limit: limit.clone(), amount }
}

type Key = (Account, i64);

/// What is in the place of the store: what each account has, and what each process holds of it.
#[derive(Clone, Default)]
struct Shelf {
    accounts: HashMap<Key, (i64, i64)>,
    slices: HashMap<(usize, Key), (i64, i64)>,
}

impl Shelf {
    fn balance(&self, process: usize, key: &Key) -> Balance {
        let (settled, leased) = self.accounts.get(key).copied().unwrap_or_default();
        let (held, spare) = self.slices.get(&(process, key.clone())).copied().unwrap_or_default();
        Balance { settled, leased, held, spare }
    }

    fn put(&mut self, process: usize, key: &Key, balance: Balance) {
        self.accounts.insert(key.clone(), (balance.settled, balance.leased));
        self.slices.insert((process, key.clone()), (balance.held, balance.spare));
    }

    /// One transaction: what is wanted, and what is told as spent.
    fn exchange(&mut self, process: usize, plan: &Plan, told: &HashMap<Key, i64>) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let mut keys: Vec<Key> = told.keys().cloned().collect();
        let wanted = plan.moves.iter().map(|it| (it.account.clone(), it.window.start));
        keys.extend(wanted.filter(|key| !told.contains_key(key)));
        for key in keys {
            let mut balance = self.balance(process, &key);
            let want = plan.moves.iter().find(|it| it.account == key.0 && it.window.start == key.1);
            let moved = want.map(|want| balance.shift(want, 2));
            let told = told.get(&key).copied().unwrap_or_default();
            balance.settle(told);
            self.put(process, &key, balance);
            let (held, spare, others) = (balance.held, balance.spare, balance.others());
            let (account, start) = key;
            outcomes.push(Outcome { account, start, held, spare, told, others, moved });
        }
        outcomes
    }

    fn rows(&self, process: usize) -> Vec<(Account, i64, i64, i64)> {
        let own = self.slices.iter().filter(|((whose, _), _)| *whose == process);
        own.map(|((_, (account, start)), (held, spare))| (account.clone(), *start, *held, *spare))
            .collect()
    }
}

/// A process: what it holds, what is under way, and what the store was not told.
#[derive(Default)]
struct Process {
    book: Book,
    under_way: Vec<Reserved>,
    untold: HashMap<Key, i64>,
}

/// What may go wrong with an exchange.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Committed,
    Undone,
    /// Done or not: this process never hears of it.
    Unheard(bool),
}

impl Process {
    fn exchange(
        &mut self,
        own: usize,
        shelf: &mut Shelf,
        mut plan: Plan,
        (claims, now): (&[Claim], i64),
        fate: Fate,
    ) -> Result<Reserved, Short> {
        let before = shelf.clone();
        let outcomes = shelf.exchange(own, &plan, &self.untold);
        match fate {
            Fate::Undone => {
                *shelf = before;
                return Err(Short::Ask);
            }
            Fate::Committed => plan.committing(),
            Fate::Unheard(done) => {
                plan.committing();
                drop(plan);
                if done {
                    for ((account, start), amount) in self.untold.drain() {
                        self.book.told(&account, start, amount);
                    }
                } else {
                    *shelf = before;
                }
                self.book.correct(&shelf.rows(own));
                return Err(Short::Ask);
            }
        }
        self.untold.clear();
        plan.apply(&outcomes, claims, now)
    }

    fn settle(&mut self, at: usize, factor: i64) -> i64 {
        let reserved = self.under_way.swap_remove(at);
        let spent: Vec<i64> =
            reserved.parts().iter().map(|part| part.amount * factor / 2).collect();
        let mut over = 0;
        for (part, spent) in reserved.parts().iter().zip(&spent) {
            let key = (part.limit.account().clone(), part.window.start);
            *self.untold.entry(key).or_default() += spent;
            over += (spent - part.amount).max(0);
        }
        reserved.settle(&spent);
        over
    }
}

/// Two processes do what they like with three accounts.
fn run(seed: u64, overs: bool) {
    let mut chance = StdRng::seed_from_u64(seed);
    let limits: Vec<Arc<Limit>> =
        ["a", "b", "c"].iter().map(|name| limit(name, chance.random_range(20..400))).collect();
    let mut shelf = Shelf::default();
    let mut processes = [Process::default(), Process::default()];
    let (mut now, mut over) = (1_000, 0);
    for _ in 0..400 {
        now += chance.random_range(0..300);
        let own = chance.random_range(0..2);
        let process = &mut processes[own];
        let fate = match chance.random_range(0..8) {
            0 => Fate::Undone,
            1 => Fate::Unheard(chance.random_bool(0.5)),
            _ => Fate::Committed,
        };
        match chance.random_range(0..6) {
            0..=2 => {
                let count = chance.random_range(1..4);
                let claims: Vec<Claim> = (0..count)
                    .map(|_| claim(&limits[chance.random_range(0..3)], chance.random_range(0..12)))
                    .collect();
                let mut done = process.book.reserve(&claims, now);
                if matches!(done, Err(Short::Ask)) {
                    let plan = process.book.ask(&claims, now);
                    done = process.exchange(own, &mut shelf, plan, (&claims, now), fate);
                }
                process.under_way.extend(done.ok());
            }
            3 if !process.under_way.is_empty() => {
                let at = chance.random_range(0..process.under_way.len());
                let most = if overs { 6 } else { 3 };
                over += process.settle(at, chance.random_range(0..most));
            }
            4 if !process.under_way.is_empty() => {
                process.under_way.swap_remove(chance.random_range(0..process.under_way.len()));
            }
            _ => {
                let plan = process.book.upkeep(now);
                let none = process.exchange(own, &mut shelf, plan, (&[], now), fate);
                assert!(none.is_err() || none.unwrap().parts().is_empty());
            }
        }
        for limit in &limits {
            let (settled, leased) =
                shelf.accounts.get(&(limit.account().clone(), 0)).copied().unwrap_or_default();
            assert!(settled + leased <= limit.most() + over, "seed {seed}: {settled} + {leased}");
            assert!(leased >= 0, "seed {seed}");
        }
        for process in &processes {
            let state = process.book.lock();
            for slice in state.slices.values() {
                assert!(slice.free() >= -over, "seed {seed}: {slice:?}");
                assert!(slice.reserved >= 0 && slice.told <= slice.spent, "seed {seed}: {slice:?}");
            }
        }
    }
    // When all is over, nothing is held, and what is settled is what was spent.
    for (own, process) in processes.iter_mut().enumerate() {
        process.under_way.clear();
        let spent: i64 = process.book.lock().slices.values().map(|it| it.spent - it.told).sum();
        assert_eq!(spent, process.untold.values().sum::<i64>(), "seed {seed}");
        let plan = process.book.give_up();
        let done = process.exchange(own, &mut shelf, plan, (&[], now), Fate::Committed);
        assert!(done.is_ok());
        let plan = process.book.upkeep(now + 200_000);
        assert_eq!(plan.moves, [], "seed {seed}");
        assert!(process.book.lock().slices.is_empty(), "seed {seed}");
    }
    for (settled, leased) in shelf.accounts.values() {
        assert!(*leased == 0 && *settled >= 0, "seed {seed}: {leased}");
    }
}

#[test]
fn never_more_is_reserved_and_spent_than_was_granted() {
    (0..400).for_each(|seed| run(seed, false));
}

#[test]
fn what_costs_more_than_was_expected_is_spent_and_nothing_else_is_over() {
    (0..400).for_each(|seed| run(seed, true));
}

/// A book that holds this much of each of these limits.
fn stocked(limits: &[Arc<Limit>]) -> Book {
    let book = Book::default();
    let claims: Vec<Claim> = limits.iter().map(|limit| claim(limit, limit.most())).collect();
    let mut plan = book.ask(&claims, 0);
    let outcomes = Shelf::default().exchange(0, &plan, &HashMap::new());
    plan.committing();
    drop(plan.apply(&outcomes, &claims, 0).unwrap());
    book
}

#[test]
fn all_accounts_are_reserved_or_none() {
    let (one, two) = (limit("one", 10), limit("two", 5));
    let book = stocked(&[one.clone(), two.clone()]);
    let both = book.reserve(&[claim(&one, 4), claim(&two, 5)], 0).unwrap();
    assert_eq!(book.reserve(&[claim(&one, 6), claim(&two, 1)], 0).unwrap_err(), Short::Ask);
    let rest = book.reserve(&[claim(&one, 6)], 0).unwrap();
    // Two claims on one account are one that is as large as both.
    drop(rest);
    assert!(book.reserve(&[claim(&one, 3), claim(&one, 4)], 0).is_err());
    let spent: Vec<i64> = both.standings().iter().map(|standing| standing.spent).collect();
    assert_eq!(spent, [4, 5]);
    both.settle(&[1, 2]);
    assert!(book.reserve(&[claim(&one, 9), claim(&two, 3)], 0).is_ok());
    assert!(book.reserve(&[claim(&one, 10)], 0).is_err());
}

#[test]
fn a_limit_that_was_lowered_is_asked_about_and_what_was_not_there_is_not_asked_for_again() {
    let high = limit("one", 10);
    let lower = limit("one", 4);
    let book = stocked(std::slice::from_ref(&high));
    let spent = book.reserve(&[claim(&high, 3)], 0).unwrap();
    assert_eq!(book.reserve(&[claim(&lower, 1)], 0).unwrap_err(), Short::Ask);
    let ask = [claim(&lower, 2)];
    let mut shelf = Shelf::default();
    let key = (high.account().clone(), 0);
    shelf.put(0, &key, Balance { settled: 0, leased: 10, held: 10, spare: 0 });
    let mut plan = book.ask(&ask, 0);
    let outcomes = shelf.exchange(0, &plan, &HashMap::new());
    assert_eq!(outcomes[0].moved, Some(Had::TooLittle { need: 2, for_good: false }));
    plan.committing();
    let Err(Short::Dry(standing)) = plan.apply(&outcomes, &ask, 0) else { panic!("it was had") };
    assert_eq!((standing.most, standing.spent, standing.remaining()), (4, 3, 1));
    assert!(matches!(book.reserve(&ask, 199), Err(Short::Dry(_))));
    assert!(matches!(book.reserve(&ask, 200), Err(Short::Ask)));
    // What is still reserved is all that is held.
    assert_eq!(shelf.balance(0, &key).leased, 3);
    drop(spent);
}

#[test]
fn who_wants_nothing_of_what_is_over_has_it_and_what_it_used_is_over_too() {
    let limits = [limit("a", 10)];
    let book = stocked(&limits);
    book.reserve(&[claim(&limits[0], 5)], 0).unwrap().settle(&[50]);
    let none = book.reserve(&[claim(&limits[0], 0)], 0).unwrap();
    assert_eq!(book.reserve(&[claim(&limits[0], 1)], 0).err(), Some(Short::Ask));
    none.settle(&[7]);
    assert_eq!(book.standings(&limits, 0)[0].spent, 57);
}

#[test]
fn a_window_that_is_over_gives_back_what_it_has_and_settles_what_is_under_way() {
    const DAY: i64 = 86_400_000;
    let limit = limit("one", 10);
    let book = stocked(std::slice::from_ref(&limit));
    let late = book.reserve(&[claim(&limit, 4)], DAY - 1).unwrap();
    assert_eq!(book.reserve(&[claim(&limit, 1)], DAY).unwrap_err(), Short::Ask);
    let moves = book.upkeep(DAY).moves.clone();
    assert_eq!(moves.len(), 1);
    assert_eq!((moves[0].free, moves[0].window.end, moves[0].stock), (6, DAY, false));
    late.settle(&[4]);
    let state = book.lock();
    let old = state.slices.values().find(|slice| slice.window.start == 0).unwrap();
    assert_eq!((old.spent, old.reserved), (4, 0));
}

#[test]
fn many_threads_spend_no_more_than_there_is() {
    let limits = [limit("one", 10_000), limit("two", 9_000), limit("three", 11_000)];
    let book = stocked(&limits);
    let spent = Mutex::new([0; 3]);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (book, limits, spent) = (&book, &limits, &spent);
            scope.spawn(move || {
                let mut chance = StdRng::seed_from_u64(thread);
                for _ in 0..5_000 {
                    let amounts = [(); 3].map(|()| chance.random_range(0..4));
                    let claims: Vec<Claim> = limits
                        .iter()
                        .zip(amounts)
                        .map(|(limit, amount)| claim(limit, amount))
                        .collect();
                    let Ok(reserved) = book.reserve(&claims, 0) else { continue };
                    if chance.random_bool(0.3) {
                        continue;
                    }
                    reserved.settle(&amounts);
                    let mut spent = spent.lock().unwrap();
                    spent.iter_mut().zip(amounts).for_each(|(spent, amount)| *spent += amount);
                }
            });
        }
    });
    let spent = spent.into_inner().unwrap();
    let state = book.lock();
    for (limit, spent) in limits.iter().zip(spent) {
        let id = state.index[&(limit.account().clone(), 0)];
        let slice = &state.slices[&id];
        assert_eq!((slice.spent, slice.reserved), (spent, 0));
        assert!(spent <= limit.most());
    }
    assert!(spent[1] > 8_990, "{spent:?}");
}
