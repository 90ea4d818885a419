//! How somebody rated an answer: noted in its record, and told to the policies that sent it there.

use crate::gateway::Gateway;
use crate::observe;
use serde::Deserialize;

/// What is sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rating {
    /// The id of the request, as it stands in its answer's `x-request-id`.
    pub request: String,
    /// From -1 (useless) to 1 (as good as can be).
    pub rating: f32,
}

/// Why it was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RatingError {
    /// It is no rating.
    #[error(
        "{0}; expected {{\"request\": \"ID\", \"rating\": NUMBER}}, with a number from -1 to 1"
    )]
    Malformed(String),
    /// There is no record of the request any more, or none yet.
    #[error("no request {0:?} is among those that are kept and over")]
    Unknown(String),
    /// There is no answer that it could be of.
    #[error("nobody answered the request {0:?}")]
    Unanswered(String),
}

/// Takes a rating. A further one of the same request replaces it in the record, and policies hear
/// of both.
///
/// # Errors
///
/// Why it was not taken.
pub fn rate(gateway: &Gateway, body: &[u8]) -> Result<(), RatingError> {
    let malformed = |why: String| RatingError::Malformed(why);
    let Rating { request, rating } =
        serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))?;
    if !(-1.0..=1.0).contains(&rating) {
        return Err(malformed(format!("{rating} is no rating")));
    }
    let record = gateway.records.rate(&request, rating);
    let Some(record) = record else { return Err(RatingError::Unknown(request)) };
    let Some(candidate) = &record.candidate else { return Err(RatingError::Unanswered(request)) };
    let deployment = gateway.deployment();
    // Those that are configured at present: what they keep may be older than they are.
    let named = |policy: &&std::sync::Arc<_>| is_named(&record.observers, policy);
    let observers: Vec<_> = deployment.policies.iter().filter(named).cloned().collect();
    observe::tell_rating(&observers, &record, candidate, rating);
    Ok(())
}

fn is_named(names: &[std::sync::Arc<str>], policy: &crate::policy::Policy) -> bool {
    names.contains(&policy.name) && policy.wants_outcomes()
}
