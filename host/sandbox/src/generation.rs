//! Replacing a value while it is in use.
//!
//! A request pins the generation that it began with and keeps it to its end, so that none
//! sees two. An old generation goes when its last pin does; the newest few stay, so that going
//! back is one step.

use crate::Digest;
use arc_swap::ArcSwap;
use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// One version of a value.
#[derive(Debug)]
pub struct Generation<T> {
    /// Counts up within a slot; none is given twice.
    pub id: u64,
    /// What it was made of.
    pub digest: Digest,
    /// The value.
    pub value: T,
    pins: AtomicUsize,
    unpinned: Notify,
}

impl<T> Generation<T> {
    fn new(id: u64, digest: Digest, value: T) -> Arc<Self> {
        let (pins, unpinned) = (AtomicUsize::new(0), Notify::new());
        Arc::new(Self { id, digest, value, pins, unpinned })
    }

    /// Waits until nobody uses it. Sensible once another has taken its place.
    pub async fn drained(&self) {
        loop {
            let unpinned = self.unpinned.notified();
            if self.pins.load(Ordering::Acquire) == 0 {
                return;
            }
            unpinned.await;
        }
    }
}

/// A generation in use. Dropping it lets go.
#[derive(Debug)]
pub struct Pinned<T>(Arc<Generation<T>>);

impl<T> Pinned<T> {
    fn new(generation: &Arc<Generation<T>>) -> Self {
        generation.pins.fetch_add(1, Ordering::AcqRel);
        Self(generation.clone())
    }
}

impl<T> Clone for Pinned<T> {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl<T> Deref for Pinned<T> {
    type Target = Generation<T>;

    fn deref(&self) -> &Generation<T> {
        &self.0
    }
}

impl<T> Drop for Pinned<T> {
    fn drop(&mut self) {
        if self.0.pins.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.unpinned.notify_waiters();
        }
    }
}

/// A place whose value can be replaced while it is in use.
#[derive(Debug)]
pub struct Slot<T> {
    present: ArcSwap<Present<T>>,
    past: Mutex<Past<T>>,
    keep: usize,
}

/// What is in place: one generation, or two while another is tried out.
#[derive(Debug)]
struct Present<T> {
    current: Arc<Generation<T>>,
    trial: Option<(Arc<Generation<T>>, Share)>,
}

#[derive(Debug)]
struct Past<T> {
    earlier: VecDeque<Arc<Generation<T>>>,
    newest: u64,
}

/// A part of all uses, from none to all of them, in steps of a ten-thousandth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u16);

impl Share {
    /// All of them.
    pub const ALL: Self = Self(10_000);

    /// This part of all; `None` of what is not between 0 and 1.
    pub fn of(part: f64) -> Option<Self> {
        // In bounds, since it was between 0 and 1.
        (0.0..=1.0).contains(&part).then(|| Self((part * 10_000.0).round() as u16))
    }

    /// As a number between 0 and 1.
    pub fn part(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }

    /// Whether a use falls into it that drew this lot, of all the lots there are.
    fn takes(self, lot: u64) -> bool {
        lot % 10_000 < u64::from(self.0)
    }
}

impl<T> Slot<T> {
    /// A slot with its first generation, of this number, which will keep `keep` earlier ones.
    pub fn new(number: u64, digest: Digest, value: T, keep: usize) -> Self {
        let current = Generation::new(number, digest, value);
        let past = Past { earlier: VecDeque::new(), newest: number };
        Self {
            present: ArcSwap::from_pointee(Present { current, trial: None }),
            past: Mutex::new(past),
            keep,
        }
    }

    /// The present generation, for as long as the caller holds it.
    pub fn pin(&self) -> Pinned<T> {
        Pinned::new(&self.present.load().current)
    }

    /// The generation of who draws this lot: the one that is tried out, if the lot falls into its
    /// share, and the present one otherwise. Without a trial nobody draws.
    pub fn pin_by(&self, lot: impl FnOnce() -> u64) -> Pinned<T> {
        let present = self.present.load();
        match &present.trial {
            Some((trial, share)) if share.takes(lot()) => Pinned::new(trial),
            _ => Pinned::new(&present.current),
        }
    }

    /// The generation that is tried out, if one is, and its share.
    pub fn trial(&self) -> Option<(Pinned<T>, Share)> {
        let present = self.present.load();
        present.trial.as_ref().map(|(trial, share)| (Pinned::new(trial), *share))
    }

    /// Puts a new generation in place, in one step, and ends what was tried out. Returns its
    /// number and the one that was in place.
    pub fn publish(&self, digest: Digest, value: T) -> (u64, Arc<Generation<T>>) {
        // The lock makes concurrent publications take turns; readers never see it.
        let mut past = self.lock();
        past.newest += 1;
        let (number, next) = (past.newest, Generation::new(past.newest, digest, value));
        (number, self.succeed(&mut past, next))
    }

    /// Tries a new generation out beside the present one, in the place of any that is tried out.
    /// Returns its number.
    pub fn try_out(&self, digest: Digest, value: T, share: Share) -> u64 {
        let mut past = self.lock();
        past.newest += 1;
        let trial = Some((Generation::new(past.newest, digest, value), share));
        let current = self.present.load().current.clone();
        self.present.store(Arc::new(Present { current, trial }));
        past.newest
    }

