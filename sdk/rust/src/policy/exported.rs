//! A [`Policy`] behind the world's exports.

use super::{Candidates, Decision, Description, Outcome, Policy};
use crate::Request;
use crate::bindings::policy::exports::portcullis::plugin::policy as world;
use crate::export::{self, Plugin};
use std::marker::PhantomData;

/// The exports of a policy.
pub struct Exported<P>(PhantomData<P>);

impl<P: Policy + Plugin> world::Guest for Exported<P> {
    fn describe() -> Description {
        export::log_panics();
        P::describe()
    }

    fn configure(settings: String) -> Result<(), String> {
        export::log_panics();
        export::configure(&settings, P::configure)
    }

    fn decide(request: world::Request, candidates: world::Candidates) -> Result<Decision, String> {
        policy::<P>()?.decide(&Request::from(request), &Candidates::from(candidates))
    }

    fn observe(outcomes: Vec<Outcome>) {
        // A policy that cannot be configured has already said so to whoever asked it to decide.
        if let Ok(policy) = policy::<P>() {
            policy.observe(outcomes);
        }
    }
}

/// The configured policy.
fn policy<P: Policy + Plugin>() -> Result<&'static P, String> {
    export::log_panics();
    export::configured(|settings| export::configure(settings, P::configure))
}
