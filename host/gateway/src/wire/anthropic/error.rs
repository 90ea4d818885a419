//! An error in the shape that the official SDKs of this dialect read, and such errors read.
//!
//! <https://platform.claude.com/docs/en/api/errors>

use crate::contract::FailureKind;
use crate::failure::Failure;
use crate::refusal::Refusal;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// The refusal as a value: the whole body, or the data of an `error` event.
pub fn value(refusal: &Refusal) -> Value {
    let mut error = json!({ "type": kind(refusal), "message": refusal.message });
    // Beside the fields of this dialect, those that tell more than it has words for.
    error["code"] = refusal.code.as_str().into();
    if let Some(param) = &refusal.param {
        error["param"] = param.as_str().into();
    }
    json!({ "type": "error", "error": error })
}

/// The status of a refusal: this dialect has one of its own for who has too much to do.
pub fn status(refusal: &Refusal) -> StatusCode {
    match refusal.status {
        StatusCode::SERVICE_UNAVAILABLE => StatusCode::from_u16(529).unwrap_or(refusal.status),
        status => status,
    }
}

fn kind(refusal: &Refusal) -> &'static str {
    match refusal.status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        408 | 504 => "timeout_error",
        503 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// What an upstream says of its failure in the middle of an answer.
pub fn failure(said: &str) -> Failure {
    #[derive(Deserialize)]
    struct Said {
        error: Error,
    }
    #[derive(Deserialize)]
    struct Error {
        #[serde(rename = "type")]
        kind: String,
        message: String,
    }
    let Ok(Said { error }) = serde_json::from_str(said) else {
        return Failure::reported(FailureKind::Upstream, "The upstream failed in its answer.");
    };
    let kind = match error.kind.as_str() {
        "overloaded_error" => FailureKind::Overloaded,
        "rate_limit_error" => FailureKind::RateLimited,
        "timeout_error" => FailureKind::TimedOut,
        "invalid_request_error" => FailureKind::InvalidRequest,
        _ => FailureKind::Upstream,
    };
    Failure::coded(kind, error.message, Some(error.kind))
}
