//! Why an attempt did not succeed, and what follows from that.
//!
//! [`Failure::verdict`] is the one table that answers, for each failure: try the same candidate
//! again, try the next, or give up; and whose fault it was.

use crate::contract::{FailureKind, Reported};
use crate::refusal::Refusal;
use crate::upstream::http::SendError;
use portcullis_sandbox::Fault;
use std::time::Duration;

/// What went wrong with one attempt.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The upstream said so, as its plugin reads it.
    Reported(Reported),
    /// The plugin failed.
    Plugin {
        /// Its name.
        plugin: String,
        /// Where in the contract.
        step: &'static str,
        /// How.
        fault: Fault,
    },
    /// The call could not be made, or broke.
    Call(SendError),
    /// The candidate was not asked: its circuit is open, or it has enough to do.
    PassedOver {
        /// Why.
        why: &'static str,
    },
    /// The request's own time was over.
    OutOfTime,
    /// A limit that the operator set is used up.
    Limited(Box<Limited>),
}

/// That a limit is used up, or that nobody can say whether it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limited {
    /// What is wrong.
    pub kind: LimitedBy,
    /// Words that its sender may read.
    pub message: String,
    /// When it is worth asking again, where it ever is.
    pub retry_after: Option<Duration>,
}

/// What it is that there is no more of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitedBy {
    /// Money or tokens: asking again at once is of no use.
    Budget,
    /// Something that is there again in a moment.
    Rate,
    /// Nobody knows what there is.
    Ledger,
}

impl Limited {
    /// A budget is used up.
    pub fn budget(message: String, retry_after: Option<Duration>) -> Self {
        Self { kind: LimitedBy::Budget, message, retry_after }
    }

    /// A rate is reached.
    pub fn rate(message: String, retry_after: Option<Duration>) -> Self {
        Self { kind: LimitedBy::Rate, message, retry_after }
    }

    /// Nobody can say.
    pub fn unavailable(message: String, retry_after: Duration) -> Self {
        Self { kind: LimitedBy::Ledger, message, retry_after: Some(retry_after) }
    }

    /// Programs may depend on it.
    pub fn code(&self) -> &'static str {
        match self.kind {
            LimitedBy::Budget => "budget_exceeded",
            LimitedBy::Rate => "rate_limit_exceeded",
            LimitedBy::Ledger => "ledger_unavailable",
        }
    }
}

/// The word for a candidate that was not asked.
pub const PASSED_OVER: &str = "passed-over";

/// What the executor does after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The same candidate once more, after a pause.
    Again,
    /// The next candidate.
    Next,
    /// Nothing: no candidate would answer otherwise.
    GiveUp,
}

/// Who has to change something for it not to happen again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Who sent the request.
    Client,
    /// The vendor, or the way to it.
    Upstream,
    /// Who wrote or configured the plugin.
    Plugin,
    /// Who runs the gateway: a wrong key, an account without money.
    Operator,
}

impl Failure {
    /// A failure that the gateway itself words, in place of an upstream's.
    pub fn reported(kind: FailureKind, message: impl Into<String>) -> Self {
        Self::Reported(reported(kind, message.into()))
    }

    /// The same, with the upstream's own code for it.
    pub fn coded(kind: FailureKind, message: impl Into<String>, code: Option<String>) -> Self {
        let mut failure = reported(kind, message.into());
        failure.code = code;
        Self::Reported(failure)
    }

    /// The same, about a field of the request.
    pub fn about(kind: FailureKind, message: impl Into<String>, param: &str) -> Self {
        let mut failure = reported(kind, message.into());
        failure.extra.push(("param".to_owned(), serde_json::json!(param).to_string()));
        Self::Reported(failure)
    }

    /// What follows from it.
    pub fn verdict(&self) -> (Then, Blame) {
        use {Blame::*, Then::*};
        match self {
            Self::Reported(failure) => match failure.kind {
                FailureKind::InvalidRequest => (GiveUp, Client),
                FailureKind::ContentRefused => (GiveUp, Client),
                FailureKind::Cancelled => (GiveUp, Client),
                // Another model may have the room, the feature or the name.
                FailureKind::ContextTooLong => (Next, Client),
                FailureKind::Unsupported => (Next, Client),
                FailureKind::NotFound => (Next, Operator),
                FailureKind::Authentication => (Next, Operator),
                FailureKind::Permission => (Next, Operator),
                FailureKind::QuotaExhausted => (Next, Operator),
                FailureKind::RateLimited => (Again, Upstream),
                FailureKind::Overloaded => (Again, Upstream),
                FailureKind::Upstream => (Again, Upstream),
                // It may have done the work, and charged for it.
                FailureKind::TimedOut => (Next, Upstream),
                FailureKind::Malformed => (Next, Upstream),
                FailureKind::Other => (Next, Upstream),
            },
            Self::Plugin { .. } => (Next, Plugin),
            Self::Call(error) => match error {
                SendError::Denied { .. } => (Next, Plugin),
                SendError::AddressRefused { .. }
                | SendError::Tls { .. }
                | SendError::Token { .. }
                | SendError::Start { .. } => (Next, Operator),
                // Nothing was sent.
                SendError::Resolve { .. }
                | SendError::Connect { .. }
                | SendError::ConnectTimedOut { .. } => (Again, Upstream),
                // Something was, and perhaps done.
                SendError::FirstByteTimedOut { .. }
                | SendError::ChunkTimedOut { .. }
                | SendError::Broken { .. }
                | SendError::Exited { .. }
                | SendError::RanTooLong { .. }
                | SendError::TooLarge { .. } => (Next, Upstream),
            },
            Self::PassedOver { .. } => (Next, Upstream),
            // Another candidate may have something left.
            Self::Limited(_) => (Next, Operator),
            Self::OutOfTime => (GiveUp, Upstream),
        }
    }

