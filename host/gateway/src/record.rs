//! What became of a request, from its admission to its last byte.
//!
//! An [`Entry`] is opened for every admitted request and closed exactly once: when the answer
//! is over, when it failed, or, by being dropped, when the client went away.

mod entry;

use crate::accounting::{Accounting, now};
use crate::candidate::Candidate;
use crate::config::Used;
use crate::contract::{CACHE_WRITE_1H, FailureKind, Usage};
use crate::events;
use crate::explain::{Explanation, Wanted};
use crate::failure::{Failure, PASSED_OVER};
use crate::limits::Header;
use crate::meter::{Charge, Meter};
use crate::observe;
use crate::plan::Plan;
use crate::policy::Policy;
use crate::request::Request;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Records that are kept for the operator to look at.
const KEPT: usize = 256;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// All of the answer went out.
    Finished,
    /// No attempt was answered, or the answer broke off; the client was told.
    Failed,
    /// The client went away.
    Abandoned,
}

/// How an answer that began ends.
pub enum Ending {
    /// All of it went out.
    Finished,
    /// It broke off, and the client was told.
    Failed(Failure),
    /// The client went away.
    Abandoned,
}

/// One attempt of a request.
#[derive(Clone, Debug, Serialize)]
pub struct Tried {
    /// "provider/model".
    pub candidate: String,
    /// A stable word for what went wrong; `None` if it was answered.
    pub failure: Option<String>,
    /// What went wrong, in words.
    pub message: Option<String>,
    /// Until its first content or its failure, in milliseconds.
    pub ms: f64,
    /// The contract's word for what went wrong.
    #[serde(skip)]
    pub kind: Option<FailureKind>,
    /// When that was.
    #[serde(skip)]
    pub noted: Instant,
}

impl Tried {
    /// An attempt that failed.
    pub fn of(candidate: &Candidate, failure: &Failure, took: Duration) -> Self {
        Self {
            candidate: candidate.profile.id.clone(),
            failure: Some(failure.word()),
            message: Some(failure.message()),
            ms: took.as_secs_f64() * 1e3,
            kind: Some(failure.kind()),
            noted: Instant::now(),
        }
    }

    /// An attempt that was answered.
    pub fn answered(candidate: &Candidate, took: Duration) -> Self {
        Self {
            candidate: candidate.profile.id.clone(),
            failure: None,
            message: None,
            ms: took.as_secs_f64() * 1e3,
            kind: None,
            noted: Instant::now(),
        }
    }

    /// An attempt that was broken off: another beside it was answered first, or nobody waits for
    /// its answer any more.
    pub fn broken_off(candidate: &Candidate, overtaken: bool, took: Duration) -> Self {
        let (word, message) = match overtaken {
            true => ("overtaken", "Another candidate answered first."),
            false => ("cancelled", "Whoever asked went away."),
        };
        Self {
            candidate: candidate.profile.id.clone(),
            failure: Some(word.to_owned()),
            message: Some(message.to_owned()),
            ms: took.as_secs_f64() * 1e3,
            kind: Some(FailureKind::Cancelled),
            noted: Instant::now(),
        }
    }

    /// Whether nothing was sent: somebody else was to be asked before it.
    pub fn was_passed_over(&self) -> bool {
        self.failure.as_deref() == Some(PASSED_OVER)
    }
}

