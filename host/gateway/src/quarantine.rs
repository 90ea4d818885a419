//! Components that did harm here, by their digests: none of them comes into use again until the
//! operator says so.

use portcullis_sandbox::Digest;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is in quarantine, in this process.
#[derive(Clone, Debug, Default)]
pub struct Quarantine(Arc<Mutex<BTreeMap<Digest, String>>>);

impl Quarantine {
    /// Puts a component in, and says why.
    pub fn add(&self, digest: Digest, why: String) {
        self.lock().insert(digest, why);
    }

    /// Lets a component out; whether it was in.
    pub fn lift(&self, digest: &Digest) -> bool {
        self.lock().remove(digest).is_some()
    }

    /// That a component is not in.
    ///
    /// # Errors
    ///
    /// In words, with the reason why it is.
    pub fn check(&self, digest: &Digest) -> Result<(), String> {
        match self.lock().get(digest) {
            None => Ok(()),
            Some(why) => Err(format!(
                "{digest} is in quarantine: {why}; mend it, or swap to it with `lift_quarantine`"
            )),
        }
    }

    /// All that is in, with the reasons.
    pub fn all(&self) -> Vec<(Digest, String)> {
        self.lock().iter().map(|(digest, why)| (*digest, why.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Digest, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
