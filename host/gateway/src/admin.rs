//! What the operator's own address answers. It is served beside the clients' port, so that a
//! probe is never behind a queue of requests.

mod access;
mod candidates;
mod metrics;
mod swaps;
mod usage;

use crate::audit::{ADMIN, Act};
use crate::config::Environment;
use crate::gateway::Gateway;
use crate::installed::Installed;
use crate::memory::Memory;
use crate::observe::Observer;
use crate::rating::{self, RatingError};
use crate::reload::Reloader;
use crate::serve::State;
use crate::version::{Kind, Version};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// What is said to who asks for something else.
const SERVED: &str = "served here: GET /healthz, /readyz, /metrics, /api/v1/requests, /api/v1/plugins, \
                      /api/v1/quarantine, /api/v1/candidates, /api/v1/cache; POST /api/v1/reload, /api/v1/ratings; \
                      DELETE /api/v1/cache; for each policy and provider, GET /api/v1/policies/NAME/history; POST \
                      …/swap, …/promote, …/rollback; GET and POST /api/v1/tenants, /api/v1/keys; \
                      POST /api/v1/tenants/NAME/suspend, …/resume, /api/v1/keys/ID/rotate, \
                      …/revoke, …/expire; GET /api/v1/audit; GET /api/v1/usage, \
                      /api/v1/usage/entries; POST /api/v1/usage/corrections\n";

/// What is said where no answers are kept.
const NO_CACHE: &str = "no answers are kept: there is no table [cache]";

/// Bytes of a rating at most.
const LARGEST_RATING: usize = 4 << 10;

/// Answers one request.
pub async fn answer(
    gateway: &Gateway,
    state: &State,
    reloader: &Reloader,
    request: http::Request<Incoming>,
) -> http::Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/healthz") => text(StatusCode::OK, "ok\n"),
        (&Method::GET, "/readyz") if state.is_draining() => {
            text(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        }
        (&Method::GET, "/readyz") => text(StatusCode::OK, "ready\n"),
        (&Method::GET, "/metrics") => {
            let mut response = text(StatusCode::OK, &metrics::text(gateway));
            let media_type = HeaderValue::from_static(metrics::MEDIA_TYPE);
            response.headers_mut().insert(CONTENT_TYPE, media_type);
            response
        }
        (&Method::GET, "/api/v1/requests") => json(StatusCode::OK, &gateway.records.newest()),
        (&Method::GET, "/api/v1/plugins") => json(StatusCode::OK, &plugins(gateway)),
        (&Method::GET, "/api/v1/candidates") => {
            json(StatusCode::OK, &candidates::all(&gateway.deployment()))
        }
        (&Method::GET, "/api/v1/cache") => cache(gateway),
        (&Method::POST | &Method::DELETE, _) if is_of_a_page(request.headers()) => {
            text(StatusCode::FORBIDDEN, "pages of other origins change nothing here\n")
        }
        (&Method::POST, "/api/v1/reload") => reload(reloader).await,
        (&Method::DELETE, "/api/v1/cache") => forget(gateway).await,
        (&Method::POST, "/api/v1/ratings") => rate(gateway, request.into_body()).await,
        (&Method::GET, "/api/v1/quarantine") => json(StatusCode::OK, &quarantine(gateway)),
        (_, path) if path.starts_with("/api/v1/policies/") => swaps::answer(gateway, request).await,
        (_, path) if path.starts_with("/api/v1/providers/") => {
            swaps::answer(gateway, request).await
        }
        (_, path) if usage::has(path) => usage::answer(gateway, request).await,
        (_, path) if access::has(path) => access::answer(gateway, request).await,
        (_, path) if SERVED.contains(path) && path.len() > 1 => {
            text(StatusCode::METHOD_NOT_ALLOWED, SERVED)
        }
        _ => text(StatusCode::NOT_FOUND, SERVED),
    }
}