/// Everything that is kept of one request.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// Its id.
    pub request: Arc<str>,
    /// Whose it was.
    pub tenant: Arc<str>,
    /// The id of the key that they showed, where one is needed.
    pub key: Option<Arc<str>>,
    /// What was to be done.
    pub operation: &'static str,
    /// The model as it was asked for.
    pub asked: String,
    /// Whether it was streamed.
    pub streaming: bool,
    /// The request for which a policy asked this one.
    #[serde(rename = "for")]
    pub parent: Option<Arc<str>>,
    /// Whether it is a copy, of whose answer no client saw anything.
    pub shadow: bool,
    /// Whether it was answered from the cache, and nobody was asked.
    pub cached: bool,
    /// The route that it took.
    pub route: String,
    /// The policy that decided, if one did.
    pub policy: Option<String>,
    /// Why.
    pub reason: String,
    /// Labels that policies left.
    pub labels: Vec<(String, String)>,
    /// What policies proposed and did not get, or why one could not answer.
    pub remarks: Vec<String>,
    /// What led to the plan.
    #[serde(flatten)]
    pub explanation: Explanation,
    /// Its attempts, in order.
    pub tried: Vec<Tried>,
    /// Who answered.
    pub candidate: Option<String>,
    /// How it ended; `None` while it is under way.
    pub end: Option<End>,
    /// A stable word for what went wrong in the end.
    pub failure: Option<String>,
    /// What went wrong in the end, in words.
    pub message: Option<String>,
    /// The contract's word for it.
    #[serde(skip)]
    pub kind: Option<FailureKind>,
    /// How somebody rated the answer, from -1 to 1.
    pub rating: Option<f32>,
    /// The policies that are told what became of it.
    #[serde(skip)]
    pub observers: Vec<Arc<str>>,
    /// Tokens of input, as the upstream counted them.
    pub input_tokens: Option<u64>,
    /// Tokens of output, likewise.
    pub output_tokens: Option<u64>,
    /// Of those of input, read from the upstream's cache.
    pub cached_input_tokens: Option<u64>,
    /// Of those of input, written to the upstream's cache.
    pub cache_write_tokens: Option<u64>,
    /// Of those written to it, the ones that stay for an hour.
    pub cache_write_1h_tokens: Option<u64>,
    /// Of those of output, spent on reasoning.
    pub reasoning_tokens: Option<u64>,
    /// Seconds of audio that were listened to.
    pub audio_seconds: Option<f64>,
    /// US dollars, by the configured prices.
    pub cost_usd: Option<f64>,
    /// Names these prices.
    pub price_version: Option<Arc<str>>,
    /// Whether tokens and cost are a guess, for the upstream counted nothing.
    pub estimated: bool,
    /// Time in policies, in microseconds.
    pub policy_us: u64,
    /// Time in the provider's plugin, in microseconds.
    pub provider_us: u64,
    /// From the call to the first content, in microseconds.
    pub upstream_us: u64,
    /// From the request's head to the answer's last byte, in milliseconds.
    pub total_ms: f64,
}

/// A record that is still being written. Dropping it closes it as abandoned.
pub struct Entry {
    record: Record,
    /// What its client wants to know.
    pub explain: Wanted,
    /// The policies that want to know what becomes of it.
    pub observers: Vec<Arc<Policy>>,
    usage: Option<Usage>,
    /// What is held for it, where somebody counts.
    pub meter: Option<Box<Meter>>,
    /// What vendors charge for, or may, beside the answer.
    pub charges: Vec<Charge>,
    /// How its limits stand, for the headers of its answer.
    pub limits: Vec<Header>,
    /// Which of them are nearly used up, likewise.
    pub warnings: Vec<String>,
    began: Instant,
    came: i64,
    /// The labels of its request.
    asked: Vec<(String, String)>,
    kept: Arc<Kept>,
}

impl std::ops::Deref for Entry {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}

impl std::ops::DerefMut for Entry {
    fn deref_mut(&mut self) -> &mut Record {
        &mut self.record
    }
}

impl Entry {
    /// Opens the record of a request that was admitted.
    pub fn open(kept: &Arc<Kept>, request: &Request, route: &str, began: Instant) -> Self {
        let record = Record {
            request: request.id.clone(),
            tenant: request.caller.tenant.clone(),
            key: request.caller.key.clone(),
            operation: request.operation.name(),
            asked: request.asked.clone(),
            streaming: request.streaming,
            parent: None,
            shadow: false,
            cached: false,
            route: route.to_owned(),
            policy: None,
            reason: String::new(),
            labels: Vec::new(),
            remarks: Vec::new(),
            explanation: Explanation::default(),
            tried: Vec::new(),
            candidate: None,
            end: None,
            failure: None,
            message: None,
            kind: None,
            rating: None,
            observers: Vec::new(),
            input_tokens: None,
            output_tokens: None,
            cached_input_tokens: None,
            cache_write_tokens: None,
            cache_write_1h_tokens: None,
            reasoning_tokens: None,
            audio_seconds: None,
            cost_usd: None,
            price_version: None,
            estimated: false,
            policy_us: 0,
            provider_us: 0,
            upstream_us: 0,
            total_ms: 0.0,
        };
        Self {
            record,
            explain: Wanted::Nothing,
            observers: Vec::new(),
            usage: None,
            meter: None,
            charges: Vec::new(),
            limits: Vec::new(),
            warnings: Vec::new(),
            began,
            came: now(),
            asked: kept.accounting.iter().flat_map(|_| request.labels.clone()).collect(),
            kept: kept.clone(),
        }
    }

    /// Notes what is to be tried, and why.
    pub fn planned(&mut self, plan: &Plan) {
        self.record.policy.clone_from(&plan.policy);
        self.record.reason.clone_from(&plan.reason);
        self.record.labels.clone_from(&plan.labels);
        self.record.remarks.clone_from(&plan.remarks);
        let planned = plan.attempts.iter().map(|planned| planned.candidate.clone());
        self.record.explanation.plan = planned.collect();
    }

