//! What errors mean: the hub's, which are words or lists of them, and those of TGI and TEI, which
//! have a type beside the words.

use portcullis_sdk::openai::ErrorBody;
use portcullis_sdk::provider::{Failure, FailureKind, ReplyHead, error_failure, read_refusal};
use serde_json::Value;

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

/// A reply that is not a success.
pub(crate) fn read(head: &ReplyHead, body: &[u8]) -> Failure {
    finer(read_refusal(head, body), std::str::from_utf8(body).unwrap_or_default())
}

/// An error under the status of a success.
pub(crate) fn in_a_stream(text: &str) -> Failure {
    finer(error_failure(None, ErrorBody::read(text.as_bytes()).unwrap_or_default()), text)
}

fn finer(mut failure: Failure, body: &str) -> Failure {
    let said: Value = serde_json::from_str(body).unwrap_or_default();
    if let Some(list) = said["error"].as_array() {
        failure.message = list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ");
    }
    // In seconds, until a model is thought to be loaded.
    let time = said["estimated_time"].as_f64().map(|time| (time * 1000.0).ceil() as u64);
    failure.retry_after_ms = time.or(failure.retry_after_ms);
    failure.code = said["error_type"].as_str().map(str::to_owned).or(failure.code);
    if failure.status == Some(424) {
        // The model behind the server failed.
        failure.kind = FailureKind::Upstream;
    }
    let known = WORDS.iter().find(|(words, _)| failure.message.contains(words));
    Failure { kind: known.map_or(failure.kind, |(_, kind)| *kind), ..failure }
}
