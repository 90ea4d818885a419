//! What Ollama's errors mean. They are words and a status, and in the middle of a stream they
//! are words alone; where these say more than the status does, they count.

use portcullis_sdk::prelude::*;

/// Words of Ollama's own, and of the runners that it passes on.
const WORDS: [(&str, FailureKind); 8] = [
    // "model \"m\" not found, try pulling it first"
    ("try pulling it", FailureKind::NotFound),
    // "m does not support tools", "… thinking", "… chat": another model may.
    ("does not support", FailureKind::Unsupported),
    // Tokens in place of texts to embed.
    ("invalid input type", FailureKind::Unsupported),
    ("context length", FailureKind::ContextTooLong),
    ("context size", FailureKind::ContextTooLong),
    // An option of a wrong type; the status is 500.
    ("must be of type", FailureKind::InvalidRequest),
    // A model that takes too long to load.
    ("timed out waiting", FailureKind::TimedOut),
    // The sender went away; the status is 499.
    ("request canceled", FailureKind::Cancelled),
];

/// The failure with the kind that its words give it. Words about a connection of Ollama's own
/// name an address, and are not shown.
pub(crate) fn in_ollamas_words(failure: Failure) -> Failure {
    let has = |words: &str| failure.message.contains(words);
    if has("dial tcp") || has("\"http") {
        let message = "the upstream could not reach what runs the model".to_owned();
        return Failure { message, ..failure };
    }
    failure.judged(&WORDS)
}
