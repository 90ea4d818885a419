//! The log, as far as one thread writes it.
//!
//! One subscriber serves all tests of the process and sorts what it gets by thread. One a test
//! would be simpler and lose lines: where a thread without a subscriber is the first to come by
//! a place that logs, that place is switched off for everybody.

use std::cell::RefCell;
use std::io;
use std::sync::Once;
use tracing_subscriber::filter::LevelFilter;

thread_local! {
    /// What this thread logged, while somebody wants to know.
    static LOGGED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Runs `work` and returns what this thread logged meanwhile, from the level `info` on.
pub fn of<T>(work: impl FnOnce() -> T) -> (T, String) {
    listen();
    LOGGED.set(Some(Vec::new()));
    let done = work();
    let logged = LOGGED.take().unwrap_or_default();
    (done, String::from_utf8_lossy(&logged).into_owned())
}

/// To be called before anything logs.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(LevelFilter::INFO)
            .with_writer(|| ThisThread)
            .init();
    });
}

struct ThisThread;

impl io::Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| {
            if let Some(logged) = logged {
                logged.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
