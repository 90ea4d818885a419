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
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// One version of a value.
#[derive(Debug)]
pub struct Generation<T> {
    /// Counts up from 1 within a slot.
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

impl<T> Clone for Pinned<T> {
    fn clone(&self) -> Self {
        self.0.pins.fetch_add(1, Ordering::AcqRel);
        Self(self.0.clone())
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
    current: ArcSwap<Generation<T>>,
    earlier: Mutex<VecDeque<Arc<Generation<T>>>>,
    keep: usize,
}

impl<T> Slot<T> {
    /// A slot with its first generation, which will keep `keep` earlier ones.
    pub fn new(digest: Digest, value: T, keep: usize) -> Self {
        let current = ArcSwap::new(Generation::new(1, digest, value));
        Self { current, earlier: Mutex::new(VecDeque::new()), keep }
    }

    /// The present generation, for as long as the caller holds it.
    pub fn pin(&self) -> Pinned<T> {
        let generation = self.current.load_full();
        generation.pins.fetch_add(1, Ordering::AcqRel);
        Pinned(generation)
    }

    /// Puts a new generation in place, in one step, and returns the old one.
    pub fn publish(&self, digest: Digest, value: T) -> Arc<Generation<T>> {
        // The lock makes concurrent publications take turns; readers never see it.
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        let next = self.current.load().id.max(earlier.back().map_or(0, |g| g.id)) + 1;
        let old = self.current.swap(Generation::new(next, digest, value));
        earlier.push_back(old.clone());
        while earlier.len() > self.keep {
            earlier.pop_front();
        }
        old
    }

    /// Goes back to the generation before this one; `None` if there is none left. The one that
    /// was in place is returned and not kept.
    pub fn roll_back(&self) -> Option<Arc<Generation<T>>> {
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        let before = earlier.pop_back()?;
        Some(self.current.swap(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> Slot<&'static str> {
        Slot::new(Digest::of(b"1"), "one", 2)
    }

    #[test]
    fn who_has_pinned_a_generation_keeps_it() {
        let slot = slot();
        let pinned = slot.pin();
        slot.publish(Digest::of(b"2"), "two");
        assert_eq!((pinned.value, slot.pin().value), ("one", "two"));
        assert_eq!(slot.pin().id, 2);
    }

    #[test]
    fn rolling_back_goes_through_those_that_are_kept() {
        let slot = slot();
        for value in ["two", "three", "four"] {
            slot.publish(Digest::of(value.as_bytes()), value);
        }
        assert_eq!(slot.roll_back().unwrap().value, "four");
        assert_eq!(slot.pin().value, "three");
        assert_eq!(slot.roll_back().unwrap().value, "three");
        assert!(slot.roll_back().is_none(), "only two were to be kept");
        assert_eq!(slot.pin().value, "two");
    }

    #[tokio::test]
    async fn an_old_generation_is_drained_when_its_last_pin_goes() {
        let slot = slot();
        let (first, second) = (slot.pin(), slot.pin());
        let old = slot.publish(Digest::of(b"2"), "two");
        let drained = tokio::spawn(async move { old.drained().await });
        drop(first);
        tokio::task::yield_now().await;
        assert!(!drained.is_finished());
        drop(second);
        drained.await.unwrap();
    }
}