    /// When the request's head had arrived.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Notes what the upstream counted, and what that costs at the candidate's prices.
    pub fn used(&mut self, usage: Option<&Usage>, candidate: &Candidate) {
        self.record.price_version = Some(candidate.price_version.clone());
        let Some(usage) = usage else { return };
        self.record.input_tokens = usage.input_tokens;
        self.record.output_tokens = usage.output_tokens;
        self.record.cached_input_tokens = usage.cached_input_tokens;
        self.record.cache_write_tokens = usage.cache_write_tokens;
        self.record.cache_write_1h_tokens = usage.count(CACHE_WRITE_1H);
        self.record.reasoning_tokens = usage.reasoning_tokens;
        self.record.audio_seconds = usage.audio_seconds;
        let computed = candidate.profile.prices.cost(Used {
            input: usage.input_tokens.unwrap_or(0),
            output: usage.output_tokens.unwrap_or(0),
            cached_input: usage.cached_input_tokens.unwrap_or(0),
            cache_write: usage.cache_write_tokens.unwrap_or(0),
            cache_write_1h: self.record.cache_write_1h_tokens.unwrap_or(0),
            audio_seconds: usage.audio_seconds,
        });
        self.record.cost_usd = usage.cost_usd.or(computed);
        if !self.observers.is_empty() {
            self.usage = Some(usage.clone());
        }
    }

    /// All of the answer went out.
    pub fn finish(mut self) {
        self.close(End::Finished);
    }

    /// The request failed, and the client was told.
    pub fn fail(mut self, failure: &Failure) {
        self.record.failure = Some(failure.word());
        self.record.message = Some(failure.message());
        self.record.kind = Some(failure.kind());
        self.close(End::Failed);
    }

    /// The answer is over.
    pub fn end(self, ending: Ending) {
        match ending {
            Ending::Finished => self.finish(),
            Ending::Failed(failure) => self.fail(&failure),
            Ending::Abandoned => drop(self),
        }
    }

    /// Where what it costs is counted, if anywhere.
    pub fn accounting(&self) -> Option<&Arc<Accounting>> {
        self.kept.accounting.as_ref()
    }

    /// What is known of it before anybody is asked, and what it may cost.
    pub fn about(&self, nanodollars: i64) -> portcullis_ledger::Usage {
        portcullis_ledger::Usage { nanodollars, ..self.entry() }
    }

    /// Writes down what it used, and gives back what was held for more.
    fn settle(&mut self) {
        let Some(accounting) = self.kept.accounting.clone() else { return };
        let usage = self.entry();
        for charge in &self.charges {
            accounting.note(&entry::of_charge(&usage, charge));
        }
        match self.meter.take() {
            Some(meter) => {
                if let Err(why) = meter.close(&usage, &self.charges) {
                    events::LedgerFailed { why: &why }.emit();
                }
            }
            None => accounting.note(&usage),
        }
    }

    fn entry(&self) -> portcullis_ledger::Usage {
        entry::of(&self.record, self.came, &self.asked)
    }

    fn close(&mut self, end: End) {
        if self.record.end.is_some() {
            return;
        }
        self.record.end = Some(end);
        self.record.total_ms = self.began.elapsed().as_secs_f64() * 1e3;
        self.settle();
        events::RequestClosed(&self.record).emit();
        self.record.observers = self.observers.iter().map(|policy| policy.name.clone()).collect();
        self.kept.keep(self.record.clone());
        observe::tell(&self.observers, &self.record, self.usage.as_ref());
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.close(End::Abandoned);
    }
}

/// Where records go: the newest stay here, for the operator to look at, and what all of them cost
/// goes to where it is counted.
#[derive(Default)]
pub struct Kept {
    newest: Mutex<VecDeque<Arc<Record>>>,
    accounting: Option<Arc<Accounting>>,
}

impl Kept {
    /// With somebody who counts.
    pub fn counting(accounting: Arc<Accounting>) -> Self {
        Self { newest: Mutex::default(), accounting: Some(accounting) }
    }

    /// Who counts, if anybody.
    pub fn accounting(&self) -> Option<&Arc<Accounting>> {
        self.accounting.as_ref()
    }

    fn keep(&self, record: Record) {
        let mut kept = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(Arc::new(record));
    }

    /// Notes how the answer to a request was rated, if there was one; `None` if there is no record
    /// of it.
    pub fn rate(&self, request: &str, rating: f32) -> Option<Arc<Record>> {
        let mut kept = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        // Of a request and its copy, which have one id, nobody saw the answer to the copy.
        let found = |record: &&mut Arc<Record>| &*record.request == request && !record.shadow;
        let record = kept.iter_mut().rev().find(found)?;
        if record.candidate.is_some() {
            Arc::make_mut(record).rating = Some(rating);
        }
        Some(record.clone())
    }

    /// The newest records, newest first.
    pub fn newest(&self) -> Vec<Arc<Record>> {
        let kept = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().cloned().collect()
    }
}
