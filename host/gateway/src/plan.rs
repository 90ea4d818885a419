//! What will be tried, in which order: a policy's proposal, as far as it is allowed.
//!
//! A plan is never empty. What a proposal names twice or does not exist is dropped and said; a
//! proposal with nothing left, a policy that failed, or a row that abstained leads to the
//! route's configured order.

use crate::candidate::Candidate;
use crate::contract::{Reported, policies};
use crate::policy::{Answered, Decision};
use crate::words;
use std::sync::Arc;
use std::time::Duration;

/// Further tries that a policy may ask for at one candidate.
const MOST_RETRIES: u32 = 5;

/// The attempts of one request, and why they are these.
#[derive(Debug)]
pub struct Plan {
    /// In order; never empty.
    pub attempts: Vec<Planned>,
    /// Who gets a copy of the request, and whose answer no client sees.
    pub shadow: Option<Arc<Candidate>>,
    /// The policy that decided, if one did.
    pub policy: Option<String>,
    /// Why, in a line for the operator.
    pub reason: String,
    /// Kept with the record.
    pub labels: Vec<(String, String)>,
    /// What was proposed and not taken, or who could not answer.
    pub remarks: Vec<String>,
}

/// One candidate of a plan.
pub struct Planned {
    /// Where to.
    pub candidate: Arc<Candidate>,
    /// When it begins, from the first attempt on, though others are under way; 0: when all
    /// before it have failed.
    pub start_after: Duration,
    /// Further tries at it.
    pub retries: u32,
    /// Until its first content.
    pub timeout: Option<Duration>,
}

impl std::fmt::Debug for Planned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (+{})", self.candidate.profile.id, self.retries)
    }
}

impl Plan {
    /// Makes a plan of what the policies answered.
    ///
    /// # Errors
    ///
    /// The policy's own words, if it refuses the request.
    pub fn of(answered: Answered, candidates: &[Arc<Candidate>]) -> Result<Self, Reported> {
        let mut remarks: Vec<String> =
            answered.failed.iter().map(|(name, why)| format!("policy {name}: {why}")).collect();
        let mut plan = match answered.decision {
            Some((_, Decision::Refuse(failure))) => return Err(failure),
            Some((policy, Decision::Route(proposal))) => {
                let attempts = allowed(&proposal, candidates, &mut remarks);
                if attempts.is_empty() {
                    remarks.push(format!("policy {policy}: nothing of its plan was left"));
                    Self::in_order(candidates, "the route's order: the policy's plan was empty")
                } else {
                    let shadow = shadow(&proposal, candidates, &mut remarks);
                    Self {
                        attempts,
                        shadow,
                        policy: Some(policy),
                        reason: words::brief(proposal.reason),
                        labels: words::labels(proposal.labels),
                        remarks: Vec::new(),
                    }
                }
            }
            None if answered.failed.is_empty() => {
                Self::in_order(candidates, "the route's order: no policy decided")
            }
            None => Self::in_order(candidates, "the route's order: the policy failed"),
        };
        plan.labels.extend(answered.labels);
        plan.remarks = remarks;
        Ok(plan)
    }

    fn in_order(candidates: &[Arc<Candidate>], reason: &str) -> Self {
        let planned = |candidate: &Arc<Candidate>| Planned {
            candidate: candidate.clone(),
            start_after: Duration::ZERO,
            retries: 1,
            timeout: None,
        };
        Self {
            attempts: candidates.iter().map(planned).collect(),
            shadow: None,
            policy: None,
            reason: reason.to_owned(),
            labels: Vec::new(),
            remarks: Vec::new(),
        }
    }
}

fn allowed(
    proposal: &policies::Plan,
    candidates: &[Arc<Candidate>],
    remarks: &mut Vec<String>,
) -> Vec<Planned> {
    let mut attempts: Vec<Planned> = Vec::new();
    for attempt in &proposal.attempts {
        let Some(candidate) = candidates.get(attempt.candidate as usize) else {
            words::remark(remarks, || {
                format!("dropped candidate {}: there is none", attempt.candidate)
            });
            continue;
        };
        if attempts.iter().any(|planned| Arc::ptr_eq(&planned.candidate, candidate)) {
            words::remark(remarks, || format!("dropped {}: named twice", candidate.profile.id));
            continue;
        }
        attempts.push(Planned {
            candidate: candidate.clone(),
            start_after: Duration::from_millis(attempt.start_after_ms.into()),
            retries: attempt.retries.min(MOST_RETRIES),
            timeout: attempt.timeout_ms.map(|ms| Duration::from_millis(ms.into())),
        });
    }
    attempts
}

fn shadow(
    proposal: &policies::Plan,
    candidates: &[Arc<Candidate>],
    remarks: &mut Vec<String>,
) -> Option<Arc<Candidate>> {
    let index = proposal.shadow?;
    let candidate = candidates.get(index as usize).cloned();
    if candidate.is_none() {
        words::remark(remarks, || format!("dropped the shadow {index}: there is none"));
    }
    candidate
}

impl Plan {
    /// A copy for one candidate, which is tried once.
    pub fn shadow_of(&self, candidate: &Arc<Candidate>) -> Self {
        let planned = Planned {
            candidate: candidate.clone(),
            start_after: Duration::ZERO,
            retries: 0,
            timeout: None,
        };
        Self {
            attempts: vec![planned],
            shadow: None,
            policy: self.policy.clone(),
            reason: self.reason.clone(),
            labels: self.labels.clone(),
            remarks: Vec::new(),
        }
    }
}
