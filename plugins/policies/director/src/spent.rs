//! What conversations spent on expensive models, counted in `kv`.
//!
//! Each is a counter, so that several gateways on one ledger lose nothing of each other's. Without
//! the grant, or where the store does not answer, nothing was spent as far as is known.

use portcullis_sdk::capabilities::kv;
use portcullis_sdk::policy::{Outcome, Patterns};

/// The label that names a conversation.
pub(crate) const CONVERSATION: &str = "conversation";
/// For how long a conversation is counted, from its first request on.
const A_WEEK_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

/// Tokens that a conversation spent.
pub(crate) fn by(conversation: &str) -> u64 {
    let counter = kv::get(&key(conversation)).ok().flatten();
    let counter = counter.and_then(|bytes| bytes.try_into().ok()).map(i64::from_le_bytes);
    counter.and_then(|tokens| u64::try_from(tokens).ok()).unwrap_or(0)
}

/// Counts what came of these models, for their conversations.
pub(crate) fn count(models: &Patterns, outcomes: &[Outcome]) {
    for outcome in outcomes.iter().filter(|outcome| models.names(&outcome.candidate)) {
        let conversation = outcome.labels.iter().find(|(name, _)| name == CONVERSATION);
        let (Some((_, conversation)), Some(usage)) = (conversation, &outcome.usage) else {
            continue;
        };
        let tokens = usage.input_tokens.unwrap_or(0) + usage.output_tokens.unwrap_or(0);
        // What cannot be counted was not spent, as far as is known.
        let _ = kv::increment(&key(conversation), tokens as i64, Some(A_WEEK_MS));
    }
}

fn key(conversation: &str) -> String {
    format!("spent/{conversation}")
}
