//! What another process can ask of the server: the same as a Rust test asks of
//! [`Upstream`](crate::Upstream).
//!
//! Requests for these paths are not in the journal.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::record::{Journal, Outcome, Recorded, milliseconds};
use crate::respond::JSON;

/// How long `/_/cancelled` waits at most, unless the query says otherwise.
const WAIT_MS: u64 = 1_000;

pub(crate) async fn control<B>(
    journal: &Arc<Journal>,
    request: &Request<B>,
) -> Response<Full<Bytes>> {
    let query = request.uri().query().unwrap_or_default();
    let model = parameter(query, "model");
    let wait = parameter(query, "wait_ms").and_then(|text| text.parse().ok()).unwrap_or(WAIT_MS);
    let wait = Duration::from_millis(wait);
    let at_once = parameter(query, "wait_ms").is_none();
    let (status, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/_/requests") if at_once => (StatusCode::OK, requests(journal, &model)),
        (&Method::GET, "/_/requests") => (StatusCode::OK, arrived(journal, &model, wait).await),
        (&Method::GET, "/_/cancelled") => (StatusCode::OK, cancelled(journal, model, wait).await),
        (&Method::GET, "/_/idle") => (StatusCode::OK, idle(journal, wait).await),
        (&Method::POST, "/_/reset") => {
            journal.reset();
            (StatusCode::OK, json!({}))
        }
        _ => {
            let known = "GET /_/requests, GET /_/cancelled, GET /_/idle, POST /_/reset";
            (StatusCode::NOT_FOUND, json!({"error": {"message": format!("there are: {known}")}}))
        }
    };
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", http::HeaderValue::from_static(JSON));
    response
}

fn requests(journal: &Journal, model: &Option<String>) -> Value {
    let requests = match model {
        Some(model) => journal.of_model(model),
        None => journal.requests(),
    };
    requests.iter().map(Recorded::to_json).collect()
}

/// The same, but waits until there is one, or for so long.
async fn arrived(journal: &Journal, model: &Option<String>, wait: Duration) -> Value {
    let arrived = journal.wait_for(|journal| {
        let requests = requests(journal, model);
        (requests != json!([])).then_some(requests)
    });
    tokio::time::timeout(wait, arrived).await.unwrap_or_else(|_| json!([]))
}

/// Waits until a request of this model was abandoned, or for so long. Clocks of two processes
/// cannot be compared, so it says how long ago the server noticed.
async fn cancelled(journal: &Journal, model: Option<String>, wait: Duration) -> Value {
    let model = model.unwrap_or_default();
    let abandoned = journal.wait_for(|journal| {
        let abandoned = journal.abandoned(&model);
        (!abandoned.is_empty()).then_some(abandoned)
    });
    let abandoned = tokio::time::timeout(wait, abandoned).await.unwrap_or_default();
    let last = abandoned.iter().filter_map(|request| match request.outcome {
        Outcome::Abandoned { at, .. } => Some(at),
        _ => None,
    });
    let ago = last.max().map(|at| milliseconds(journal.now().saturating_sub(at)));
    json!({"count": abandoned.len(), "noticed_ms_ago": ago})
}

/// Waits until nothing is being answered, or for so long.
async fn idle(journal: &Journal, wait: Duration) -> Value {
    let idle = journal.wait_for(|journal| (journal.in_flight() == 0).then_some(()));
    let _ = tokio::time::timeout(wait, idle).await;
    json!({"in_flight": journal.in_flight()})
}

/// A parameter of the query, decoded.
fn parameter(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| decode(value))
}

/// Undoes percent-encoding. What is not valid stays as it is.
fn decode(value: &str) -> String {
    let mut parts = value.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => {
                bytes.push(b'%');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        assert_eq!(parameter("a=1&model=x%2Fy", "model").as_deref(), Some("x/y"));
        assert_eq!(parameter("a=1", "model"), None);
        assert_eq!(decode("100%"), "100%");
    }
}
