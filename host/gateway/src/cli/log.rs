//! Where the log goes: standard error, as lines of JSON or, on a terminal, as text.

use crate::config::{Log, LogFormat};
use std::io::{IsTerminal as _, stderr};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

/// Starts logging. The lines are written by a thread of their own, so that a slow terminal or
/// disk holds up no request; dropping the guard writes what is left.
pub(super) fn start(log: &Log) -> WorkerGuard {
    let (writer, guard) = tracing_appender::non_blocking(stderr());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&log.level))
        .with_writer(writer);
    let terminal = stderr().is_terminal();
    let text = match log.format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => terminal,
    };
    // A second start in one process (tests) keeps the first.
    let _ = if text {
        builder.with_ansi(terminal).with_target(false).try_init()
    } else {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .try_init()
    };
    guard
}
