//! A plugin where a configuration names it: which version of it serves, and which did before.
//!
//! A version that came by a swap is on probation for its first calls: if it does worse than the
//! one before it, that one takes its place again by itself, and what trapped or ran out of its
//! limits goes into quarantine. Faults after that count as they do for every plugin, against the
//! attempt alone: by then it is more likely a request that is at fault.

use crate::events::PluginChanged;
use crate::quarantine::Quarantine;
use crate::version::{Generation, Kind, Version};
use jiff::Timestamp;
use portcullis_sandbox::{Generation as Held, Share, Slot};
use serde::Serialize;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Generations of a plugin that stay at hand for going back.
const KEEP: usize = 3;
/// Changes that are kept for the operator to look at.
const CHANGES: usize = 100;
/// Calls of a new version for which it is on probation.
const PROBATION: u64 = 1_000;
/// Calls of a version that is tried out after which it takes the place of the other.
const TRIAL: u64 = 200;
/// Faults among the latest calls that end a probation.
const FAULTS: u32 = 4;
/// Calls that there have to be before failures are compared.
const ENOUGH: u32 = 32;
/// How much larger the share of failures may be than it was.
const WORSE: f64 = 0.25;

/// A plugin in its place.
pub struct Installed<K: Kind> {
    /// What the configuration calls it: `policies.NAME`.
    pub name: String,
    slot: Slot<Version<K>>,
    quarantine: Quarantine,
    state: Mutex<State>,
    /// The act of the ledger that brought what its tenant uploaded; 0: it is the configured one.
    upload: AtomicI64,
}

struct State {
    history: VecDeque<Change>,
    /// The share of failures of the version before the present one, when that one came.
    before: f64,
}

/// A change of the version that serves.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// When, as RFC 3339 has it.
    pub at: String,
    /// What happened.
    pub what: What,
    /// The number of the generation that it happened to.
    pub generation: u64,
    /// The digest of its component.
    pub digest: String,
    /// The plugin's own version.
    pub version: String,
    /// Why, or who asked.
    pub reason: String,
}

/// What serves, and what did.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// What the configuration calls it: `policies.NAME`.
    pub name: String,
    /// The number of the generation that serves.
    pub generation: u64,
    /// The one that is tried out, and its share.
    pub trial: Option<Trial>,
    /// What happened, oldest first.
    pub history: Vec<Change>,
}

/// A version that is tried out.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// Its number.
    pub generation: u64,
    /// Its share of the requests, from 0 to 1.
    pub share: f64,
}

/// What can happen to a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// It came with the configuration.
    Configured,
    /// It took the place of the one before it.
    Published,
    /// It serves a share of all requests.
    TriedOut,
    /// After it was tried out, it took the place of the one before it.
    Promoted,
    /// The one before it took its place again.
    RolledBack,
    /// The last request that began with it is over.
    Drained,
}

impl What {
    /// Its word in logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Published => "published",
            Self::TriedOut => "tried out",
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled back",
            Self::Drained => "drained",
        }
    }
}

impl<K: Kind> Installed<K> {
    /// A plugin that came with the configuration; what was in its place before, if something was,
    /// stands in its history.
    pub fn new(
        name: &str,
        version: Version<K>,
        quarantine: Quarantine,
        before: Option<&Self>,
    ) -> Arc<Self> {
        let history = before.map(Self::history).unwrap_or_default();
        let number = history.iter().map(|change| change.generation).max().unwrap_or(0) + 1;
        let digest = version.plugin.digest();
        let state = State { history: history.into(), before: 0.0 };
        let slot = Slot::new(number, digest, version, KEEP);
        let name = format!("{}.{name}", K::TABLE);
        let (state, upload) = (Mutex::new(state), AtomicI64::new(0));
        let installed = Self { name, slot, quarantine, state, upload };
        installed.changed(What::Configured, &installed.slot.pin(), "the configuration");
        Arc::new(installed)
    }

    /// The version that serves, but for who is to try out another.
    pub fn pin(&self) -> Generation<K> {
        self.slot.pin()
    }

    /// The version that serves the request of this id.
    pub fn pin_for(&self, request: &str) -> Generation<K> {
        self.slot.pin_by(|| {
            let mut hash = DefaultHasher::new();
            request.hash(&mut hash);
            hash.finish()
        })
    }

    /// The version that is tried out, if one is, and its share.
    pub fn trial(&self) -> Option<(Generation<K>, Share)> {
        self.slot.trial()
    }

    /// What happened so far, oldest first.
    pub fn history(&self) -> Vec<Change> {
        self.lock().history.iter().cloned().collect()
    }

    /// What serves, and what did.
    pub fn shown(&self) -> Shown {
        let trial =
            self.trial().map(|(it, share)| Trial { generation: it.id, share: share.part() });
        let (name, generation) = (self.name.clone(), self.pin().id);
        Shown { name, generation, trial, history: self.history() }
    }

