//! What can go wrong, and errors in OpenAI's shape.
//!
//! Each message begins with `scripted`, so that a test can tell it from one which something
//! between it and this server made up. Only words by which vendors' errors have to be told apart
//! stand as their documentation has them.

use http::StatusCode;
use serde_json::{Value, json};

/// What goes wrong, whoever says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request breaks the protocol's rules.
    InvalidRequest,
    /// The key is not one.
    Authentication,
    /// The key may not do this.
    Permission,
    /// There is no such model.
    NotFound,
    /// The prompt is longer than the model can read.
    ContextTooLong,
    /// What is asked for is against the rules.
    ContentRefused,
    /// Too much in too short a time.
    RateLimited,
    /// What was paid for is used up.
    QuotaExhausted,
    /// There is more to do than can be done.
    Overloaded,
    /// The model is not in memory yet.
    Loading,
    /// The server is at fault.
    Upstream,
    /// It took longer than the server waits.
    TimedOut,
    /// The model cannot call tools.
    NoTools,
    /// The model cannot see.
    NoVision,
}

impl Fault {
    /// The names, as they stand behind `fails-`.
    pub(crate) const NAMES: [(&str, Fault); 14] = [
        ("invalid-request", Fault::InvalidRequest),
        ("authentication", Fault::Authentication),
        ("permission", Fault::Permission),
        ("not-found", Fault::NotFound),
        ("context-too-long", Fault::ContextTooLong),
        ("content-refused", Fault::ContentRefused),
        ("rate-limited", Fault::RateLimited),
        ("quota-exhausted", Fault::QuotaExhausted),
        ("overloaded", Fault::Overloaded),
        ("loading", Fault::Loading),
        ("upstream", Fault::Upstream),
        ("timed-out", Fault::TimedOut),
        ("no-tools", Fault::NoTools),
        ("no-vision", Fault::NoVision),
    ];

    /// What a status says.
    pub(crate) fn of_status(status: u16) -> Fault {
        match status {
            401 => Fault::Authentication,
            403 => Fault::Permission,
            404 => Fault::NotFound,
            429 => Fault::RateLimited,
            503 | 529 => Fault::Overloaded,
            408 | 504 => Fault::TimedOut,
            _ if status < 500 => Fault::InvalidRequest,
            _ => Fault::Upstream,
        }
    }
}

/// An error, and the headers that go with it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: Value,
}

/// How long a client is asked to wait, where it is: longer than a gateway does by itself.
pub(crate) const LONG: &str = "30";

impl Failure {
    /// An error of this status, which has to be one.
    pub(crate) fn new(status: u16, body: Value) -> Failure {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        Failure { status, headers: Vec::new(), body }
    }

    /// The same with a header.
    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Failure {
        self.headers.push((name, value));
        self
    }

    /// What a vendor's server says where it has no words for what the script wants. No client
    /// ever gets this from the vendor itself.
    pub(crate) fn wordless() -> Failure {
        let message = "scripted: this protocol has no form for what the script says.";
        Failure::new(501, json!({"error": {"message": message, "type": "cannot_say"}}))
    }

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
        let param = (status == 400).then_some("temperature");
        let message = format!("scripted {status}: {message}");
        let failure = Failure::new(status, error(&message, kind, code, param));
        match status {
            429 => failure.header("retry-after", "1").header("retry-after-ms", "20"),
            503 => failure.header("retry-after-ms", "20"),
            _ => failure,
        }
    }

    pub(crate) fn context_too_long() -> Failure {
        let message = "scripted 400: this model's maximum context length is 8192 tokens, but your \
                       messages have 9000.";
        let code = Some("context_length_exceeded");
        Failure::new(400, error(message, "invalid_request_error", code, Some("messages")))
    }

    pub(crate) fn quota() -> Failure {
        let (message, code) =
            ("scripted 429: you exceeded your current quota.", "insufficient_quota");
        Failure::new(429, error(message, code, Some(code), None))
    }

    /// OpenAI's words, by <https://platform.openai.com/docs/guides/error-codes/api-errors>.
    /// `None`: it has none of its own.
    pub(crate) fn of(fault: Fault) -> Option<Failure> {
        let invalid = |code, param, message: &str| {
            Failure::new(400, error(message, "invalid_request_error", Some(code), param))
        };
        Some(match fault {
            Fault::InvalidRequest => Failure::of_status(400),
            Fault::Authentication => Failure::of_status(401),
            Fault::Permission => Failure::of_status(403),
            Fault::NotFound => Failure::of_status(404),
            Fault::ContextTooLong => Failure::context_too_long(),
            Fault::ContentRefused => invalid(
                "content_policy_violation",
                None,
                "scripted 400: your request was rejected by our safety system.",
            ),
            Fault::RateLimited => {
                let words = "scripted 429: too many requests a minute.";
                let body = error(words, "requests", Some("rate_limit_exceeded"), None);
                Failure::new(429, body).header("retry-after", LONG)
            }
            Fault::QuotaExhausted => Failure::quota(),
            Fault::Overloaded => {
                let words = "scripted 503: the engine is currently overloaded.";
                let body = error(words, "server_error", Some("server_overloaded"), None);
                Failure::new(503, body).header("retry-after", LONG)
            }
            Fault::Upstream => Failure::of_status(500),
            Fault::NoTools => invalid(
                "unsupported_parameter",
                Some("tools"),
                "Unsupported parameter: 'tools' is not supported with this model.",
            ),
            Fault::NoVision => {
                let words = "Invalid content type. image_url is only supported by certain models.";
                let param = Some("messages.[0].content.[1].type");
                Failure::new(400, error(words, "invalid_request_error", None, param))
            }
            Fault::Loading | Fault::TimedOut => return None,
        })
    }

    /// A request that the server itself cannot make sense of.
    pub(crate) fn invalid(message: impl AsRef<str>) -> Failure {
        Failure::new(400, error(message.as_ref(), "invalid_request_error", None, None))
    }

    pub(crate) fn unknown_model(model: &str) -> Failure {
        let message =
            format!("the model `{model}` is not scripted; GET /v1/models lists those that are.");
        let code = Some("model_not_found");
        Failure::new(404, error(&message, "invalid_request_error", code, Some("model")))
    }

    pub(crate) fn unknown_path(path: &str) -> Failure {
        let message = format!("there is nothing at {path}.");
        Failure::new(404, error(&message, "invalid_request_error", Some("unknown_url"), None))
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
