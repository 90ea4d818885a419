//! Errors as Google writes them: a status, a word for it, and details of many kinds.

use crate::request::text;
use portcullis_sdk::openai::ErrorBody;
use portcullis_sdk::provider::{Failure, FailureKind, ReplyHead, error_failure, retry_after_ms};
use serde_json::Value;

/// Reads a reply that is not a success. What is not Google's has a status at least.
pub(crate) fn refused(head: &ReplyHead, body: &[u8]) -> Failure {
    let reply = serde_json::from_str(&String::from_utf8_lossy(body)).unwrap_or_default();
    let failure = failure(Some(head.status), &reply)
        .unwrap_or_else(|| error_failure(Some(head.status), ErrorBody::default()));
    let retry_after_ms = failure.retry_after_ms.or_else(|| retry_after_ms(head));
    Failure { retry_after_ms, ..failure }
}

/// The failure that a reply amounts to: under this status, or the one that it names itself.
/// `None` where it reports none. Some errors come as the only element of a list.
pub(crate) fn failure(status: Option<u16>, reply: &Value) -> Option<Failure> {
    let error =
        [&reply["error"], &reply[0]["error"]].into_iter().find(|error| error.is_object())?;
    let status = status.or_else(|| error["code"].as_u64()?.try_into().ok());
    let message = error["message"].as_str().unwrap_or("the upstream says not why");
    let word = error["status"].as_str();
    // Each kind of detail has fields of its own.
    let details = || error["details"].as_array().into_iter().flatten();
    let detail = |name: &str| details().find_map(|detail| detail[name].as_str());
    let reason = detail("reason");
    let key = reason == Some("API_KEY_INVALID") || message.starts_with("API key ");
    let kind = match word.unwrap_or_default() {
        "INVALID_ARGUMENT" if key => FailureKind::Authentication,
        "INVALID_ARGUMENT" if message.contains("exceeds the maximum number of tokens") => {
            FailureKind::ContextTooLong
        }
        "INVALID_ARGUMENT" | "OUT_OF_RANGE" => FailureKind::InvalidRequest,
        "UNAUTHENTICATED" => FailureKind::Authentication,
        // The country or the account, not the request.
        "PERMISSION_DENIED" | "FAILED_PRECONDITION" => FailureKind::Permission,
        "NOT_FOUND" => FailureKind::NotFound,
        // Credits that were paid for are used up.
        "RESOURCE_EXHAUSTED" if status == Some(402) => FailureKind::QuotaExhausted,
        "RESOURCE_EXHAUSTED" => FailureKind::RateLimited,
        "UNAVAILABLE" => FailureKind::Overloaded,
        "DEADLINE_EXCEEDED" => FailureKind::TimedOut,
        "UNIMPLEMENTED" => FailureKind::Unsupported,
        "INTERNAL" | "UNKNOWN" | "DATA_LOSS" | "ABORTED" => FailureKind::Upstream,
        _ => error_failure(status, ErrorBody::default()).kind,
    };
    let field = details().find_map(|detail| detail["fieldViolations"][0]["field"].as_str());
    let extra = [("reason", reason), ("param", field)].into_iter();
    let extra = extra.filter_map(|(name, value)| Some((name.to_owned(), text(&value?.into()))));
    Some(Failure {
        status,
        code: word.map(str::to_owned),
        retry_after_ms: detail("retryDelay").and_then(milliseconds),
        extra: extra.collect(),
        ..Failure::new(kind, message)
    })
}

/// "34.074824224s", the form of a duration in JSON.
fn milliseconds(duration: &str) -> Option<u64> {
    let seconds: f64 = duration.strip_suffix('s')?.parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0).then_some((seconds * 1000.0).ceil() as u64)
}
