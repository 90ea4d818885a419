//! Where the log goes: standard error, as lines of JSON or, on a terminal, as text.
//!
//! Lines are collected and written by a thread of their own, many at a time, so that a slow
//! terminal or disk holds up no request. `tracing-appender` does this too, but wakes its thread
//! for every line, which was an eighth of what a request costs.

use crate::config::{Log, LogFormat};
use std::io::{IsTerminal as _, Write, stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// How long a line may wait to be written.
const PAUSE: Duration = Duration::from_millis(50);
/// Bytes that may wait. Lines beyond them are dropped and counted: a log that nobody takes must
/// not fill the memory.
const MOST: usize = 16 << 20;

/// Starts logging. Dropping the guard writes what is left.
pub(super) fn start(log: &Log) -> Flush {
    let lines = Arc::new(Lines::default());
    let flush = Flush::start(lines.clone());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&log.level))
        .with_writer(move || Pen(lines.clone()));
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
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    };
    flush
}

/// What waits to be written.
#[derive(Default)]
struct Lines {
    waiting: Mutex<Waiting>,
    over: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    text: Vec<u8>,
    dropped: u64,
}

impl Lines {
    fn write_out(&self) {
        let waiting = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *waiting)
        };
        let mut out = stderr().lock();
        // There is nowhere to report that the log cannot be written.
        let _ = out.write_all(&waiting.text);
        if waiting.dropped > 0 {
            let _ =
                writeln!(out, "{} lines of the log were dropped: it is not read", waiting.dropped);
        }
    }
}

/// Writes the lines of one event.
struct Pen(Arc<Lines>);

impl Write for Pen {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.text.len() + line.len() > MOST {
            waiting.dropped += 1;
        } else {
            waiting.text.extend_from_slice(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The thread that writes. Dropping it writes what is left.
pub(super) struct Flush {
    lines: Arc<Lines>,
    thread: Option<JoinHandle<()>>,
}

impl Flush {
    fn start(lines: Arc<Lines>) -> Self {
        let shared = lines.clone();
        let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            while !shared.over.load(Ordering::Acquire) {
                std::thread::park_timeout(PAUSE);
                shared.write_out();
            }
        });
        // Without a thread there is still the guard, at the end.
        Self { lines, thread: thread.ok() }
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        self.lines.over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It ends by itself; a panic in it has lost its lines already.
            let _ = thread.join();
        }
        self.lines.write_out();
    }
}
