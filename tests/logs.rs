//! The log, as far as this thread writes it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tracing_subscriber::fmt::MakeWriter;

/// What was logged.
#[derive(Clone, Default)]
pub struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Runs `work` and returns what this thread logged meanwhile, from the level `info` on.
    pub fn of<T>(work: impl FnOnce() -> T) -> (T, String) {
        let logs = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
            .with_writer(logs.clone())
            .finish();
        let done = {
            let _here = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
            work()
        };
        let logged = logs.0.lock().unwrap_or_else(PoisonError::into_inner);
        (done, String::from_utf8_lossy(&logged).into_owned())
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        logs.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
