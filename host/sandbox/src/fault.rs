//! Every way in which a guest can fail, as a value.
//!
//! Whoever reads a fault wants to know three things: what the guest did, which limit that was,
//! and whether it is worth trying again. wasmtime reports all of these as one error type, so
//! this is the one place that tells them apart.

use std::time::Duration;
use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, Trap};
use wasmtime_wasi::I32Exit;

/// What a guest did that ended its sandbox.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It asked for more linear memory than [`Limits::memory`](crate::Limits::memory).
    #[error("it used more than its {limit} bytes of memory")]
    Memory {
        /// Bytes that it may use.
        limit: usize,
    },
    /// It ran for longer than [`Limits::cpu`](crate::Limits::cpu).
    #[error("it ran for more than its {} ms of CPU time", limit.as_millis())]
    Cpu {
        /// Time that it may run.
        limit: Duration,
    },
    /// Its call stack is deeper than the engine's [`Settings::stack`](crate::Settings::stack).
    #[error("its call stack overflowed")]
    Stack,
    /// Its tables are larger than [`Limits::table_elements`](crate::Limits::table_elements).
    #[error("its tables hold more than their {limit} elements")]
    Tables {
        /// Elements that it may have.
        limit: usize,
    },
    /// It holds more handles than [`Limits::handles`](crate::Limits::handles).
    #[error("it holds more than its {limit} handles")]
    Handles {
        /// Handles that it may hold.
        limit: usize,
    },
    /// It called the host more often than [`Limits::host_calls`](crate::Limits::host_calls).
    #[error("it called the host more than {limit} times in one call")]
    HostCalls {
        /// Calls that it may make.
        limit: u64,
    },
    /// It handed over more bytes than [`Limits::output`](crate::Limits::output).
    #[error("it handed over more than its {limit} bytes at once")]
    Output {
        /// Bytes that it may hand over.
        limit: usize,
    },
    /// It went on logging after its lines were dropped
    /// ([`Limits::log_lines_per_second`](crate::Limits::log_lines_per_second)).
    #[error("it kept logging past its {limit} lines a second")]
    LogLines {
        /// Lines a second that it may write.
        limit: u32,
    },
    /// The call took longer than [`Limits::deadline`](crate::Limits::deadline).
    #[error("it did not answer within {} ms", limit.as_millis())]
    Deadline {
        /// Wall-clock time that it may take.
        limit: Duration,
    },
    /// It trapped: a panic, an access out of bounds, a division by zero, an exit…
    #[error("it trapped: {message}")]
    Trapped {
        /// wasmtime's words, and where in the guest it was.
        message: String,
    },
    /// What it returned is not of the type that the contract says.
    #[error("what it returned is malformed: {message}")]
    Malformed {
        /// What was wrong with it.
        message: String,
    },
    /// There was no room for another sandbox. Not the guest's doing.
    #[error("no sandbox was free within {} ms{}", waited.as_millis(), of(*limit))]
    Busy {
        /// How long one was waited for.
        waited: Duration,
        /// How many of them the plugin may have
        /// ([`Limits::sandboxes`](crate::Limits::sandboxes)), where these were what was too few.
        limit: Option<u32>,
    },
}

impl Fault {
    /// A stable word for logs, metrics and records.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Memory { .. } => "memory",
            Self::Cpu { .. } => "cpu",
            Self::Stack => "stack",
            Self::Tables { .. } => "tables",
            Self::Handles { .. } => "handles",
            Self::HostCalls { .. } => "host-calls",
            Self::Output { .. } => "output",
            Self::LogLines { .. } => "log-lines",
            Self::Deadline { .. } => "deadline",
            Self::Trapped { .. } => "trapped",
            Self::Malformed { .. } => "malformed",
            Self::Busy { .. } => "busy",
        }
    }

    /// Reads wasmtime's error of a call that ran under `limits`.
    pub(crate) fn of(error: &wasmtime::Error, limits: &crate::Limits) -> Self {
        if let Some(fault) = error.downcast_ref::<Fault>() {
            return fault.clone();
        }
        if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
            return Self::Busy { waited: Duration::ZERO, limit: None };
        }
        if let Some(ResourceTableError::Full) = error.downcast_ref::<ResourceTableError>() {
            return Self::Handles { limit: limits.handles };
        }
        if let Some(I32Exit(status)) = error.downcast_ref::<I32Exit>() {
            return Self::Trapped { message: format!("it exited with status {status}") };
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::StackOverflow) => return Self::Stack,
            Some(_) => {
                return Self::Trapped { message: shorten(&format!("{error:#}")) };
            }
            None => {}
        }
        // These two have no public type in wasmtime 48; tests/guests has one guest for each,
        // which fails the day their words change.
        let root = error.root_cause().to_string();
        if root.contains("fuel allocated for hostcalls has been exhausted") {
            Self::Output { limit: limits.output }
        } else if root.contains("store handle limit exceeded") {
            Self::Handles { limit: limits.handles }
        } else {
            Self::Malformed { message: shorten(&root) }
        }
    }
}

fn of(limit: Option<u32>) -> String {
    limit.map(|limit| format!(" of the {limit} that it may have")).unwrap_or_default()
}

/// Keeps a guest from filling the log through its own fault.
fn shorten(message: &str) -> String {
    const LONGEST: usize = 2_048;
    match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}
