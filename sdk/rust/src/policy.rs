//! Policies: plugins that decide where a request goes.

mod candidates;
#[cfg(target_arch = "wasm32")]
mod exported;
pub mod kept;
mod pattern;
mod ranking;
mod standing;

pub use crate::bindings::policy::exports::portcullis::plugin::policy::{
    Attempt, Decision, Description, Outcome, Plan,
};
pub use crate::bindings::policy::portcullis::plugin::candidacy::{
    Circuit, Headroom, Performance, Profile, Standing,
};
pub use crate::bindings::policy::portcullis::plugin::types::{
    Extra, Failure, FailureKind, Json, Usage,
};
pub use candidates::*;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub use exported::Exported;
pub use pattern::{Pattern, Patterns};
pub use ranking::Ranking;
pub use standing::{Needed, Setback};

use crate::Request;
use serde::de::DeserializeOwned;

/// Decides where a request goes. It proposes; the host enforces tenants' rights, budgets and
/// privacy on what it returns.
pub trait Policy: Sized + Send + Sync + 'static {
    /// What the operator may set. `#[serde(default, deny_unknown_fields)]` is the form that
    /// serves an operator best.
    type Settings: DeserializeOwned;

    /// What it is, whatever its settings: as it stands, a policy that keeps nothing and does
    /// not ask what became of its decisions.
    fn describe() -> Description {
        Description { state_schema: String::new(), wants_outcomes: false, extra: Vec::new() }
    }

    /// A policy with these settings. What is worked out here costs a request nothing: the host
    /// starts every sandbox from the configured one. The error says which setting is wrong and
    /// what to write instead.
    fn configure(settings: Self::Settings) -> Result<Self, String>;

    /// Decides about one request. The error is for the operator; the route's next policy then
    /// decides.
    fn decide(&self, request: &Request, candidates: &Candidates) -> Result<Decision, String>;

    /// What became of its decisions, where [`Policy::describe`] asks for it.
    fn observe(&self, _outcomes: Vec<Outcome>) {}
}

impl Attempt {
    /// The candidate of this index, once the attempts before it have failed.
    pub fn of(candidate: u32) -> Self {
        Self { candidate, start_after_ms: 0, timeout_ms: None, retries: 0, extra: Vec::new() }
    }

    /// With further tries at the same candidate.
    #[must_use]
    pub fn retries(self, retries: u32) -> Self {
        Self { retries, ..self }
    }
}

impl Plan {
    /// These candidates, one after the other, and why.
    pub fn new(attempts: Vec<Attempt>, reason: impl Into<String>) -> Self {
        Self {
            attempts,
            shadow: None,
            labels: Vec::new(),
            reason: reason.into(),
            extra: Vec::new(),
        }
    }
}
