//! What went wrong, by Claude Code's words for it and by our own.
//!
//! A run that fails says why in its result, on standard output, and ends with a status other
//! than 0. What kind of failure it is stands in up to four places, none of which is always there:
//! the message's own words, the word beside the assistant's message, the status of the API, and
//! the result's subtype. (A result's `subtype` is "success" for an error of the API.)

use portcullis_sdk::capabilities::clock;
use portcullis_sdk::openai::ErrorBody;
use portcullis_sdk::provider::{Failure, FailureKind, ReplyHead, error_failure};
use serde_json::Value;

/// The request is wrong.
pub(crate) fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::InvalidRequest, message)
}

/// The request is good, but not for a command line.
pub(crate) fn unsupported(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Unsupported, message)
}

/// What was printed is not what Claude Code prints.
pub(crate) fn malformed(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Malformed, message)
}

/// Words of messages, in lower case, and what they mean. The first that is found counts.
/// https://code.claude.com/docs/en/errors
const WORDS: [(&str, FailureKind); 12] = [
    ("prompt is too long", FailureKind::ContextTooLong),
    ("legal/aup", FailureKind::ContentRefused),
    ("safeguards flagged", FailureKind::ContentRefused),
    ("credit balance", FailureKind::QuotaExhausted),
    ("spend limit", FailureKind::QuotaExhausted),
    ("you've hit your", FailureKind::RateLimited),
    ("usage limit reached", FailureKind::RateLimited),
    ("/login", FailureKind::Authentication),
    ("invalid api key", FailureKind::Authentication),
    ("selected model", FailureKind::NotFound),
    ("overloaded", FailureKind::Overloaded),
    ("timed out", FailureKind::TimedOut),
];

/// The failure that a result amounts to, with what came before it: the word beside an assistant's
/// message, and when a limit ends, in seconds since the Unix epoch.
pub(crate) fn of_result(result: &Value, word: Option<&str>, resets_at: Option<u64>) -> Failure {
    let errors = result["errors"].as_array().into_iter().flatten();
    let said = [&result["result"]].into_iter().chain(errors).filter_map(Value::as_str);
    let said: Vec<&str> = said.filter(|said| !said.is_empty()).collect();
    let subtype = result["subtype"].as_str().filter(|subtype| *subtype != "success");
    let message = match said.as_slice() {
        [] => format!("Claude Code ended with {}", subtype.unwrap_or("an error without a word")),
        said => said.join("; "),
    };
    let status = result["api_error_status"].as_u64().and_then(|status| u16::try_from(status).ok());
    let kind = by_words(&message)
        .or_else(|| by_code(word?))
        .or_else(|| Some(error_failure(Some(status?), ErrorBody::default()).kind))
        .or_else(|| by_code(subtype?))
        .unwrap_or(FailureKind::Upstream);
    let code = word.or(subtype).map(str::to_owned);
    // Older versions put the time behind the words: "Claude AI usage limit reached|1760000000".
    let older =
        message.rsplit_once('|').and_then(|(said, end)| Some((said, Some(end.parse().ok()?))));
    let (message, resets_at) = older.unwrap_or((&message, resets_at));
    let retry_after_ms = resets_at
        .filter(|_| kind == FailureKind::RateLimited)
        .and_then(|seconds| seconds.saturating_mul(1000).checked_sub(clock::now_ms()));
    Failure { status, code, retry_after_ms, ..Failure::new(kind, message) }
}

fn by_words(message: &str) -> Option<FailureKind> {
    let message = message.to_lowercase();
    WORDS.iter().find(|(words, _)| message.contains(words)).map(|(_, kind)| *kind)
}

/// https://code.claude.com/docs/en/agent-sdk/typescript, `SDKAssistantMessageError` and the
/// subtypes of `SDKResultMessage`.
fn by_code(word: &str) -> Option<FailureKind> {
    Some(match word {
        "authentication_failed" | "oauth_org_not_allowed" => FailureKind::Authentication,
        "billing_error" | "error_max_budget_usd" => FailureKind::QuotaExhausted,
        "rate_limit" => FailureKind::RateLimited,
        "overloaded" => FailureKind::Overloaded,
        "invalid_request" => FailureKind::InvalidRequest,
        "model_not_found" => FailureKind::NotFound,
        // The operator's bounds, and answers that did not come to fit: another try does the
        // same, and has its price.
        "error_max_turns" | "max_output_tokens" => FailureKind::Other,
        "error_max_structured_output_retries" => FailureKind::Malformed,
        _ => return None,
    })
}

/// Reads what a run left that ended with a status other than 0: its result where it came to
/// one, or else what it complained of.
pub(crate) fn refused(head: &ReplyHead, body: &[u8]) -> Failure {
    let said = String::from_utf8_lossy(body);
    let printed: Value = serde_json::from_str(&said).unwrap_or_default();
    let last = printed.as_array().and_then(|all| all.last()).unwrap_or(&printed);
    if last["type"] == "result" {
        return of_result(last, None, None);
    }
    let words = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    // "exit-status 1", or "exit-signal 9".
    let end = head.headers.iter().map(|(name, value)| format!(" ({name} {value})"));
    let message = format!("Claude Code ended early{}: {words}", end.collect::<String>());
    let message = message.trim_end_matches([':', ' ']);
    Failure::new(by_words(words).unwrap_or(FailureKind::Other), message)
}
