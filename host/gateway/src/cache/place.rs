//! An answer on its way into the cache, beside its way to the client.
//!
//! It is there when it is whole: who drops this, because an answer failed or its client went
//! away, leaves nothing behind.

use super::key::Key;
use super::{BESIDE, Cache, Kept};
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where an answer goes.
pub struct Place {
    cache: Arc<Cache>,
    key: Key,
    lasts: Duration,
}

impl Place {
    pub(super) fn new(cache: Arc<Cache>, key: Key, lasts: Duration) -> Self {
        Self { cache, key, lasts }
    }

    /// Keeps an answer that came all at once.
    pub fn whole(self, candidate: &str, dropped: Option<String>, body: &Bytes) {
        if body.len() + BESIDE > self.cache.largest {
            return;
        }
        // It may be a slice of something larger, which it would keep alive.
        let body = Bytes::copy_from_slice(body);
        self.put(candidate.to_owned(), dropped, body, None);
    }

    /// Begins to keep a stream.
    pub fn stream(self, candidate: &str, dropped: Option<String>) -> Collected {
        let candidate = candidate.to_owned();
        Collected { place: self, candidate, dropped, body: BytesMut::new(), ends: Vec::new() }
    }

    fn put(
        self,
        candidate: String,
        dropped: Option<String>,
        body: Bytes,
        ends: Option<Box<[usize]>>,
    ) {
        let (at, lasts) = (Instant::now(), self.lasts);
        self.cache.put(self.key, Kept { candidate, dropped, body, ends, at, lasts });
    }
}

/// A stream, as far as it has come.
pub struct Collected {
    place: Place,
    candidate: String,
    dropped: Option<String>,
    body: BytesMut,
    ends: Vec<usize>,
}

impl Collected {
    /// Adds a piece. `None` is what is left of a stream that is too long to be kept.
    pub fn with(mut self, piece: &[u8]) -> Option<Self> {
        self.body.extend_from_slice(piece);
        self.ends.push(self.body.len());
        let size = self.body.len() + self.ends.len() * size_of::<usize>() + BESIDE;
        (size <= self.place.cache.largest).then_some(self)
    }

    /// Keeps the stream, which is whole.
    pub fn keep(self) {
        // Without the room that both have to grow.
        let (body, ends) = (Bytes::copy_from_slice(&self.body), self.ends.into_boxed_slice());
        self.place.put(self.candidate, self.dropped, body, Some(ends));
    }
}
