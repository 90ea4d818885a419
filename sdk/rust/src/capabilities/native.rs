//! The capabilities outside a sandbox: enough for a test, and nothing that leaves it.

#[cfg(feature = "policy")]
pub(crate) mod policy;

/// Lines in the host's own log. Here they go nowhere.
pub mod log {
    pub use crate::bindings::either::portcullis::host::log::Level;

    /// Writes one line, with names and values beside it.
    pub fn log(_level: Level, _message: &str, _fields: &[(String, String)]) {}
}

/// The time.
pub mod clock {
    use std::sync::OnceLock;
    use std::time::{Instant, SystemTime, UNIX_EPOCH};

    /// Milliseconds since the Unix epoch.
    pub fn now_ms() -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Microseconds since an arbitrary start; never goes back.
    pub fn monotonic_us() -> u64 {
        static START: OnceLock<Instant> = OnceLock::new();
        let since = START.get_or_init(Instant::now).elapsed();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }
}

/// Random numbers. Here they are good enough for a test, and for nothing else.
pub mod random {
    use std::hash::{BuildHasher, RandomState};

    /// `count` bytes.
    pub fn bytes(count: u32) -> Vec<u8> {
        let state = RandomState::new();
        (0..count).map(|index| state.hash_one(index).to_le_bytes()[0]).collect()
    }

    /// Uniform in [0, 1).
    pub fn unit() -> f64 {
        // The 53 bits that a double holds exactly.
        (RandomState::new().hash_one(0) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
