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
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// When it came, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "is_zero")]
    pub at: i64,
    /// Its name, as its client and the log know it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request: String,
    /// Who pays.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tenant: String,
    /// With which key it came.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// By which route.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub route: String,
    /// Which policy decided.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub policy: String,
    /// Why, in its words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Who answered: the candidate's name in the configuration.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub candidate: String,
    /// The candidate's provider.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub provider: String,
    /// The candidate's model.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// What was asked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub operation: String,
    /// How it ended. [`ABANDONED`](Self::ABANDONED) and [`UNKNOWN`](Self::UNKNOWN) are written
    /// here; the other words are the caller's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub end: String,
    /// Tokens that went in.
    #[serde(skip_serializing_if = "is_zero")]
    pub tokens_in: i64,
    /// Tokens that came out.
    #[serde(skip_serializing_if = "is_zero")]
    pub tokens_out: i64,
    /// Of those that went in, how many the vendor had kept.
    #[serde(skip_serializing_if = "is_zero")]
    pub tokens_cached: i64,
    /// Of those that went in, how many it keeps from now on.
    #[serde(skip_serializing_if = "is_zero")]
    pub tokens_cache_write: i64,
    /// Of those that it keeps, how many for an hour.
    #[serde(skip_serializing_if = "is_zero")]
    pub tokens_cache_write_1h: i64,
    /// Of those that came out, how many were thought and not said.
    #[serde(skip_serializing_if = "is_zero")]
    pub tokens_reasoning: i64,
    /// Sound, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub audio_ms: i64,
    /// What it cost.
    #[serde(skip_serializing_if = "is_zero")]
    pub nanodollars: i64,
    /// Whether that is a guess of ours, since nobody counted.
    pub estimated: bool,
    /// By which prices.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub price_version: String,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub took_ms: i64,
    /// What was tried, as JSON.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub attempts: String,
    /// Its labels, as an object of JSON. Sums are by them, too.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub labels: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn is_zero(number: &i64) -> bool {
    *number == 0
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
