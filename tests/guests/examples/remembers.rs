//! Counts the requests that it sees in a static of its own, and says the count.

use std::sync::atomic::{AtomicU32, Ordering};

portcullis_test_guests::provider!(Remembering);

static SEEN: AtomicU32 = AtomicU32::new(0);

#[derive(Default)]
struct Remembering;

impl Provider for Remembering {
    fn start(_: &Request) -> Result<(Self, Call), Failure> {
        Err(failure(format!("request {} of this memory", SEEN.fetch_add(1, Ordering::Relaxed) + 1)))
    }
}
