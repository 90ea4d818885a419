//! How much of the machine one sandbox may use.
//!
//! Each limit has a [`Fault`] of its own, so that an operator who reads "more than its memory"
//! knows which number to raise. A limit is checked where the resource is handed out, never by
//! sampling: a guest cannot be over it for a while before anyone looks.

use crate::Fault;
use crate::engine::TICK;
use std::time::Duration;
use wasmtime::ResourceLimiter;

/// The bounds of one sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory, over all memories of the component.
    pub memory: usize,
    /// Time in which the guest itself ran, in one call from the host. Time in which it waited
    /// for the host does not count. Measured in ticks of [`TICK`].
    pub cpu: Duration,
    /// Elements of all tables together.
    pub table_elements: usize,
    /// Handles to resources that are open at the same time.
    pub handles: usize,
    /// Calls from the guest to the host, in one call from the host.
    pub host_calls: u64,
    /// Bytes that the guest may hand to the host at once: the arguments of one call to it, or
    /// the result of one call from it. Counted as they lie in the host's memory.
    pub output: usize,
    /// Log lines a second, over all sandboxes of one plugin. Lines above it are counted and
    /// dropped; a sandbox that has as many again dropped is ended.
    pub log_lines_per_second: u32,
    /// Wall-clock time of one call into the guest.
    pub deadline: Duration,
    /// Sandboxes of one version of a plugin at a time; `None`: as many as the engine has.
    pub sandboxes: Option<u32>,
    /// Keys that it may keep in one namespace.
    pub kv_keys: u64,
    /// Bytes of keys and values that it may keep in one namespace.
    pub kv_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 32 << 20,
            cpu: Duration::from_millis(100),
            table_elements: 20_000,
            handles: 1_024,
            host_calls: 10_000,
            output: 16 << 20,
            log_lines_per_second: 100,
            deadline: Duration::from_secs(5),
            sandboxes: None,
            kv_keys: 10_000,
            kv_bytes: 16 << 20,
        }
    }
}

/// What one sandbox has used so far.
///
/// The counters of a call start again at each entry; memory and tables are what is held.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) limits: std::sync::Arc<Limits>,
    memory: usize,
    table_elements: usize,
    ticks: u32,
    host_calls: u64,
    /// Those of earlier calls from the host.
    earlier: u64,
    dropped_lines: u32,
}

impl Meter {
    pub(crate) fn new(limits: std::sync::Arc<Limits>) -> Self {
        Self {
            limits,
            memory: 0,
            table_elements: 0,
            ticks: 0,
            host_calls: 0,
            earlier: 0,
            dropped_lines: 0,
        }
    }

    /// A call from the host begins.
    pub(crate) fn enter(&mut self) {
        self.ticks = 0;
        self.earlier += std::mem::take(&mut self.host_calls);
    }

    /// Calls from the guest to the host since it began.
    pub(crate) fn all_host_calls(&self) -> u64 {
        self.earlier + self.host_calls
    }

    /// The guest ran into a tick of the clock.
    pub(crate) fn tick(&mut self) -> Result<(), Fault> {
        self.ticks += 1;
        // The first tick says only that a boundary was crossed, not that a tick went by.
        if TICK * (self.ticks - 1) >= self.limits.cpu {
            return Err(Fault::Cpu { limit: self.limits.cpu });
        }
        Ok(())
    }

    /// The guest called the host.
    pub(crate) fn host_call(&mut self) -> Result<(), Fault> {
        self.host_calls += 1;
        if self.host_calls > self.limits.host_calls {
            return Err(Fault::HostCalls { limit: self.limits.host_calls });
        }
        Ok(())
    }

    /// A line of the guest's was dropped.
    pub(crate) fn dropped_line(&mut self) -> Result<(), Fault> {
        self.dropped_lines += 1;
        if self.dropped_lines > self.limits.log_lines_per_second {
            return Err(Fault::LogLines { limit: self.limits.log_lines_per_second });
        }
        Ok(())
    }
}

/// Growth is refused with an error, not with wasm's −1: a guest that went on after it would
/// end in a trap that no longer says why.
impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_sub(current).saturating_add(desired);
        if total > self.limits.memory {
            return Err(Fault::Memory { limit: self.limits.memory }.into());
        }
        self.memory = total;
        Ok(true)
    }

    /// The pool had no room for a growth that this limit would have allowed.
    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Fault::Memory { limit: self.limits.memory }.into())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_sub(current).saturating_add(desired);
        if total > self.limits.table_elements {
            return Err(Fault::Tables { limit: self.limits.table_elements }.into());
        }
        self.table_elements = total;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Fault::Tables { limit: self.limits.table_elements }.into())
    }
}