/// Whether it comes from a page in a browser: those send where they are from with whatever may
/// change something, and this address is within reach of every page that the operator looks at.
fn is_of_a_page(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN)
}

async fn reload(reloader: &Reloader) -> http::Response<Full<Bytes>> {
    match reloader.reload(&Environment::of_process(), ADMIN, "asked for by the API").await {
        Ok(reloaded) => json(StatusCode::OK, &reloaded),
        Err(why) => {
            let problems: Vec<String> = why.to_string().lines().map(str::to_owned).collect();
            json(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "problems": problems }))
        }
    }
}

/// A component that is in quarantine.
#[derive(Serialize)]
struct Quarantined {
    digest: String,
    why: String,
}

fn quarantine(gateway: &Gateway) -> Vec<Quarantined> {
    let all = gateway.quarantine.all().into_iter();
    all.map(|(digest, why)| Quarantined { digest: digest.to_string(), why }).collect()
}

fn cache(gateway: &Gateway) -> http::Response<Full<Bytes>> {
    match &gateway.deployment().cache {
        Some(cache) => json(StatusCode::OK, &cache.state()),
        None => text(StatusCode::NOT_FOUND, &format!("{NO_CACHE}\n")),
    }
}

async fn forget(gateway: &Gateway) -> http::Response<Full<Bytes>> {
    gateway.forget_answers();
    let refused = gateway.deployment().cache.is_none().then_some(NO_CACHE);
    let detail = refused.map_or_else(|| json!({}), |why| json!({ "refused": why }));
    let subject = "cache".to_owned();
    Act { actor: ADMIN.into(), action: "empty-cache", subject, detail }.note(gateway).await;
    cache(gateway)
}

async fn rate(gateway: &Gateway, body: Incoming) -> http::Response<Full<Bytes>> {
    let Ok(body) = Limited::new(body, LARGEST_RATING).collect().await else {
        return text(StatusCode::BAD_REQUEST, "that is no rating\n");
    };
    match rating::rate(gateway, &body.to_bytes()) {
        Ok(()) => text(StatusCode::NO_CONTENT, ""),
        Err(why) => {
            let status = match why {
                RatingError::Malformed(_) => StatusCode::BAD_REQUEST,
                RatingError::Unknown(_) => StatusCode::NOT_FOUND,
                RatingError::Unanswered(_) => StatusCode::CONFLICT,
            };
            json(status, &json!({ "error": why.to_string() }))
        }
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
    /// Outcomes of its decisions that a policy was told of, and those that it missed.
    observed: u64,
    unobserved: u64,
    metrics: BTreeMap<String, f64>,
}

fn plugins(gateway: &Gateway) -> Vec<Serving> {
    let deployment = gateway.deployment();
    let providers = deployment.providers.iter().map(|provider| serving(&provider.plugin, None));
    let policies = deployment.policies.iter();
    let policies = policies.map(|policy| serving(&policy.plugin, Some(&policy.observer)));
    providers.chain(policies).collect()
}

fn serving<K: Kind>(installed: &Installed<K>, observer: Option<&Observer>) -> Serving {
    let pinned = installed.pin();
    let Version { plugin, memory, .. } = &pinned.value;
    let manifest = plugin.manifest();
    Serving {
        name: installed.name.clone(),
        plugin: manifest.name.clone(),
        version: manifest.version.clone(),
        digest: pinned.digest.to_string(),
        generation: pinned.id,
        recalled: memory.as_ref().map(Memory::recalled),
        observed: observer.map_or(0, Observer::observed),
        unobserved: observer.map_or(0, Observer::dropped),
        metrics: plugin.metrics(),
    }
}

fn json(status: StatusCode, value: &impl Serialize) -> http::Response<Full<Bytes>> {
    let written = match serde_json::to_string(value) {
        Ok(written) => written,
        Err(error) => return text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
    };
    let mut response = http::Response::new(Full::new(Bytes::from(written)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
