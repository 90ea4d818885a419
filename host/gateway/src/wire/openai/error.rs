//! An error in the shape that the official SDKs read.
//!
//! `{"error": {"message", "type", "param", "code"}}`: any other shape loses the message. The
//! class of the exception that a user sees follows from the HTTP status.

use crate::contract::FailureKind;
use crate::failure::Failure;
use crate::refusal::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Serialize)]
struct Envelope<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<&'a str>,
    code: &'a str,
}

/// The refusal as a JSON body, or as the data of a last event.
pub fn body(refusal: &Refusal) -> String {
    let error = Error {
        message: &refusal.message,
        kind: kind(refusal.status.as_u16()),
        param: refusal.param.as_deref(),
        code: &refusal.code,
    };
    serde_json::to_string(&Envelope { error }).unwrap_or_default()
}

fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// What an upstream says of its failure in the place of an answer, or in the middle of one.
pub fn failure(error: &RawValue) -> Failure {
    #[derive(Deserialize)]
    struct Said {
        message: Option<String>,
        code: Option<serde_json::Value>,
    }
    let said: Option<Said> = serde_json::from_str(error.get()).ok();
    let (message, code) = said.map_or((None, None), |said| (said.message, said.code));
    let message = message.unwrap_or_else(|| "The upstream failed in its answer.".to_owned());
    let code = code.and_then(|code| code.as_str().map(str::to_owned));
    Failure::coded(FailureKind::Upstream, message, code)
}

/// A reply that should have been JSON.
pub fn no_json(text: &str, error: &serde_json::Error) -> Failure {
    let what = if text.is_empty() { "nothing".to_owned() } else { format!("no JSON ({error})") };
    Failure::reported(FailureKind::Malformed, format!("The upstream answered with {what}."))
}

/// An event that should have been JSON.
pub fn no_json_event(error: &serde_json::Error) -> Failure {
    let message = format!("The upstream sent an event that is no JSON ({error}).");
    Failure::reported(FailureKind::Malformed, message)
}