    /// Whether it tells something about the health of the candidate.
    pub fn is_candidates(&self) -> bool {
        !matches!(self, Self::PassedOver { .. } | Self::OutOfTime | Self::Limited(_))
            && self.verdict().1 != Blame::Client
    }

    /// Whether somebody was asked who may have done the work, and charges for it: all was sent, and
    /// what came back was no answer.
    pub fn may_be_charged(&self) -> bool {
        match self {
            Self::Reported(failure) => {
                matches!(failure.kind, FailureKind::TimedOut | FailureKind::Malformed)
            }
            Self::Plugin { step, .. } => !matches!(*step, "start" | "refused"),
            Self::Call(error) => matches!(
                error,
                SendError::FirstByteTimedOut { .. }
                    | SendError::ChunkTimedOut { .. }
                    | SendError::Broken { .. }
                    | SendError::RanTooLong { .. }
                    | SendError::TooLarge { .. }
            ),
            Self::OutOfTime => true,
            Self::PassedOver { .. } | Self::Limited(_) => false,
        }
    }

    /// The contract's word for it.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Reported(failure) => failure.kind,
            Self::Plugin { fault: Fault::Busy { .. }, .. } => FailureKind::Overloaded,
            Self::Plugin { .. } => FailureKind::Other,
            Self::Call(error) => match error {
                SendError::Denied { .. } => FailureKind::Other,
                SendError::Token { .. } => FailureKind::Authentication,
                SendError::Resolve { .. }
                | SendError::AddressRefused { .. }
                | SendError::Connect { .. }
                | SendError::Tls { .. }
                | SendError::Start { .. }
                | SendError::Exited { .. }
                | SendError::Broken { .. } => FailureKind::Upstream,
                SendError::ConnectTimedOut { .. }
                | SendError::FirstByteTimedOut { .. }
                | SendError::ChunkTimedOut { .. }
                | SendError::RanTooLong { .. } => FailureKind::TimedOut,
                SendError::TooLarge { .. } => FailureKind::Malformed,
            },
            Self::PassedOver { .. } => FailureKind::Overloaded,
            Self::Limited(limited) => match limited.kind {
                LimitedBy::Budget => FailureKind::QuotaExhausted,
                LimitedBy::Rate => FailureKind::RateLimited,
                LimitedBy::Ledger => FailureKind::Overloaded,
            },
            Self::OutOfTime => FailureKind::TimedOut,
        }
    }

    /// A stable word for logs and records: the fault's where a plugin failed.
    pub fn word(&self) -> String {
        match self {
            Self::Plugin { fault, .. } => format!("plugin-{}", fault.code()),
            Self::Call(SendError::Denied { .. }) => "plugin-denied".to_owned(),
            Self::PassedOver { .. } => PASSED_OVER.to_owned(),
            Self::Limited(limited) => limited.code().replace('_', "-"),
            Self::Reported(_) | Self::Call(_) | Self::OutOfTime => word(self.kind()).to_owned(),
        }
    }

    /// Words that its sender may read.
    pub fn message(&self) -> String {
        match self {
            Self::Reported(failure) => failure.message.clone(),
            Self::Plugin { plugin, step, fault } => {
                format!("The plugin `{plugin}` failed in `{step}`: {fault}.")
            }
            Self::Call(error) => format!("The call to the upstream failed: {error}."),
            Self::PassedOver { why } => format!("No candidate is available: {why}."),
            Self::Limited(limited) => limited.message.clone(),
            Self::OutOfTime => "The request's time was over before an answer came.".to_owned(),
        }
    }

    /// The upstream's own code.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Reported(failure) => failure.code.as_deref(),
            _ => None,
        }
    }

    /// The field of the request that the upstream complains of, where its plugin says.
    pub fn param(&self) -> Option<String> {
        let Self::Reported(failure) = self else { return None };
        let (_, param) = failure.extra.iter().find(|(name, _)| name == "param")?;
        serde_json::from_str(param).ok()
    }

    /// How long the upstream wants to be left alone; where it was not asked, when it is worth
    /// asking again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Reported(failure) => failure.retry_after_ms.map(Duration::from_millis),
            Self::PassedOver { .. } => Some(Duration::from_secs(1)),
            Self::Limited(limited) => limited.retry_after,
            _ => None,
        }
    }
}

/// A request that was found to be wrong when it was to be put into another dialect.
impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal.param {
            Some(param) => Self::about(FailureKind::InvalidRequest, refusal.message, &param),
            None => Self::reported(FailureKind::InvalidRequest, refusal.message),
        }
    }
}

/// A failure with nothing but the necessary.
pub fn reported(kind: FailureKind, message: String) -> Reported {
    let (status, code, retry_after_ms) = (None, None, None);
    Reported { kind, message, status, code, retry_after_ms, extra: Vec::new() }
}

/// The contract's kinds as words.
fn word(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::InvalidRequest => "invalid-request",
        FailureKind::Authentication => "authentication",
        FailureKind::Permission => "permission",
        FailureKind::NotFound => "not-found",
        FailureKind::RateLimited => "rate-limited",
        FailureKind::QuotaExhausted => "quota-exhausted",
        FailureKind::ContextTooLong => "context-too-long",
        FailureKind::ContentRefused => "content-refused",
        FailureKind::Overloaded => "overloaded",
        FailureKind::TimedOut => "timed-out",
        FailureKind::Cancelled => "cancelled",
        FailureKind::Malformed => "malformed",
        FailureKind::Unsupported => "unsupported",
        FailureKind::Upstream => "upstream",
        FailureKind::Other => "other",
    }
}
