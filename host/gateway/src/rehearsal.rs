//! What a new version of a plugin would have said to the newest requests, before it serves any.
//!
//! Both versions are asked aside: in fresh sandboxes, with the candidates as they are now, and
//! without anything of it being remembered, counted, or sent anywhere.

use crate::contract::providers::Call;
use crate::deployment::Deployment;
use crate::exchange::{self, Begun};
use crate::failure::Failure;
use crate::plan::Plan;
use crate::policy::{self, Cast, Policy};
use crate::provider::{self, Provider};
use crate::request::Request;
use crate::route::Target;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Requests that are kept.
const KEPT: usize = 100;
/// Bytes of the largest body that is kept.
const LONGEST: usize = 64 << 10;

/// The newest requests, in memory.
#[derive(Debug, Default)]
pub struct Latest(Mutex<VecDeque<Arc<Request>>>);

/// What came of trying a version on them.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Rehearsed {
    /// Requests that would have met the plugin.
    pub requests: usize,
    /// Of those, the ones that the new version decides otherwise.
    pub changed: usize,
}

impl Latest {
    /// Keeps a request, unless it is large.
    pub fn keep(&self, request: &Arc<Request>) {
        if request.body.len() > LONGEST || request.attachment.is_some() {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(request.clone());
    }

    /// All that are kept, oldest first.
    pub fn all(&self) -> Vec<Arc<Request>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }
}

impl Rehearsed {
    /// The share of the requests that would be decided otherwise; 0 of none.
    pub fn share(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.changed as f64 / self.requests as f64 }
    }

    fn compare<T: PartialEq>(&mut self, old: Said<T>, new: Said<T>) -> Result<(), String> {
        self.requests += 1;
        match (old, new) {
            // What the old one did not survive either says nothing against the new one.
            (Said::Answer(_), Said::Fault(why)) => Err(why),
            (Said::Answer(old), Said::Answer(new)) if old == new => Ok(()),
            (Said::Fault(_), Said::Fault(_)) => Ok(()),
            _ => {
                self.changed += 1;
                Ok(())
            }
        }
    }
}

/// What one version said to one request.
enum Said<T> {
    Answer(T),
    Fault(String),
}

/// Asks a policy's present version and another about the newest requests, but for those of which
/// a policy of the row would do more than decide: it would do that once more.
///
/// # Errors
///
/// What the other did where the present one answers.
pub async fn of_policy(
    deployment: &Deployment,
    latest: &[Arc<Request>],
    policy: &Arc<Policy>,
    new: &policy::Generation,
) -> Result<Rehearsed, String> {
    let old = policy.plugin.pin().value.aside();
    let mut rehearsed = Rehearsed::default();
    for request in latest {
        let target = target(deployment, request);
        let Some(target) = target.filter(|it| it.policies.iter().any(|it| Arc::ptr_eq(it, policy)))
        else {
            continue;
        };
        let acts = |policy: &Arc<Policy>| policy.plugin.pin().value.facts.acts;
        if new.value.facts.acts || target.policies.iter().any(acts) {
            continue;
        }
        let said = async |generation| {
            let mut target = target.clone();
            let cast = Cast::With(policy, generation);
            let answered = policy::ask(&mut target, request, cast).await;
            let name = &policy.configured.name;
            let fault = answered
                .failed
                .iter()
                .find(|(known, why)| known == name && why.starts_with("plugin-"));
            match fault {
                Some((_, why)) => Said::Fault(why.clone()),
                None => Said::Answer(outline(Plan::of(answered, &target.candidates))),
            }
        };
        rehearsed.compare(said(&old).await, said(new).await)?;
    }
    Ok(rehearsed)
}

/// Asks a provider's present version and another which calls they would make for the newest
/// requests.
///
/// # Errors
///
/// What the other did where the present one answers.
pub async fn of_provider(
    deployment: &Deployment,
    latest: &[Arc<Request>],
    provider: &Arc<Provider>,
    new: &provider::Generation,
) -> Result<Rehearsed, String> {
    let old = provider.plugin.pin().value.aside();
    let mut rehearsed = Rehearsed::default();
    for request in latest {
        let of_it = |target: Target| {
            let mut candidates = target.candidates.iter();
            candidates.find(|it| Arc::ptr_eq(&deployment.providers[it.provider], provider)).cloned()
        };
        let Some(candidate) = target(deployment, request).and_then(of_it) else { continue };
        let said = async |generation: &provider::Generation| {
            let begun =
                exchange::begin(provider, generation.clone(), request, &candidate.model).await;
            match begun {
                Ok((Begun::Passed(call), _)) => Said::Answer(Ok((true, Call::clone(&call)))),
                Ok((Begun::Translated(_, call), _)) => Said::Answer(Ok((false, call))),
                Err(failure @ Failure::Plugin { .. }) => Said::Fault(failure.message()),
                Err(failure) => Said::Answer(Err(failure.word())),
            }
        };
        rehearsed.compare(said(&old).await, said(new).await)?;
    }
    Ok(rehearsed)
}

/// Where a request may go now.
fn target(deployment: &Deployment, request: &Request) -> Option<Target> {
    let found = deployment.routes.find(&request.asked, &request.caller);
    found.ok()?.narrowed(request).ok()
}

/// What of a plan makes a difference to its request.
#[derive(PartialEq)]
struct Outline {
    attempts: Vec<(String, Duration, u32, Option<Duration>)>,
    shadow: Option<String>,
    labels: Vec<(String, String)>,
}

fn outline(plan: Result<Plan, crate::contract::Reported>) -> Result<Outline, String> {
    let plan = plan.map_err(|refused| refused.message)?;
    let id = |candidate: &Arc<crate::candidate::Candidate>| candidate.profile.id.clone();
    let attempts = plan.attempts.iter();
    let attempts =
        attempts.map(|it| (id(&it.candidate), it.start_after, it.retries, it.timeout)).collect();
    Ok(Outline { attempts, shadow: plan.shadow.as_ref().map(id), labels: plan.labels })
}
