//! What one request holds of its limits, and what it is charged for, until it is closed.
//!
//! What it may use is reserved before anybody is asked ([`crate::limits::admit`]); what counts at
//! a provider or a model is reserved with each attempt there. What was used is settled when its
//! record is closed, once, whatever became of it.

use crate::accounting::Accounting;
use crate::candidate::Candidate;
use crate::failure::Failure;
use crate::limits::{Applied, Estimate, Limits, admit};
use crate::record::Entry;
use crate::request::Request;
use portcullis_ledger::{
    Claim, Denied, Further, Held, JournalError, Limit, Measure, Reservation, Usage,
};
use std::sync::Arc;

/// Of one request that was admitted.
#[derive(Debug)]
pub struct Meter {
    accounting: Arc<Accounting>,
    limits: Arc<Limits>,
    applied: Vec<Applied>,
    reservation: Reservation,
    /// What is counted at single providers and models, an item an attempt.
    there: Vec<There>,
}

/// A limit that counts what is used at a provider or a model.
#[derive(Debug)]
struct There {
    applied: Applied,
    /// The candidate's id.
    candidate: String,
}

/// What is to be reserved before an attempt.
pub struct Claiming {
    further: Further,
    applied: Vec<Applied>,
    claims: Vec<Claim>,
    candidate: String,
}

/// What was reserved for an attempt.
pub struct Claimed {
    held: Held,
    there: Vec<There>,
}

/// What a vendor charges for, or may.
#[derive(Clone, Debug)]
pub struct Charge {
    /// The candidate's id.
    pub candidate: String,
    /// Tokens of input.
    pub tokens_in: i64,
    /// Tokens of output.
    pub tokens_out: i64,
    /// What that costs, in billionths of a US dollar.
    pub nanodollars: i64,
    /// By which prices.
    pub price_version: String,
}

impl Charge {
    /// For a question that a candidate was sent, and of whose answer nobody knows.
    pub fn of_question(request: &Request, candidate: &Candidate) -> Self {
        let estimate = Estimate::of(request, candidate);
        Self {
            candidate: candidate.profile.id.clone(),
            tokens_in: estimate.input,
            tokens_out: 0,
            nanodollars: estimate.nanodollars_of_input,
            price_version: candidate.price_version.to_string(),
        }
    }
}

impl Meter {
    /// Of what was reserved.
    pub fn new(
        accounting: Arc<Accounting>,
        limits: Arc<Limits>,
        applied: Vec<Applied>,
        reservation: Reservation,
    ) -> Self {
        Self { accounting, limits, applied, reservation, there: Vec::new() }
    }

    /// Notes what a client is told of how its limits stand.
    pub fn look(&self, request: &Request, entry: &mut Entry) {
        entry.limits = self.accounting.headers(&self.applied, request);
        entry.warnings = self.accounting.warn(&self.applied);
    }

    /// What has to be reserved before a candidate is asked, if anything.
    pub fn claiming(&self, request: &Request, candidate: &Candidate) -> Option<Claiming> {
        let applied = self.limits.for_candidate(candidate);
        if applied.is_empty() {
            return None;
        }
        let estimate = Estimate::of(request, candidate);
        let claim = |it: &Applied| {
            let amount = match it.limit.measure() {
                Measure::Nanodollars => estimate.nanodollars.unwrap_or(0),
                Measure::Tokens => estimate.tokens,
                Measure::Requests | Measure::Concurrent => 1,
            };
            Claim { limit: it.limit.clone(), amount }
        };
        let claims = applied.iter().map(claim).collect();
        let (further, candidate) = (self.reservation.further(), candidate.profile.id.clone());
        Some(Claiming { further, applied, claims, candidate })
    }

    /// Keeps what was reserved.
    pub fn keep(&mut self, claimed: Claimed) {
        self.reservation.add(claimed.held);
        self.there.extend(claimed.there);
    }

    /// Settles what was used: by whoever answered, and by those who were asked beside them.
    ///
    /// # Errors
    ///
    /// If it cannot be written down; then it counts as what was reserved.
    pub fn close(self, usage: &Usage, charges: &[Charge]) -> Result<(), JournalError> {
        let Self { accounting, applied, reservation, there, .. } = self;
        let served = Charge {
            candidate: usage.candidate.clone(),
            tokens_in: usage.tokens_in,
            tokens_out: usage.tokens_out,
            nanodollars: usage.nanodollars,
            price_version: String::new(),
        };
        let spent = |limit: &Limit| {
            let account = limit.account();
            let at: Vec<&There> =
                there.iter().filter(|it| it.applied.limit.account() == account).collect();
            // What is counted at some candidates counts what these charge for.
            let counts = |charge: &&Charge| {
                at.is_empty() || at.iter().any(|it| it.candidate == charge.candidate)
            };
            let charges = charges.iter().chain([&served]).filter(counts);
            match limit.measure() {
                Measure::Nanodollars => charges.map(|it| it.nanodollars).sum(),
                Measure::Tokens => charges.map(|it| it.tokens_in + it.tokens_out).sum(),
                Measure::Requests => at.len().max(1) as i64,
                Measure::Concurrent => 0,
            }
        };
        let closed = reservation.close(usage, spent);
        // Nobody waits for an answer any more who could be told.
        let _ = accounting.warn(applied.iter().chain(there.iter().map(|it| &it.applied)));
        closed
    }
}

impl Claiming {
    /// Reserves it.
    ///
    /// # Errors
    ///
    /// Which limit is used up.
    pub async fn reserve(self) -> Result<Claimed, Failure> {
        let Self { further, applied, claims, candidate } = self;
        let held = further.reserve(&claims).await.map_err(|denied| {
            let Denied::Spent(standing) = &denied else { return admit::unavailable(&denied) };
            let account = |it: &(&Applied, &Claim)| *it.0.limit.account() == standing.account;
            match applied.iter().zip(&claims).find(account) {
                Some((limit, claim)) => {
                    let limited = admit::words(limit, standing, claim.amount);
                    Failure::Limited(Box::new(limited))
                }
                None => admit::unavailable(&denied),
            }
        })?;
        let there =
            applied.into_iter().map(|applied| There { applied, candidate: candidate.clone() });
        Ok(Claimed { held, there: there.collect() })
    }
}
