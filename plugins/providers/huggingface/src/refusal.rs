//! What errors mean: the hub's, which are words or lists of them, and those of TGI and TEI, which
//! have a type beside the words.

use portcullis_sdk::prelude::*;

/// Words that say more than the status does.
const WORDS: [(&str, FailureKind); 7] = [
    // "Model m is currently loading"
    ("currently loading", FailureKind::Overloaded),
    // A 429 there, though nobody was asked too often.
    ("is overloaded", FailureKind::Overloaded),
    // "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: …"
    ("`max_new_tokens` must be <=", FailureKind::ContextTooLong),
    ("`inputs` must have less than", FailureKind::ContextTooLong),
    // "The requested model 'm' is not supported by any provider you have enabled."
    ("supported by any provider", FailureKind::NotFound),
    ("supported by provider", FailureKind::NotFound),
    // "grammar is not supported", "image modality is not supported": another may.
    ("is not supported", FailureKind::Unsupported),
];

/// The failure with what an error's JSON says in places of its own.
pub(crate) fn finer(mut failure: Failure, said: View<'_>) -> Failure {
    let words: Vec<_> = said.get("error").items().map(View::text).collect();
    if !words.is_empty() {
        failure.message = words.join("; ");
    }
    // In seconds, until a model is thought to be loaded.
    let time = said.get("estimated_time").as_f64().and_then(milliseconds);
    failure.retry_after_ms = time.or(failure.retry_after_ms);
    failure.code = said.get("error_type").some_text().or(failure.code);
    if failure.status == Some(424) {
        // The model behind the server failed.
        failure.kind = FailureKind::Upstream;
    }
    failure.judged(&WORDS)
}
