//! Limits of a sandbox that are not the default ones.

use std::time::Duration;

use portcullis_sandbox::Limits;

/// Where limits of a sandbox differ from the default; the names are those of the limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitOverrides {
    /// Bytes of linear memory.
    pub memory: Option<usize>,
    /// Time in which the guest itself ran.
    pub cpu: Option<Duration>,
    /// Elements of all tables together.
    pub table_elements: Option<usize>,
    /// Handles that are open at the same time.
    pub handles: Option<usize>,
    /// Calls from the guest to the host.
    pub host_calls: Option<u64>,
    /// Bytes that one call may hand over.
    pub output: Option<usize>,
    /// Log lines a second.
    pub log_lines_per_second: Option<u32>,
    /// Wall-clock time of one call.
    pub deadline: Option<Duration>,
    /// Sandboxes at a time.
    pub sandboxes: Option<u32>,
    /// Keys that it keeps for one tenant.
    pub kv_keys: Option<u64>,
    /// Bytes of keys and values that it keeps for one tenant.
    pub kv_bytes: Option<usize>,
}

impl LimitOverrides {
    /// These, and where they are silent, `other`.
    pub(crate) fn over(self, other: Self) -> Self {
        Self {
            memory: self.memory.or(other.memory),
            cpu: self.cpu.or(other.cpu),
            table_elements: self.table_elements.or(other.table_elements),
            handles: self.handles.or(other.handles),
            host_calls: self.host_calls.or(other.host_calls),
            output: self.output.or(other.output),
            log_lines_per_second: self.log_lines_per_second.or(other.log_lines_per_second),
            deadline: self.deadline.or(other.deadline),
            sandboxes: self.sandboxes.or(other.sandboxes),
            kv_keys: self.kv_keys.or(other.kv_keys),
            kv_bytes: self.kv_bytes.or(other.kv_bytes),
        }
    }

    /// The default limits, where these are silent.
    pub(crate) fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits {
            memory: self.memory.unwrap_or(default.memory),
            cpu: self.cpu.unwrap_or(default.cpu),
            table_elements: self.table_elements.unwrap_or(default.table_elements),
            handles: self.handles.unwrap_or(default.handles),
            host_calls: self.host_calls.unwrap_or(default.host_calls),
            output: self.output.unwrap_or(default.output),
            log_lines_per_second: self.log_lines_per_second.unwrap_or(default.log_lines_per_second),
            deadline: self.deadline.unwrap_or(default.deadline),
            sandboxes: self.sandboxes.or(default.sandboxes),
            kv_keys: self.kv_keys.unwrap_or(default.kv_keys),
            kv_bytes: self.kv_bytes.map_or(default.kv_bytes, |bytes| bytes as u64),
        }
    }

    /// Those of them that are above what may be had, as an operator calls them. What is not said
    /// is above nothing.
    pub(crate) fn above(&self, most: &Limits) -> Vec<&'static str> {
        let above = [
            ("memory", self.memory > Some(most.memory)),
            ("cpu_ms", self.cpu > Some(most.cpu)),
            ("table_elements", self.table_elements > Some(most.table_elements)),
            ("handles", self.handles > Some(most.handles)),
            ("host_calls", self.host_calls > Some(most.host_calls)),
            ("output_bytes", self.output > Some(most.output)),
            ("log_lines", self.log_lines_per_second > Some(most.log_lines_per_second)),
            ("deadline_ms", self.deadline > Some(most.deadline)),
            ("sandboxes", most.sandboxes.is_some() && self.sandboxes > most.sandboxes),
            ("kv_keys", self.kv_keys > Some(most.kv_keys)),
            ("kv_bytes", self.kv_bytes.map(|bytes| bytes as u64) > Some(most.kv_bytes)),
        ];
        above.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect()
    }
}
