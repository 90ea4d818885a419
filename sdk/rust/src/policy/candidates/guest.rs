//! The candidates of the request being served, read through the host.

use super::super::{Circuit, Headroom, Performance, Profile, Standing};
use crate::bindings::policy::portcullis::plugin::candidacy;
use std::cell::OnceCell;

/// The models that this request may use, in the route's order; never empty. Read by index,
/// from 0; an index past the end ends the plugin.
pub struct Candidates {
    handle: candidacy::Candidates,
    count: u32,
    /// What never changes of a candidate is fetched when somebody first asks, and once.
    kept: OnceCell<Box<[Kept]>>,
    ids: OnceCell<Vec<String>>,
    /// What speaks against each is fetched of all of them at once.
    standings: OnceCell<Vec<Standing>>,
}

#[derive(Default)]
struct Kept {
    id: OnceCell<String>,
    profile: OnceCell<Profile>,
}

impl From<candidacy::Candidates> for Candidates {
    fn from(handle: candidacy::Candidates) -> Self {
        let count = handle.count();
        let (kept, ids, standings) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { handle, count, kept, ids, standings }
    }
}

impl Candidates {
    /// How many there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Its "provider/model", for less than the whole profile.
    pub fn id(&self, index: u32) -> &str {
        if let Some(ids) = self.ids.get() {
            return &ids[index as usize];
        }
        let kept = self.kept(index);
        match kept.profile.get() {
            Some(profile) => &profile.id,
            None => kept.id.get_or_init(|| self.handle.id(index)),
        }
    }

    /// Of each of them its "provider/model", for less than asking for each.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.get_or_init(|| self.handle.ids()).iter().map(String::as_str)
    }

    /// The index of "provider/model", if it is a candidate.
    pub fn find(&self, id: &str) -> Option<u32> {
        self.handle.find(id)
    }

    /// What the operator configured of it.
    pub fn profile(&self, index: u32) -> &Profile {
        self.kept(index).profile.get_or_init(|| self.handle.profile(index))
    }

    /// Its priority, lowest first; far cheaper than its profile.
    pub fn priority(&self, index: u32) -> u32 {
        self.handle.priority(index)
    }

    /// What the host makes of its latest failures.
    pub fn circuit(&self, index: u32) -> Circuit {
        self.handle.circuit(index)
    }

    /// How it did of late.
    pub fn performance(&self, index: u32) -> Performance {
        self.handle.performance(index)
    }

    /// What its upstream's rate limits leave.
    pub fn headroom(&self, index: u32) -> Headroom {
        self.handle.headroom(index)
    }

    /// Whether its upstream's rate limits take no request at present: less than its headroom, and
    /// the same for many requests, so that the host can remember what was decided by it.
    pub fn exhausted(&self, index: u32) -> bool {
        self.handle.exhausted(index)
    }

    /// What speaks against it at present: its circuit and its upstream's rate limits, for less
    /// than asking for both.
    pub fn standing(&self, index: u32) -> Standing {
        self.standings.get_or_init(|| self.handle.standings())[index as usize]
    }

    /// What this request would cost at most, in US dollars.
    pub fn estimated_cost(&self, index: u32) -> Option<f64> {
        self.handle.estimated_cost(index)
    }

    fn kept(&self, index: u32) -> &Kept {
        let all = || (0..self.count).map(|_| Kept::default()).collect();
        &self.kept.get_or_init(all)[index as usize]
    }
}