    /// Makes the generation of this number, which is tried out, the present one. Returns the one
    /// that was; `None` if that number is not tried out.
    pub fn promote(&self, number: u64) -> Option<Arc<Generation<T>>> {
        let mut past = self.lock();
        let trial = self.present.load().trial.as_ref().map(|(trial, _)| trial.clone());
        let trial = trial.filter(|trial| trial.id == number)?;
        Some(self.succeed(&mut past, trial))
    }

    /// Takes the generation of this number out of use: the one before it takes its place, or, if
    /// it was only tried out, nothing does. Returns it and the number that is in place now; `None`
    /// if it is not in use, or nothing is left to go back to. It is not kept.
    pub fn withdraw(&self, number: u64) -> Option<(Arc<Generation<T>>, u64)> {
        let mut past = self.lock();
        let present = self.present.load_full();
        if let Some((trial, _)) = &present.trial
            && trial.id == number
        {
            let current = present.current.clone();
            let left = current.id;
            self.present.store(Arc::new(Present { current, trial: None }));
            return Some((trial.clone(), left));
        }
        if present.current.id != number {
            return None;
        }
        let before = past.earlier.pop_back()?;
        let left = before.id;
        self.present.store(Arc::new(Present { current: before, trial: None }));
        Some((present.current.clone(), left))
    }

    /// Whether there is a generation to go back to.
    pub fn has_earlier(&self) -> bool {
        !self.lock().earlier.is_empty()
    }

    fn succeed(&self, past: &mut Past<T>, next: Arc<Generation<T>>) -> Arc<Generation<T>> {
        let old = self.present.swap(Arc::new(Present { current: next, trial: None }));
        past.earlier.push_back(old.current.clone());
        while past.earlier.len() > self.keep {
            past.earlier.pop_front();
        }
        old.current.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Past<T>> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> Slot<&'static str> {
        Slot::new(1, Digest::of(b"1"), "one", 2)
    }

    fn digest(value: &str) -> Digest {
        Digest::of(value.as_bytes())
    }

    #[test]
    fn who_has_pinned_a_generation_keeps_it() {
        let slot = slot();
        let pinned = slot.pin();
        slot.publish(digest("two"), "two");
        assert_eq!((pinned.value, slot.pin().value), ("one", "two"));
        assert_eq!(slot.pin().id, 2);
    }

    #[test]
    fn going_back_goes_through_those_that_are_kept() {
        let slot = slot();
        for value in ["two", "three", "four"] {
            slot.publish(digest(value), value);
        }
        assert!(slot.withdraw(3).is_none(), "it is not in place");
        let (gone, left) = slot.withdraw(4).unwrap();
        assert_eq!((gone.value, left, slot.pin().value), ("four", 3, "three"));
        assert_eq!(slot.withdraw(3).unwrap().0.value, "three");
        assert!(slot.withdraw(2).is_none(), "only two were to be kept");
        assert_eq!(slot.pin().value, "two");
        // What is gone does not lend its number to another.
        assert_eq!(slot.publish(digest("five"), "five").0, 5);
    }

    #[test]
    fn what_is_tried_out_gets_its_share_and_no_more() {
        let slot = slot();
        let number = slot.try_out(digest("two"), "two", Share::of(0.1).unwrap());
        let tried = (0..10_000).filter(|lot| slot.pin_by(|| *lot).value == "two").count();
        assert_eq!((tried, slot.pin().value), (1_000, "one"));
        // The same lot has the same generation each time.
        assert_eq!(slot.pin_by(|| 999).value, "two");
        assert_eq!(slot.promote(number).unwrap().value, "one");
        assert_eq!((slot.pin().value, slot.pin_by(|| 9_999).value), ("two", "two"));
        assert!(slot.promote(number).is_none() && slot.trial().is_none());
        assert_eq!(slot.withdraw(number).unwrap().0.value, "two");
        assert_eq!(slot.pin().value, "one");
    }

    #[test]
    fn what_is_tried_out_ends_alone_or_with_the_next() {
        let slot = slot();
        let number = slot.try_out(digest("two"), "two", Share::ALL);
        assert_eq!(slot.pin_by(|| 0).value, "two");
        let (gone, left) = slot.withdraw(number).unwrap();
        assert_eq!((gone.value, left, slot.pin_by(|| 0).value), ("two", 1, "one"));
        slot.try_out(digest("three"), "three", Share::ALL);
        slot.publish(digest("four"), "four");
        assert_eq!(slot.pin_by(|| 0).value, "four");
        assert_eq!(slot.withdraw(4).unwrap().1, 1, "what was only tried out is no way back");
    }

    #[test]
    fn a_share_is_a_part_of_all() {
        assert_eq!(Share::of(1.0), Some(Share::ALL));
        assert!([-0.1, 1.1, f64::NAN].into_iter().all(|part| Share::of(part).is_none()));
        assert!((Share::of(0.25).unwrap().part() - 0.25).abs() < 1e-9);
    }

    #[tokio::test]
    async fn an_old_generation_is_drained_when_its_last_pin_goes() {
        let slot = slot();
        let (first, second) = (slot.pin(), slot.pin());
        let (_, old) = slot.publish(digest("two"), "two");
        let drained = tokio::spawn(async move { old.drained().await });
        drop(first);
        tokio::task::yield_now().await;
        assert!(!drained.is_finished());
        drop(second);
        drained.await.unwrap();
    }
}
