//! The process that the tests run in: how many workers serve, and how much memory it has.

use std::future::Future;
use tokio::runtime::Builder;

/// Memory of this process that is resident, in bytes.
///
/// # Errors
///
/// Where there is no `/proc`.
pub fn resident() -> anyhow::Result<usize> {
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    let resident = pages.split(' ').nth(1).unwrap_or_default();
    Ok(resident.parse::<usize>()? * 4096)
}

/// Runs a future on an executor of two workers.
///
/// # Errors
///
/// As the future.
pub fn on_two_workers<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(future)
}

/// Runs a future on an executor whose one worker is this thread: whoever holds it holds
/// everything.
///
/// # Errors
///
/// As the future.
pub fn on_one_worker<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    Builder::new_current_thread().enable_all().build()?.block_on(future)
}
