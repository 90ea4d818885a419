//! What became of decisions, for the policies that want to know.
//!
//! When a request's entry closes, each of its attempts is an outcome for the policy that decided
//! and for those that left labels, since both can learn of it. Outcomes wait in a queue of that
//! policy's and go to it in batches, a tenant's at a time, in a fresh sandbox. All of it is off
//! the path of requests: nobody waits for it, what does not fit into the queue is dropped and
//! counted, and a fault costs a batch and nothing else.

use crate::contract::policies::Outcome;
use crate::contract::{FailureKind, Usage};
use crate::events::ObserveFailed;
use crate::failure::reported;
use crate::policy::Policy;
use crate::record::{End, Record, Tried};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::timeout_at;

/// Requests whose outcomes wait for one policy at most.
const MOST_WAITING: usize = 1_024;
/// Outcomes of one batch at most.
const LARGEST_BATCH: usize = 64;
/// How long the first of a batch waits for others.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// The queue before a policy, and what went through it.
#[derive(Default)]
pub struct Observer {
    /// Once there was something to tell. Its task ends when the policy, and with it this sender,
    /// is gone, which what waits in the queue holds on to.
    queue: OnceLock<mpsc::Sender<Told>>,
    observed: AtomicU64,
    dropped: AtomicU64,
}

/// What became of one request.
struct Told {
    policy: Arc<Policy>,
    tenant: Arc<str>,
    outcomes: Vec<Outcome>,
}

impl Observer {
    /// Outcomes that the policy was told of.
    pub fn observed(&self) -> u64 {
        self.observed.load(Ordering::Relaxed)
    }

    /// Outcomes that it was not told of: too many waited, or it failed.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// Tells these policies what became of a request that is over. `usage` is what its answer used.
pub fn tell(observers: &[Arc<Policy>], record: &Record, usage: Option<&Usage>) {
    if observers.is_empty() {
        return;
    }
    let outcomes: Vec<Outcome> =
        record.tried.iter().filter_map(|tried| outcome(record, tried, usage)).collect();
    for policy in observers {
        queue(policy, record, outcomes.clone());
    }
}

/// Tells these policies how somebody rated an answer of theirs.
pub fn tell_rating(observers: &[Arc<Policy>], record: &Record, candidate: &str, rating: f32) {
    for policy in observers {
        let rated = Outcome {
            candidate: candidate.to_owned(),
            rating: Some(rating),
            ..Outcome::of(record)
        };
        queue(policy, record, vec![rated]);
    }
}

fn queue(policy: &Arc<Policy>, record: &Record, outcomes: Vec<Outcome>) {
    if outcomes.is_empty() {
        return;
    }
    let count = outcomes.len() as u64;
    let queue = policy.observer.queue.get_or_init(|| {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        tokio::spawn(run(receiver));
        sender
    });
    let told = Told { policy: policy.clone(), tenant: record.tenant.clone(), outcomes };
    if queue.try_send(told).is_err() {
        policy.observer.dropped.fetch_add(count, Ordering::Relaxed);
    }
}

/// Hands over what comes, in batches, for as long as its policy lives.
async fn run(mut queue: mpsc::Receiver<Told>) {
    while let Some(first) = queue.recv().await {
        let over = Instant::now() + LONGEST_WAIT;
        let mut waiting = first.outcomes.len();
        let policy = first.policy.clone();
        let mut batch = vec![first];
        while waiting < LARGEST_BATCH
            && let Ok(Some(told)) = timeout_at(over.into(), queue.recv()).await
        {
            waiting += told.outcomes.len();
            batch.push(told);
        }
        hand_over(&policy, batch).await;
    }
}

async fn hand_over(policy: &Policy, batch: Vec<Told>) {
    let mut by_tenant: BTreeMap<Arc<str>, Vec<Outcome>> = BTreeMap::new();
    for told in batch {
        by_tenant.entry(told.tenant).or_default().extend(told.outcomes);
    }
    for (tenant, outcomes) in by_tenant {
        for outcomes in outcomes.chunks(LARGEST_BATCH) {
            let count = outcomes.len() as u64;
            let counter = match policy.observe(&tenant, outcomes).await {
                Ok(()) => &policy.observer.observed,
                Err(fault) => {
                    ObserveFailed { policy: &policy.name, outcomes: count, fault: &fault }.emit();
                    &policy.observer.dropped
                }
            };
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }
}

/// What became of one attempt; `None` of one that was not made.
fn outcome(record: &Record, tried: &Tried, usage: Option<&Usage>) -> Option<Outcome> {
    if tried.was_passed_over() {
        return None;
    }
    let (mut candidate, mut total) = (Outcome::of(record), tried.ms);
    candidate.candidate.clone_from(&tried.candidate);
    match (tried.kind, &tried.message) {
        (Some(kind), message) => {
            candidate.failure = Some(reported(kind, message.clone().unwrap_or_default()));
        }
        (None, _) => {
            // What was answered may have ended otherwise.
            let ended = match record.end {
                Some(End::Finished) => None,
                Some(End::Failed) => Some(record.kind.unwrap_or(FailureKind::Other)),
                Some(End::Abandoned) | None => Some(FailureKind::Cancelled),
            };
            let message = || record.message.clone().unwrap_or_default();
            candidate.failure = ended.map(|kind| reported(kind, message()));
            candidate.first_token_ms = record.streaming.then(|| whole(tried.ms));
            candidate.usage = usage.cloned();
            candidate.cost_usd = record.cost_usd;
            total += tried.noted.elapsed().as_secs_f64() * 1e3;
        }
    }
    candidate.total_ms = whole(total);
    Some(candidate)
}

impl Outcome {
    /// What all outcomes of a request have in common.
    fn of(record: &Record) -> Self {
        let shadow = record.shadow.then(|| ("shadow".to_owned(), "true".to_owned()));
        Self {
            request_id: record.request.to_string(),
            candidate: String::new(),
            failure: None,
            total_ms: whole(record.total_ms),
            first_token_ms: None,
            usage: None,
            cost_usd: None,
            rating: None,
            labels: record.labels.clone(),
            extra: shadow.into_iter().collect(),
        }
    }
}

/// Whole milliseconds.
fn whole(ms: f64) -> u32 {
    ms as u32
}
