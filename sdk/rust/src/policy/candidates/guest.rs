//! The candidates of the request being served, read through the host.

use super::super::{Circuit, Headroom, Performance, Profile};
use crate::bindings::policy::portcullis::plugin::candidacy;

/// The models that this request may use, in the route's order; never empty. Read by index,
/// from 0; an index past the end ends the plugin.
pub struct Candidates(candidacy::Candidates);

impl From<candidacy::Candidates> for Candidates {
    fn from(handle: candidacy::Candidates) -> Self {
        Self(handle)
    }
}

impl Candidates {
    /// How many there are.
    pub fn count(&self) -> u32 {
        self.0.count()
    }

    /// Its "provider/model", for less than the whole profile.
    pub fn id(&self, index: u32) -> String {
        self.0.id(index)
    }

    /// The index of "provider/model", if it is a candidate.
    pub fn find(&self, id: &str) -> Option<u32> {
        self.0.find(id)
    }

    /// What the operator configured of it.
    pub fn profile(&self, index: u32) -> Profile {
        self.0.profile(index)
    }

    /// Its priority, lowest first; far cheaper than its profile.
    pub fn priority(&self, index: u32) -> u32 {
        self.0.priority(index)
    }

    /// What the host makes of its latest failures.
    pub fn circuit(&self, index: u32) -> Circuit {
        self.0.circuit(index)
    }

    /// How it did of late.
    pub fn performance(&self, index: u32) -> Performance {
        self.0.performance(index)
    }

    /// What its upstream's rate limits leave.
    pub fn headroom(&self, index: u32) -> Headroom {
        self.0.headroom(index)
    }

    /// Whether its upstream's rate limits take no request at present: less than its headroom, and
    /// the same for many requests, so that the host can remember what was decided by it.
    pub fn exhausted(&self, index: u32) -> bool {
        self.0.exhausted(index)
    }

    /// What this request would cost at most, in US dollars.
    pub fn estimated_cost(&self, index: u32) -> Option<f64> {
        self.0.estimated_cost(index)
    }
}
