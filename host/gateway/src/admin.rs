//! What the operator's own address answers. It is served beside the clients' port, so that a
//! probe is never behind a queue of requests.

use crate::gateway::Gateway;
use crate::memory::{Memory, Version, Weigh};
use crate::serve::State;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use portcullis_sandbox::{Pinned, World};
use serde::Serialize;
use std::collections::BTreeMap;

/// What is said to who asks for something else.
const SERVED: &str = "served here: /healthz, /readyz, /api/v1/requests, /api/v1/plugins\n";

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
        "/api/v1/requests" => json(&gateway.records.newest()),
        "/api/v1/plugins" => json(&plugins(gateway)),
        _ => text(StatusCode::NOT_FOUND, SERVED),
    }
}

fn text(status: StatusCode, words: &str) -> http::Response<Full<Bytes>> {
    let mut response = http::Response::new(Full::new(Bytes::from(words.to_owned())));
    *response.status_mut() = status;
    response
}

/// One plugin that serves.
#[derive(Serialize)]
struct Serving {
    /// What the configuration calls it: `providers.NAME` or `policies.NAME`.
    name: String,
    plugin: String,
    version: String,
    digest: String,
    generation: u64,
    /// Answers that were remembered; `None` where nothing is.
    recalled: Option<u64>,
    metrics: BTreeMap<String, f64>,
}

fn plugins(gateway: &Gateway) -> Vec<Serving> {
    let providers = gateway.providers.iter().map(|provider| {
        serving(format!("providers.{}", provider.configured.name), &provider.plugin.pin())
    });
    let policies = gateway
        .policies
        .iter()
        .map(|policy| serving(format!("policies.{}", policy.name), &policy.plugin.pin()));
    providers.chain(policies).collect()
}

fn serving<W: World, R: Weigh>(name: String, pinned: &Pinned<Version<W, R>>) -> Serving {
    let Version { plugin, memory } = &pinned.value;
    let manifest = plugin.manifest();
    Serving {
        name,
        plugin: manifest.name.clone(),
        version: manifest.version.clone(),
        digest: pinned.digest.to_string(),
        generation: pinned.id,
        recalled: memory.as_ref().map(Memory::recalled),
        metrics: plugin.metrics(),
    }
}

fn json(value: &impl Serialize) -> http::Response<Full<Bytes>> {
    let written = match serde_json::to_string(value) {
        Ok(written) => written,
        Err(error) => return text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
    };
    let mut response = http::Response::new(Full::new(Bytes::from(written)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
