//! How much of the machine one sandbox may use.
//!
//! Each limit has a `Fault` of its own, so that an operator who reads "over
//! its memory" knows which number to raise. A limit is checked where the resource is handed
//! out, never by sampling: a guest cannot be over it for a while before anyone looks.

use std::time::Duration;

/// The bounds of one sandbox, from its creation to its end, unless a field says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory, over all memories of the component.
    pub memory: usize,
    /// Time in which the guest itself ran, summed over the calls of one sandbox. Time in which
    /// it waited for the host does not count. Measured in ticks of `TICK`.
    pub cpu: Duration,
    /// Elements of all tables together.
    pub table_elements: usize,
    /// Handles to resources that are open at the same time.
    pub handles: usize,
    /// Calls from the guest to the host.
    pub host_calls: u64,
    /// Bytes that one call may hand from the guest to the host, results and arguments alike.
    pub output: usize,
    /// Log lines a second, over all sandboxes of one plugin. Lines above it are counted and
    /// dropped; a sandbox that drops as many again is ended.
    pub log_lines_per_second: u32,
    /// Wall-clock time of one call into the guest.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 32 << 20,
            cpu: Duration::from_millis(200),
            table_elements: 20_000,
            handles: 1_024,
            host_calls: 10_000,
            output: 16 << 20,
            log_lines_per_second: 100,
            deadline: Duration::from_secs(5),
        }
    }
}
