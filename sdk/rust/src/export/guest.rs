//! What every exported plugin has: its memory, its settings and a last word.

use crate::bindings::either::portcullis::host::log;
use std::panic::PanicHookInfo;
use std::sync::{Once, OnceLock};

/// Growing memory costs more than everything else that a plugin does in a request. This
/// allocator begins in the memory that the linker laid out behind the stack and the data
/// (`--initial-memory`), and asks for more only when that is used up.
#[global_allocator]
static MEMORY: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// The most of a panic's message that is worth a log line.
const LAST_WORDS: usize = 4096;

/// A plugin and the place where its one configured value stands. Made by
/// [`export!`](crate::export!).
pub trait Plugin: Sized + 'static {
    /// Where the configured plugin is kept for as long as its instance lives.
    fn slot() -> &'static OnceLock<Self>;
}

/// Reads the settings and keeps what was made of them.
pub fn configure<P: Plugin, S: serde::de::DeserializeOwned>(
    settings: &str,
    make: impl FnOnce(S) -> Result<P, String>,
) -> Result<(), String> {
    let settings = serde_json::from_str(settings).map_err(|error| format!("settings: {error}"))?;
    P::slot().set(make(settings)?).map_err(|_| "configured twice".to_owned())
}

/// The configured plugin. One that nobody configured is configured with `{}`: what needs no
/// settings works without any.
pub fn configured<P: Plugin>(
    configure: impl FnOnce(&str) -> Result<(), String>,
) -> Result<&'static P, String> {
    let slot = P::slot();
    if slot.get().is_none() {
        configure("{}")?;
    }
    slot.get().ok_or_else(|| "not configured".to_owned())
}

/// From here on a panic says its message in the host's log before it traps. Without this a
/// trap is all that an operator would ever see.
pub fn log_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(last_words)));
}

fn last_words(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("a panic without words");
    let end = message.floor_char_boundary(LAST_WORDS);
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    log::log(log::Level::Error, &message[..end], &[("panicked-at".to_owned(), place)]);
}
