//! Errors in OpenAI's shape.
//!
//! Each message begins with `scripted`, so that a test can tell it from one which something
//! between it and this server made up.

use http::StatusCode;
use serde_json::{Value, json};

/// An error, and the headers that go with it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<&'static str>,
    message: String,
}

impl Failure {
    /// The error of the model `error-…`.
    pub(crate) fn of_status(status: u16) -> Failure {
        let (kind, code, message) = match status {
            400 => ("invalid_request_error", None, "temperature must not be above 2."),
            401 => ("invalid_request_error", Some("invalid_api_key"), "the API key is wrong."),
            403 => ("permission_error", Some("unsupported_country"), "this is not allowed."),
            404 => ("invalid_request_error", Some("model_not_found"), "there is no such model."),
            409 => ("conflict_error", None, "another request was faster."),
            422 => ("invalid_request_error", None, "the messages could not be processed."),
            429 => ("requests", Some("rate_limit_exceeded"), "too many requests a minute."),
            500 => ("server_error", None, "the server had an error."),
            503 => ("server_error", Some("server_overloaded"), "the model is overloaded."),
            529 => ("overloaded_error", None, "the service is overloaded."),
            _ if status < 500 => ("invalid_request_error", None, "the request is at fault."),
            _ => ("server_error", None, "the server is at fault."),
        };
        let headers = match status {
            429 => vec![("retry-after", "1"), ("retry-after-ms", "20")],
            503 => vec![("retry-after-ms", "20")],
            _ => vec![],
        };
        let param = (status == 400).then_some("temperature");
        let message = format!("scripted {status}: {message}");
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        Failure { status, headers, kind, code, param, message }
    }

    pub(crate) fn context_too_long() -> Failure {
        Failure {
            code: Some("context_length_exceeded"),
            param: Some("messages"),
            ..Failure::invalid(
                "scripted 400: this model's maximum context length is 8192 tokens, but your \
                 messages have 9000.",
            )
        }
    }

    pub(crate) fn quota() -> Failure {
        Failure {
            status: StatusCode::TOO_MANY_REQUESTS,
            kind: "insufficient_quota",
            code: Some("insufficient_quota"),
            ..Failure::invalid("scripted 429: you exceeded your current quota.")
        }
    }

    /// A request that the server itself cannot make sense of.
    pub(crate) fn invalid(message: impl Into<String>) -> Failure {
        Failure {
            status: StatusCode::BAD_REQUEST,
            headers: Vec::new(),
            kind: "invalid_request_error",
            code: None,
            param: None,
            message: message.into(),
        }
    }

    pub(crate) fn unknown_model(model: &str) -> Failure {
        Failure {
            status: StatusCode::NOT_FOUND,
            code: Some("model_not_found"),
            param: Some("model"),
            ..Failure::invalid(format!(
                "the model `{model}` is not scripted; GET /v1/models lists those that are."
            ))
        }
    }

    pub(crate) fn unknown_path(path: &str) -> Failure {
        Failure {
            status: StatusCode::NOT_FOUND,
            code: Some("unknown_url"),
            ..Failure::invalid(format!("there is nothing at {path}."))
        }
    }

    pub(crate) fn body(&self) -> Value {
        error(&self.message, self.kind, self.code, self.param)
    }
}

/// The error that a stream carries in one of its events.
pub(crate) fn exploded() -> Value {
    let message = "scripted: the model exploded while it answered.";
    error(message, "server_error", Some("model_exploded"), None)
}

fn error(message: &str, kind: &str, code: Option<&str>, param: Option<&str>) -> Value {
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}