    /// The act of the ledger that brought what its tenant uploaded; 0: nothing is uploaded. What
    /// was taken back by itself stays named: it is not to come again.
    pub fn upload(&self) -> i64 {
        self.upload.load(Ordering::Relaxed)
    }

    /// Notes which upload it has.
    pub fn uploaded(&self, act: i64) {
        self.upload.store(act, Ordering::Relaxed);
    }

    /// Puts a version in place, or, with a share, beside the one that is. Returns its number.
    pub fn publish(
        self: &Arc<Self>,
        version: Version<K>,
        share: Option<Share>,
        reason: &str,
    ) -> u64 {
        let digest = version.plugin.digest();
        let failing = self.slot.pin().value.conduct.tally().failing();
        self.lock().before = failing;
        let Some(share) = share else {
            let (number, old) = self.slot.publish(digest, version);
            self.changed(What::Published, &self.slot.pin(), reason);
            self.drain(old);
            return number;
        };
        let number = self.slot.try_out(digest, version, share);
        if let Some((trial, _)) = self.slot.trial() {
            self.changed(What::TriedOut, &trial, reason);
        }
        number
    }

    /// Gives the version that is tried out the place of the other; `None` if none is.
    pub fn promote(self: &Arc<Self>, reason: &str) -> Option<u64> {
        let (trial, _) = self.slot.trial()?;
        let old = self.slot.promote(trial.id)?;
        self.changed(What::Promoted, &trial, reason);
        self.drain(old);
        Some(trial.id)
    }

    /// Takes the version that is tried out, or else the present one, out of use. Returns its
    /// number and the one that serves now; `None` if there is nothing to go back to.
    pub fn roll_back(self: &Arc<Self>, reason: &str) -> Option<(u64, u64)> {
        let generation = self.slot.trial().map_or_else(|| self.slot.pin(), |(trial, _)| trial);
        self.withdraw(&generation, reason)
    }

    /// Looks at how a version does that is on probation, and takes it out of use where it is worse
    /// than the one before it.
    pub fn judge(self: &Arc<Self>, generation: &Generation<K>) {
        // The first one has nobody to be worse than.
        let conduct = &generation.value.conduct;
        let tally = conduct.tally();
        if tally.calls > PROBATION || !self.has_rival(generation) {
            return;
        }
        let before = match self.slot.trial() {
            // Those beside it meet the same requests and the same upstream.
            Some((trial, _)) if trial.id == generation.id => {
                self.slot.pin().value.conduct.tally().failing()
            }
            _ => self.lock().before,
        };
        if tally.faults >= FAULTS {
            let why =
                format!("{} of its latest {} calls ended in a fault", tally.faults, tally.seen);
            if self.withdraw(generation, &why).is_some() {
                self.quarantine.add(generation.digest, why);
            }
        } else if tally.seen >= ENOUGH && tally.failing() > before + WORSE {
            let percent = |share: f64| (share * 100.0).round();
            let why = format!(
                "{} % of its latest calls failed, and {} % of those of the version before it",
                percent(tally.failing()),
                percent(before)
            );
            self.withdraw(generation, &why);
        } else if tally.calls >= TRIAL && self.is_tried_out(generation) {
            self.promote("it did well while it was tried out");
        }
    }

    fn has_rival(&self, generation: &Generation<K>) -> bool {
        self.is_tried_out(generation) || self.slot.has_earlier()
    }

    fn is_tried_out(&self, generation: &Generation<K>) -> bool {
        self.slot.trial().is_some_and(|(trial, _)| trial.id == generation.id)
    }

    fn withdraw(self: &Arc<Self>, generation: &Generation<K>, why: &str) -> Option<(u64, u64)> {
        let (old, now) = self.slot.withdraw(generation.id)?;
        self.changed(What::RolledBack, generation, why);
        self.drain(old);
        Some((generation.id, now))
    }

    /// Notes it when the last request that began with a version is over.
    fn drain(self: &Arc<Self>, old: Arc<Held<Version<K>>>) {
        let installed = self.clone();
        tokio::spawn(async move {
            old.drained().await;
            installed.changed(What::Drained, &old, "no request is left that began with it");
        });
    }

    /// Notes a change, for the log as well.
    fn changed(&self, what: What, generation: &Held<Version<K>>, reason: &str) {
        let change = Change {
            at: format!("{:.3}", Timestamp::now()),
            what,
            generation: generation.id,
            digest: generation.digest.to_string(),
            version: generation.value.plugin.manifest().version.clone(),
            reason: reason.to_owned(),
        };
        PluginChanged { name: &self.name, change: &change }.emit();
        let mut state = self.lock();
        if state.history.len() == CHANGES {
            state.history.pop_front();
        }
        state.history.push_back(change);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
