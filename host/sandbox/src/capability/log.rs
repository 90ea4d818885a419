//! Lines in the host's log, marked with whose they are.

use crate::bindings::portcullis::host::log::{Host, Level};
use crate::store::{State, Tags};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of a message that are kept.
pub(super) const LONGEST: usize = 8 << 10;

/// How many lines one plugin may still write in the present second.
#[derive(Debug)]
pub(crate) struct LineBudget {
    second: Mutex<(Instant, u32)>,
}

impl LineBudget {
    pub(crate) fn new() -> Self {
        Self { second: Mutex::new((Instant::now(), 0)) }
    }

    /// Takes one line; `false` if there is none left in this second.
    pub(super) fn take(&self, limit: u32) -> bool {
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if second.0.elapsed() >= Duration::from_secs(1) {
            *second = (Instant::now(), 0);
        }
        second.1 += 1;
        second.1 <= limit
    }
}

impl<D: Tags> State<D> {
    /// Writes one line of the guest's, if its budget has one left.
    pub(super) fn line(
        &mut self,
        level: Level,
        message: &str,
        fields: &[(String, String)],
    ) -> Result<(), crate::Fault> {
        if !self.identity.lines.take(self.meter.limits.log_lines_per_second) {
            return self.meter.dropped_line();
        }
        let end = message.floor_char_boundary(LONGEST);
        let message = &message[..end];
        let tags = Joined(&self.data.tags()).to_string();
        let fields = Joined(fields).to_string();
        let plugin = self.identity.name.as_str();
        match level {
            Level::Trace => tracing::trace!(target: "plugin", plugin, tags, fields, "{message}"),
            Level::Debug => tracing::debug!(target: "plugin", plugin, tags, fields, "{message}"),
            Level::Info => tracing::info!(target: "plugin", plugin, tags, fields, "{message}"),
            Level::Warn => tracing::warn!(target: "plugin", plugin, tags, fields, "{message}"),
            Level::Error => tracing::error!(target: "plugin", plugin, tags, fields, "{message}"),
        }
        Ok(())
    }
}

impl<D: Tags> Host for State<D> {
    fn log(
        &mut self,
        level: Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        self.host_call()?;
        Ok(self.line(level, &message, &fields)?)
    }
}

/// `name=value name=value`, as one field of a log line.
struct Joined<'a, K, V>(&'a [(K, V)]);

impl<K: std::fmt::Display, V: std::fmt::Display> std::fmt::Display for Joined<'_, K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{name}={value}")?;
        }
        Ok(())
    }
}
