//! The time of day, and one that never goes back.

use crate::bindings::portcullis::host::clock::Host;
use crate::store::State;
use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where the monotonic clock starts: arbitrary, so that a guest learns nothing from it.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl<D: Send> Host for State<D> {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        self.host_call()?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn monotonic_us(&mut self) -> wasmtime::Result<u64> {
        self.host_call()?;
        Ok(u64::try_from(START.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}
