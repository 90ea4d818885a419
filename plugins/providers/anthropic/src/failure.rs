//! What went wrong, by this vendor's words for it and by our own.

use crate::written;
use portcullis_sdk::provider::{Failure, FailureKind, ReplyHead, header, read_refusal};
use serde_json::Value;

/// The request is wrong.
pub(crate) fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::InvalidRequest, message)
}

/// The request is good, but not for this vendor.
pub(crate) fn unsupported(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Unsupported, message)
}

/// The upstream sent what is not its protocol.
pub(crate) fn malformed(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Malformed, message)
}

/// Reads a reply that is not a success.
pub(crate) fn refused(head: &ReplyHead, body: &[u8]) -> Failure {
    let mut failure = judged(read_refusal(head, body));
    let reply: Value = serde_json::from_str(&String::from_utf8_lossy(body)).unwrap_or_default();
    if reply["error"]["details"]["error_code"] == "enforced_spend_limit_reached" {
        failure.kind = FailureKind::QuotaExhausted;
    }
    // What the vendor's support asks for.
    let id = header(head, "request-id").map(|id| written(&id.into()));
    failure.extra.extend(id.map(|id| ("request_id".to_owned(), id)));
    failure
}

/// The failure, its kind mended where the vendor says more by its type, or in words only, than
/// the statuses of HTTP do.
pub(crate) fn judged(failure: Failure) -> Failure {
    const WORDS: [(&str, FailureKind); 6] = [
        ("prompt is too long", FailureKind::ContextTooLong),
        ("exceed context limit", FailureKind::ContextTooLong),
        ("credit balance is too low", FailureKind::QuotaExhausted),
        ("API usage limits", FailureKind::QuotaExhausted),
        ("not supported for this model", FailureKind::Unsupported),
        ("does not support", FailureKind::Unsupported),
    ];
    let kind = match (failure.kind, failure.code.as_deref()) {
        (_, Some("billing_error")) => FailureKind::QuotaExhausted,
        // Too many bytes for this upstream; another may take them, as with too many tokens.
        (_, Some("request_too_large")) => FailureKind::ContextTooLong,
        (FailureKind::InvalidRequest, _) => {
            let said = WORDS.iter().find(|(words, _)| failure.message.contains(words));
            said.map_or(failure.kind, |(_, kind)| *kind)
        }
        (kind, _) => kind,
    };
    Failure { kind, ..failure }
}
