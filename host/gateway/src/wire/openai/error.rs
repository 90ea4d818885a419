//! An error in the shape that the official SDKs read.
//!
//! `{"error": {"message", "type", "param", "code"}}`: any other shape loses the message. The
//! class of the exception that a user sees follows from the HTTP status.

use crate::refusal::Refusal;
use serde::Serialize;

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
