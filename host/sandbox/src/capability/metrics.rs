//! Numbers that a plugin keeps of itself.

use crate::bindings::portcullis::host::metrics::Host;
use crate::store::State;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Names that one plugin may use; further ones are dropped, so that a name made of user input
/// cannot fill the memory.
const MOST_NAMES: usize = 100;

/// What one plugin counted and sampled, over all its sandboxes.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<BTreeMap<String, f64>>);

impl Metrics {
    fn update(&self, name: String, change: impl FnOnce(&mut f64)) {
        let mut metrics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if metrics.len() < MOST_NAMES || metrics.contains_key(&name) {
            change(metrics.entry(name).or_default());
        }
    }

    pub(crate) fn read(&self) -> BTreeMap<String, f64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<D: Send> Host for State<D> {
    fn count(&mut self, name: String, by: u64) -> wasmtime::Result<()> {
        self.host_call()?;
        self.identity.metrics.update(name, |value| *value += by as f64);
        Ok(())
    }

    fn sample(&mut self, name: String, value: f64) -> wasmtime::Result<()> {
        self.host_call()?;
        self.identity.metrics.update(name, |last| *last = value);
        Ok(())
    }
}
