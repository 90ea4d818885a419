//! Time as the store has it: milliseconds since the Unix epoch.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The present.
pub(crate) fn now() -> i64 {
    at(SystemTime::now())
}

/// A moment; one before the epoch is the epoch.
pub(crate) fn at(moment: SystemTime) -> i64 {
    millis(moment.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The moment that the store has so.
pub(crate) fn moment(millis: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}

/// A span.
pub(crate) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
