//! What a client is told instead of an answer: a status, a stable code, safe words.

use crate::config::Naming;
use crate::contract::FailureKind;
use crate::failure::{Failure, Limited, LimitedBy};
use crate::limits::Header;
use crate::request::Operation;
use http::StatusCode;
use std::time::Duration;

/// A refusal, before it is put in the client's dialect.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// Stable; programs may depend on it.
    pub code: String,
    /// For people. Holds nothing that the client may not know.
    pub message: String,
    /// The field of the request that it is about.
    pub param: Option<String>,
    /// When it makes sense to try again.
    pub retry_after: Option<Duration>,
    /// What `x-should-retry` says to SDKs that obey it; `None` leaves it to them.
    pub should_retry: Option<bool>,
    /// What else its client is told: how its limits stand, and why it came to this where it asked.
    pub headers: Vec<Header>,
}

impl Refusal {
    /// A refusal with nothing but the necessary.
    pub fn new(status: StatusCode, code: &str, message: String) -> Self {
        let code = code.to_owned();
        let (param, retry_after, should_retry, headers) = (None, None, None, Vec::new());
        Self { status, code, message, param, retry_after, should_retry, headers }
    }

    /// The request is not one.
    pub fn invalid(message: String, param: Option<&str>) -> Self {
        let param = param.map(str::to_owned);
        Self { param, ..Self::new(StatusCode::BAD_REQUEST, "invalid_request", message) }
    }

    /// A field that has to be there is not.
    pub fn missing(param: &str) -> Self {
        let message = format!("`{param}` is missing.");
        let param = Some(param.to_owned());
        Self { param, ..Self::new(StatusCode::BAD_REQUEST, "missing_field", message) }
    }

