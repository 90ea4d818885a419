//! Candidates made of plain data, for a policy's own tests.

use super::super::{Circuit, Headroom, Performance, Profile, Standing};

/// The models that a request may use, in the route's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidates(Vec<Candidate>);

/// One candidate of a test. [`Candidate::new`] is one that is well and of which nothing else
/// is known; a test changes what it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// What the operator configured of it.
    pub profile: Profile,
    /// What the host makes of its latest failures.
    pub circuit: Circuit,
    /// How it did of late.
    pub performance: Performance,
    /// What its upstream's rate limits leave.
    pub headroom: Headroom,
    /// What the request would cost at most, in US dollars.
    pub estimated_cost: Option<f64>,
}

impl Candidate {
    /// The candidate "provider/model", of priority 0, for chat.
    pub fn new(id: &str) -> Self {
        let (provider, model) = id.split_once('/').unwrap_or((id, ""));
        Self {
            profile: Profile {
                id: id.to_owned(),
                provider: provider.to_owned(),
                model: model.to_owned(),
                priority: 0,
                operations: vec!["chat".to_owned()],
                features: Vec::new(),
                tags: Vec::new(),
                local: false,
                context_tokens: None,
                input_price: None,
                output_price: None,
                extra: Vec::new(),
            },
            circuit: Circuit::Closed,
            performance: Performance {
                error_rate: 0.0,
                first_token_ms: None,
                total_ms: None,
                output_tokens_per_second: None,
                in_flight: 0,
            },
            headroom: Headroom { requests: None, tokens: None, resets_in_ms: None },
            estimated_cost: None,
        }
    }
}

impl From<Vec<Candidate>> for Candidates {
    fn from(candidates: Vec<Candidate>) -> Self {
        Self(candidates)
    }
}

impl Candidates {
    /// How many there are.
    pub fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// Its "provider/model".
    pub fn id(&self, index: u32) -> &str {
        &self.at(index).profile.id
    }

    /// Of each of them its "provider/model", for less than asking for each.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|candidate| candidate.profile.id.as_str())
    }

    /// The index of "provider/model", if it is a candidate.
    pub fn find(&self, id: &str) -> Option<u32> {
        self.indices().find(|&index| self.at(index).profile.id == id)
    }

    /// What the operator configured of it.
    pub fn profile(&self, index: u32) -> &Profile {
        &self.at(index).profile
    }

    /// Its priority, lowest first; far cheaper than its profile.
    pub fn priority(&self, index: u32) -> u32 {
        self.at(index).profile.priority
    }

    /// What the host makes of its latest failures.
    pub fn circuit(&self, index: u32) -> Circuit {
        self.at(index).circuit
    }

    /// How it did of late.
    pub fn performance(&self, index: u32) -> Performance {
        self.at(index).performance
    }

    /// What its upstream's rate limits leave.
    pub fn headroom(&self, index: u32) -> Headroom {
        self.at(index).headroom
    }

    /// Whether its upstream's rate limits take no request at present: less than its headroom, and
    /// the same for many requests, so that the host can remember what was decided by it.
    pub fn exhausted(&self, index: u32) -> bool {
        let headroom = self.headroom(index);
        headroom.requests == Some(0) || headroom.tokens == Some(0)
    }

    /// What speaks against it at present: its circuit and its upstream's rate limits, for less
    /// than asking for both.
    pub fn standing(&self, index: u32) -> Standing {
        match self.circuit(index) {
            Circuit::Open => Standing::Open,
            _ if self.exhausted(index) => Standing::Exhausted,
            Circuit::Closed | Circuit::HalfOpen => Standing::Well,
        }
    }

    /// What this request would cost at most, in US dollars.
    pub fn estimated_cost(&self, index: u32) -> Option<f64> {
        self.at(index).estimated_cost
    }

    /// An index past the end panics, as it ends the plugin in a sandbox.
    fn at(&self, index: u32) -> &Candidate {
        &self.0[index as usize]
    }
}
