//! What a request used and cost: an entry of it, the sums by the hour, and questions to both.
//!
//! Entries come through the journal, whose shipping writes them in the transaction that moves its
//! position: none is lost and none comes twice. What stands in them means nothing here.

mod correct;
mod list;
mod query;
mod question;
mod write;

pub use correct::{Corrected, Correction};
pub use list::{Listed, Listing, Place};
pub use query::Sums;
pub use question::{Column, Field, Question, Step, UsageError};
pub(crate) use write::write;

use serde::{Deserialize, Serialize};

/// What there is to know of a request, or of what else costs money (see `kind`). What is not known
/// is empty, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// What it is about: one of the words below; empty is [`REQUEST`](Self::REQUEST).
    pub kind: String,
    /// When it came, in milliseconds since the Unix epoch.
    pub at: i64,
    /// Its name, as its client and the log know it.
    pub request: String,
    /// Who pays.
    pub tenant: String,
    /// With which key it came.
    pub key: String,
    /// By which route.
    pub route: String,
    /// Which policy decided.
    pub policy: String,
    /// Why, in its words.
    pub reason: String,
    /// Who answered: the candidate's name in the configuration.
    pub candidate: String,
    /// The candidate's provider.
    pub provider: String,
    /// The candidate's model.
    pub model: String,
    /// What was asked for.
    pub operation: String,
    /// How it ended. [`ABANDONED`](Self::ABANDONED) and [`UNKNOWN`](Self::UNKNOWN) are written
    /// here; the other words are the caller's.
    pub end: String,
    /// Tokens that went in.
    pub tokens_in: i64,
    /// Tokens that came out.
    pub tokens_out: i64,
    /// Of those that went in, how many the vendor had kept.
    pub tokens_cached: i64,
    /// Of those that went in, how many it keeps from now on.
    pub tokens_cache_write: i64,
    /// Of those that it keeps, how many for an hour.
    pub tokens_cache_write_1h: i64,
    /// Of those that came out, how many were thought and not said.
    pub tokens_reasoning: i64,
    /// Sound, in milliseconds.
    pub audio_ms: i64,
    /// What it cost.
    pub nanodollars: i64,
    /// Whether that is a guess of ours, since nobody counted.
    pub estimated: bool,
    /// By which prices.
    pub price_version: String,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// What was tried, as JSON.
    pub attempts: String,
    /// Its labels, as an object of JSON. Sums are by them, too.
    pub labels: String,
}

impl Usage {
    /// The kind of a request that somebody made. Only these are counted as requests.
    pub const REQUEST: &'static str = "request";
    /// The kind of a further attempt at a request that its vendor may charge for, such as a hedge
    /// that was overtaken.
    pub const ATTEMPT: &'static str = "attempt";
    /// The kind of a copy whose answer nobody saw.
    pub const SHADOW: &'static str = "shadow";
    /// The kind of what a policy asked, for a request.
    pub const COMPLETION: &'static str = "completion";
    /// The kind of what mends an entry whose price was wrong: it has the difference.
    pub const CORRECTION: &'static str = "correction";
    /// The end of a request that was given up before anything was spent.
    pub const ABANDONED: &'static str = "abandoned";
    /// The end of a request of which a process died: it counts as spent what it had reserved.
    pub const UNKNOWN: &'static str = "unknown";
}

#[cfg(test)]
mod tests;