    /// The body is larger than the operator allows.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("The body is larger than the {limit} bytes that this gateway takes.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
    }

    /// The body did not come.
    pub fn slow_body(patience: Duration) -> Self {
        let message = format!("No more of the body came within {} ms.", patience.as_millis());
        Self::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", message)
    }

    /// The body is something else.
    pub fn not_json(kind: &str) -> Self {
        let message = format!("The content-type is {kind:?}; expected application/json.");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", message)
    }

    /// The address takes another method.
    pub fn wrong_method(method: &http::Method, path: &str, allowed: &http::Method) -> Self {
        let message = format!("{path} takes {allowed}, not {method}.");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
    }

    /// The gateway has as much to do as it may.
    pub fn busy(limit: usize) -> Self {
        let message = format!("{limit} requests are under way already, which is the limit here.");
        let retry_after = Some(Duration::from_secs(1));
        Self { retry_after, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message) }
    }

    /// No candidate may serve the request.
    pub fn none_left(why: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "no_candidate", why)
    }

    /// There is no such address.
    pub fn no_such_path(method: &http::Method, path: &str) -> Self {
        let hint = match path.strip_prefix("/v1/v1/") {
            Some(rest) => format!(" The base URL ends in /v1 twice; ask for /v1/{rest}."),
            None => String::new(),
        };
        let message = format!("{method} {path} is not served here.{hint}");
        Self::new(StatusCode::NOT_FOUND, "no_such_path", message)
    }

    /// No configured model or route has that name.
    pub fn unknown_model(asked: &str, nearest: &[String]) -> Self {
        let hint = match nearest {
            [] => String::new(),
            names => format!(" The nearest names are: {}.", names.join(", ")),
        };
        let message = format!("No model or route is called {asked:?}.{hint}");
        let param = Some("model".to_owned());
        Self { param, ..Self::new(StatusCode::NOT_FOUND, "model_not_found", message) }
    }

    /// There is such a name, and clients may not ask by it.
    pub fn forbidden_name(asked: &str, kind: Naming, allowed: &[Naming]) -> Self {
        let words: Vec<&str> = allowed.iter().map(|kind| kind.word()).collect();
        let allowed = match allowed {
            [] => "nothing".to_owned(),
            _ => format!("{} only", words.join(" and ")),
        };
        let what = kind.word();
        let message = format!(
            "{asked:?} is among the {what} here, and clients may name {allowed}; GET /v1/models \
             lists what they may ask for."
        );
        let param = Some("model".to_owned());
        Self { param, ..Self::new(StatusCode::FORBIDDEN, "forbidden", message) }
    }

    /// There is such a name, and whoever asks may not ask for it.
    pub fn out_of_scope(asked: &str) -> Self {
        let message = format!(
            "{asked:?} is not among what this key may ask for; GET /v1/models lists what is."
        );
        let param = Some("model".to_owned());
        Self { param, ..Self::new(StatusCode::FORBIDDEN, "forbidden", message) }
    }

    /// Whoever asks may not have that done.
    pub fn forbidden_operation(operation: Operation, allowed: &[Operation]) -> Self {
        let allowed: Vec<&str> = allowed.iter().map(|operation| operation.name()).collect();
        let allowed = if allowed.is_empty() { "none".to_owned() } else { allowed.join(", ") };
        let operation = operation.name();
        let message = format!("This key is not for {operation}; what it is for: {allowed}.");
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// A key is needed, and there is none, or none that is known.
    pub fn unknown_key(why: &str) -> Self {
        let message = format!(
            "{why} Send one as \"authorization: Bearer KEY\" or \"x-api-key: KEY\"; whoever runs \
             this gateway hands them out."
        );
        Self::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
    }

    /// Clients may not set that label.
    pub fn forbidden_label(name: &str, allowed: &[String]) -> Self {
        let allowed: Vec<String> = allowed.iter().map(|name| format!("`{name}`")).collect();
        let allowed = match allowed.as_slice() {
            [] => "none".to_owned(),
            names => names.join(", "),
        };
        let message = format!(
            "Clients may not set the label `{name}` here; labels that they may set: {allowed} \
             (and `privacy` to `private`)."
        );
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// What is said when every attempt failed, the last of them with `failure`.
    pub fn of(failure: &Failure, retried: bool) -> Self {
        if let Failure::Limited(limited) = failure {
            return Self::limited(limited);
        }
        let (status, code) = status(failure.kind());
        // What an upstream says of the operator's account is not its clients' to know.
        let private =
            matches!(failure.kind(), FailureKind::Authentication | FailureKind::Permission);
        // Where the canonical dialect has a word that its SDKs' users look for, they find it
        // whoever the upstream is. Of everything else its own code says more.
        let own = failure.code().filter(|_| !private && !is_common(failure.kind()));
        let message = match private {
            true => "The upstream did not accept the gateway's own credential.".to_owned(),
            false => failure.message(),
        };
        let mut refusal = Self::new(status, own.unwrap_or(code), message);
        refusal.param = failure.param();
        refusal.retry_after = failure.retry_after();
        // SDKs retry 429 and 5xx twice by themselves. Where the gateway has tried already, or
        // where trying again cannot help, that would only multiply the load.
        if failure.kind() == FailureKind::QuotaExhausted || (retried && status.is_server_error()) {
            refusal.should_retry = Some(false);
        }
        refusal
    }
}

impl Refusal {
    /// A limit is used up. Who has spent a budget gains nothing by asking again and again.
    fn limited(limited: &Limited) -> Self {
        let status = match limited.kind {
            LimitedBy::Budget | LimitedBy::Rate => StatusCode::TOO_MANY_REQUESTS,
            LimitedBy::Ledger => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self {
            retry_after: limited.retry_after,
            should_retry: (limited.kind == LimitedBy::Budget).then_some(false),
            ..Self::new(status, limited.code(), limited.message.clone())
        }
    }
}

/// Whether the canonical dialect has a word for it that programs act on.
fn is_common(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::RateLimited
            | FailureKind::QuotaExhausted
            | FailureKind::ContextTooLong
            | FailureKind::NotFound
    )
}

/// How the client learns of each kind of failure. An upstream that rejects the operator's
/// credential is not the client's fault, so that is no 401 here.
fn status(kind: FailureKind) -> (StatusCode, &'static str) {
    match kind {
        FailureKind::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid_request"),
        FailureKind::Authentication => (StatusCode::BAD_GATEWAY, "upstream_authentication"),
        FailureKind::Permission => (StatusCode::BAD_GATEWAY, "upstream_permission"),
        FailureKind::NotFound => (StatusCode::NOT_FOUND, "model_not_found"),
        FailureKind::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded"),
        FailureKind::QuotaExhausted => (StatusCode::TOO_MANY_REQUESTS, "insufficient_quota"),
        FailureKind::ContextTooLong => (StatusCode::BAD_REQUEST, "context_length_exceeded"),
        FailureKind::ContentRefused => (StatusCode::BAD_REQUEST, "content_refused"),
        FailureKind::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
        FailureKind::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "timed_out"),
        FailureKind::Cancelled => (StatusCode::BAD_GATEWAY, "cancelled"),
        FailureKind::Malformed => (StatusCode::BAD_GATEWAY, "malformed_answer"),
        FailureKind::Unsupported => (StatusCode::BAD_REQUEST, "unsupported"),
        FailureKind::Upstream => (StatusCode::BAD_GATEWAY, "upstream_error"),
        FailureKind::Other => (StatusCode::BAD_GATEWAY, "other"),
    }
}
