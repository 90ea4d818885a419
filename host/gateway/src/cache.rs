//! Answers that are given again to exactly the same request, without asking anybody.
//!
//! They are kept in memory and nowhere else, up to so many bytes, and for so long; of those that
//! are too many the least recently used go. Each deployment begins with none: what another
//! configuration would have answered is not known. Nor is what another version of a plugin would
//! have, so that its own answers are found where one is tried out or taken back.
//!
//! The same requests at the same time are not made one: each of them goes to an upstream, since
//! none may be made to wait for the fate of another.

mod key;
mod place;

use crate::config;
use bytes::Bytes;
use http::HeaderMap;
use key::Key;
use moka::Expiry;
use moka::policy::EvictionPolicy;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::config::Keeping;
use crate::refusal::Refusal;
use crate::request::Request;
pub use place::{Collected, Place};

/// The header by which a client says what it wants of the cache, and is told what it got.
pub const HEADER: &str = "x-portcullis-cache";
/// An answer may fill no more of the cache than this part,
const PART: usize = 16;
/// and be no longer than this: each stream that is to be kept is held until its end.
const LONGEST: usize = 1 << 20;
/// Bytes that an answer takes beside its body, about.
const BESIDE: usize = 512;

/// What a client wants of the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// What is sound.
    #[default]
    Usual,
    /// An answer from the cache, also where another might have been given.
    Use,
    /// A new answer, that is kept in the place of the old one.
    Refresh,
    /// Nothing.
    Bypass,
}

impl Wish {
    /// What the headers of a request say.
    ///
    /// # Errors
    ///
    /// 400 where that is not known.
    pub fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        match headers.get(HEADER).map(|value| value.as_bytes()) {
            None => Ok(Self::Usual),
            Some(b"use") => Ok(Self::Use),
            Some(b"refresh") => Ok(Self::Refresh),
            Some(b"bypass") => Ok(Self::Bypass),
            Some(_) => {
                let expected = "expected `use`, `refresh` or `bypass`";
                Err(Refusal::invalid(format!("`{HEADER}` is not known; {expected}."), None))
            }
        }
    }
}

/// An answer that was given, all of it.
#[derive(Debug)]
pub struct Kept {
    /// Who gave it: "provider/model".
    pub candidate: String,
    /// Fields of the request that the upstream had no place for.
    pub dropped: Option<String>,
    /// In the client's dialect.
    pub body: Bytes,
    /// Where each piece of a stream ends; `None` of an answer that was no stream.
    pub ends: Option<Box<[usize]>>,
    /// When it was given.
    pub at: Instant,
    /// For how long it is given again.
    lasts: Duration,
}

impl Kept {
    fn weight(&self) -> u32 {
        let ends = self.ends.as_ref().map_or(0, |ends| ends.len() * size_of::<usize>());
        u32::try_from(self.body.len() + ends + BESIDE).unwrap_or(u32::MAX)
    }
}

/// What is found for a request.
pub enum Found {
    /// It was answered before.
    Hit(Arc<Kept>),
    /// It has to be answered; and where that is kept, and what the client is told of it.
    Miss(Keep),
}

/// What becomes of an answer that is not from the cache.
#[derive(Default)]
pub struct Keep {
    /// What the client is told; nothing where it is no matter for the cache.
    pub word: Option<&'static str>,
    /// Where the answer goes.
    pub place: Option<Place>,
}

/// The answers of one deployment.
pub struct Cache {
    answers: moka::sync::Cache<Key, Arc<Kept>>,
    lasts: Duration,
    /// Bytes of an answer at most.
    largest: usize,
    /// Counts up when all is forgotten: what was asked before then is not found afterwards, even
    /// if it is answered only then.
    epoch: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// What a cache holds, and how often that was of use.
#[derive(Debug, Serialize)]
pub struct State {
    /// Answers in it.
    pub answers: u64,
    /// Bytes of them, about.
    pub bytes: u64,
    /// Requests that were answered by it.
    pub hits: u64,
    /// Requests that could have been, and were not.
    pub misses: u64,
}

impl Cache {
    /// One that is empty.
    pub fn new(configured: &config::Cache) -> Self {
        let answers = moka::sync::Cache::builder()
            .max_capacity(configured.max_bytes as u64)
            .weigher(|_, kept: &Arc<Kept>| kept.weight())
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(Lasting)
            .build();
        let (lasts, largest) = (configured.ttl, LONGEST.min(configured.max_bytes / PART));
        let (epoch, hits, misses) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { answers, lasts, largest, epoch, hits, misses }
    }

    /// Looks for an answer to a request of a route that keeps so much, by these versions of
    /// plugins.
    pub fn find(
        self: &Arc<Self>,
        request: &Request,
        keeping: Keeping,
        wish: Wish,
        versions: impl Fn() -> Vec<u64>,
    ) -> Found {
        let nothing = |word| Found::Miss(Keep { word, place: None });
        let lasts = match keeping {
            Keeping::Nothing => return nothing(None),
            Keeping::Sound => self.lasts,
            Keeping::All(lasts) => lasts.unwrap_or(self.lasts),
        };
        if wish == Wish::Bypass {
            return nothing(Some("bypass"));
        }
        let asked_for = wish != Wish::Usual || matches!(keeping, Keeping::All(_));
        if !key::is_known(request) || !(asked_for || key::is_sound(request)) {
            return nothing(None);
        }
        let epoch = self.epoch.load(Ordering::Acquire);
        let Some(key) = Key::of(request, epoch, &versions()) else { return nothing(None) };
        let kept = self.answers.get(&key).filter(|_| wish != Wish::Refresh);
        if let Some(kept) = kept {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Found::Hit(kept);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let place = Place::new(self.clone(), key, lasts);
        Found::Miss(Keep { word: Some("miss"), place: Some(place) })
    }

    fn put(&self, key: Key, kept: Kept) {
        self.answers.insert(key, Arc::new(kept));
        // What is too much goes at once, and not with some later request.
        self.answers.run_pending_tasks();
    }

    /// Forgets everything, and what is being answered at the moment as well.
    pub fn clear(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.answers.invalidate_all();
        self.answers.run_pending_tasks();
    }

    /// What it holds.
    pub fn state(&self) -> State {
        self.answers.run_pending_tasks();
        State {
            answers: self.answers.entry_count(),
            bytes: self.answers.weighted_size(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }
}

/// Each answer lasts as long as its route says.
struct Lasting;

impl Expiry<Key, Arc<Kept>> for Lasting {
    fn expire_after_create(&self, _: &Key, kept: &Arc<Kept>, _: Instant) -> Option<Duration> {
        Some(kept.lasts)
    }

    fn expire_after_update(
        &self,
        _: &Key,
        kept: &Arc<Kept>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.lasts)
    }
}
