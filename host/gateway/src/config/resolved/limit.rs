//! How much of what somebody may use.

use jiff::tz::TimeZone;
use portcullis_ledger::{Measure, Period, Subject};
use std::sync::Arc;

/// `[limits.NAME]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// What the operator calls it.
    pub name: Arc<str>,
    /// What kind of thing it is on.
    pub subject: Subject,
    /// A pattern of names: "*" is each for itself, any other all that match together. Of a key it
    /// is "tenant/key", of a label "name=value".
    pub pattern: String,
    /// What is counted.
    pub measure: Measure,
    /// How much of it: money in billionths of a US dollar.
    pub most: i64,
    /// Over which time.
    pub per: Per,
    /// Whose days, weeks and months these are.
    pub zone: TimeZone,
    /// From which share on it is told, from 0 to 1.
    pub warn_at: Option<f64>,
}

/// Over which time a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// A window of the calendar, or ever.
    Window(Period),
    /// One request.
    Request,
    /// All requests that have the same label `conversation`.
    Conversation,
}

impl Per {
    /// What an operator calls it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Window(period) => period.name(),
            Self::Request => "request",
            Self::Conversation => "conversation",
        }
    }
}

/// What becomes of a route's requests for which a budget is spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OverBudget {
    /// They are refused.
    #[default]
    Refuse,
    /// They go to candidates that cost nothing.
    Free,
    /// They go to candidates of the operator's own.
    Local,
}
