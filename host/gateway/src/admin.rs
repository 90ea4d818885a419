//! What the operator's own address answers. It is served beside the clients' port, so that a
//! probe is never behind a queue of requests.

use crate::gateway::Gateway;
use crate::serve::State;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

/// Answers one request.
pub fn answer(
    gateway: &Gateway,
    state: &State,
    request: &http::Request<Incoming>,
) -> http::Response<Full<Bytes>> {
    if request.method() != Method::GET {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET is served here\n");
    }
    match request.uri().path() {
        "/healthz" => text(StatusCode::OK, "ok\n"),
        "/readyz" if state.is_draining() => text(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        "/readyz" => text(StatusCode::OK, "ready\n"),
        "/api/v1/requests" => match serde_json::to_string(&gateway.records.newest()) {
            Ok(records) => json(records),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
        },
        _ => text(StatusCode::NOT_FOUND, "served here: /healthz, /readyz, /api/v1/requests\n"),
    }
}

fn text(status: StatusCode, words: &str) -> http::Response<Full<Bytes>> {
    let mut response = http::Response::new(Full::new(Bytes::from(words.to_owned())));
    *response.status_mut() = status;
    response
}

fn json(text: String) -> http::Response<Full<Bytes>> {
    let mut response = http::Response::new(Full::new(Bytes::from(text)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
