//! What went wrong, by this vendor's words for it.

use portcullis_sdk::prelude::*;

/// What is said in words only.
const WORDS: [(&str, FailureKind); 7] = [
    ("content filtering policy", FailureKind::ContentRefused),
    ("prompt is too long", FailureKind::ContextTooLong),
    ("exceed context limit", FailureKind::ContextTooLong),
    ("credit balance is too low", FailureKind::QuotaExhausted),
    ("API usage limits", FailureKind::QuotaExhausted),
    ("not supported for this model", FailureKind::Unsupported),
    ("does not support", FailureKind::Unsupported),
];

/// Reads a reply that is not a success.
pub(crate) fn refused(head: &ReplyHead, body: &[u8]) -> Failure {
    let mut failure = judged(read_refusal(head, body));
    let mut tape = Tape::default();
    let details = read_body(body, &mut tape).get("error").get("details");
    if details.get("error_code") == "enforced_spend_limit_reached" {
        failure.kind = FailureKind::QuotaExhausted;
    }
    // What the vendor's support asks for.
    failure.extra.extend(extra([("request_id", header(head, "request-id").into())]));
    failure
}

/// The failure, its kind mended where the vendor says more by its type, or in words only, than
/// the statuses of HTTP do.
pub(crate) fn judged(failure: Failure) -> Failure {
    let kind = match (failure.kind, failure.code.as_deref()) {
        (_, Some("billing_error")) => FailureKind::QuotaExhausted,
        // Too many bytes for this upstream; another may take them, as with too many tokens.
        (_, Some("request_too_large")) => FailureKind::ContextTooLong,
        (FailureKind::InvalidRequest, _) => return failure.judged(&WORDS),
        (kind, _) => kind,
    };
    Failure { kind, ..failure }
}
