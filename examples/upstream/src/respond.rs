//! From a request to its answer: the whole path.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::chat::{CREATED, chat};
use crate::control::control;
use crate::embeddings::embeddings;
use crate::failures::Failure;
use crate::form;
use crate::generate::generate;
use crate::play::Play;
use crate::record::{Journal, Ticket};
use crate::script::Script;
use crate::transcriptions::transcribe;
use crate::vendor;

pub(crate) const JSON: &str = "application/json";
pub(crate) const EVENTS: &str = "text/event-stream; charset=utf-8";

/// What OpenAI says of its limits with every answer. Always the same: nothing is counted.
const LIMITS: [(&str, &str); 6] = [
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-limit-tokens", "200000"),
    ("x-ratelimit-remaining-requests", "9999"),
    ("x-ratelimit-remaining-tokens", "199000"),
    ("x-ratelimit-reset-requests", "8.64s"),
    ("x-ratelimit-reset-tokens", "6ms"),
];

/// Answers of scripts, and those of the control endpoints, which are not in the journal.
pub(crate) type Answered = Response<Either<Play, Full<Bytes>>>;

pub(crate) async fn respond(journal: &Arc<Journal>, request: Request<Incoming>) -> Answered {
    if request.uri().path().starts_with("/_/") {
        return control(journal, &request).await.map(Either::Right);
    }
    let (parts, body) = request.into_parts();
    // A body that breaks off is recorded as far as its head goes, and answered as not JSON.
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let asked = form::read(&parts.headers, &body);
    let asked = asked.unwrap_or_else(|| serde_json::from_slice(&body).unwrap_or_default());
    if let Some((vendor, path)) = vendor::of(parts.uri.path()) {
        let call = vendor::Call { path, parts: &parts, body: &asked };
        let ticket = journal.open(&parts, body, vendor.model(&call));
        return vendor::respond(journal, vendor, &call, ticket).await.map(Either::Left);
    }
    let ticket = journal.open(&parts, body, asked["model"].as_str().unwrap_or_default());

    let post = parts.method == Method::POST;
    let response = match parts.uri.path() {
        "/v1/chat/completions" if post => perform(journal, Endpoint::Chat, asked, ticket).await,
        "/v1/embeddings" if post => perform(journal, Endpoint::Embeddings, asked, ticket).await,
        "/v1/audio/transcriptions" if post => {
            perform(journal, Endpoint::Transcriptions, asked, ticket).await
        }
        "/generate" if post => generate(&asked, ticket),
        "/v1/models" => reply_json(&models(), ticket),
        path => match path.strip_prefix("/v1/models/") {
            Some(name) if Script::of(name).is_some() => reply_json(&model(name), ticket),
            Some(name) => refuse(&Failure::unknown_model(name), ticket),
            None => refuse(&Failure::unknown_path(path), ticket),
        },
    };
    limited(response).map(Either::Left)
}

/// With what OpenAI says in every answer.
fn limited(mut response: Response<Play>) -> Response<Play> {
    let id = HeaderValue::from_str(&format!("req_{}", response.body().id()));
    let headers = response.headers_mut();
    if let Ok(id) = id {
        headers.insert("x-request-id", id);
    }
    for (name, value) in LIMITS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[derive(Clone, Copy)]
enum Endpoint {
    Chat,
    Embeddings,
    Transcriptions,
}

/// Does what the model's name says.
async fn perform(
    journal: &Journal,
    endpoint: Endpoint,
    body: Value,
    ticket: Ticket,
) -> Response<Play> {
    let Some(model) = body["model"].as_str() else {
        let failure =
            Failure::invalid("the body has to be a JSON object, or a form, with a `model`.");
        return refuse(&failure, ticket);
    };
    let script = match endpoint {
        Endpoint::Chat | Endpoint::Transcriptions => Script::of(model),
        Endpoint::Embeddings => Script::of_embedding(model),
    };
    match script {
        None => refuse(&Failure::unknown_model(model), ticket),
        Some(Script::Error(status)) => refuse(&Failure::of_status(status), ticket),
        Some(Script::ContextTooLong) => refuse(&Failure::context_too_long(), ticket),
        Some(Script::Quota) => refuse(&Failure::quota(), ticket),
        Some(Script::Flaky(times)) if journal.takes_failure(model, times) => {
            refuse(&Failure::of_status(503), ticket)
        }
        Some(Script::Fails(fault)) => {
            refuse(&Failure::of(fault).unwrap_or_else(Failure::wordless), ticket)
        }
        Some(script) => match (misbehave(script, ticket).await, endpoint) {
            (Err(response), _) => response,
            (Ok(ticket), Endpoint::Chat) => chat(&body, script, ticket),
            (Ok(ticket), Endpoint::Embeddings) => {
                match embeddings(&body, script == Script::EmbedFloatOnly) {
                    Ok(vectors) => reply_json(&vectors, ticket),
                    Err(failure) => refuse(&failure, ticket),
                }
            }
            (Ok(ticket), Endpoint::Transcriptions) => transcribe(&body, script, ticket),
        },
    }
}

/// Does what has nothing to do with any protocol, if the script wants that.
pub(crate) async fn misbehave(script: Script, ticket: Ticket) -> Result<Ticket, Response<Play>> {
    match script {
        Script::NotJson => {
            let page = "<!doctype html><title>Welcome</title><p>Please log in to the network.";
            Err(reply(StatusCode::OK, "text/html", Play::whole(page.into(), ticket)))
        }
        Script::Empty => Err(reply(StatusCode::OK, JSON, Play::new([], ticket))),
        Script::Redirect => Err(redirect(ticket)),
        // The ticket is dropped together with this future, when the connection ends.
        Script::Silent => std::future::pending().await,
        Script::SlowHead(wait) => {
            tokio::time::sleep(wait).await;
            Ok(ticket)
        }
        _ => Ok(ticket),
    }
}

fn models() -> Value {
    let models: Vec<Value> = Script::NAMES.iter().map(|name| model(name)).collect();
    json!({"object": "list", "data": models})
}

fn model(name: &str) -> Value {
    json!({"id": name, "object": "model", "created": CREATED, "owned_by": "portcullis"})
}

/// To a path where there is nothing, so that who follows it is in the journal.
fn redirect(ticket: Ticket) -> Response<Play> {
    let mut response = reply(StatusCode::FOUND, JSON, Play::new([], ticket));
    let target = HeaderValue::from_static("/v1/moved/chat/completions");
    response.headers_mut().insert(LOCATION, target);
    response
}

/// An answer with its type.
pub(crate) fn reply(status: StatusCode, content_type: &'static str, body: Play) -> Response<Play> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

pub(crate) fn reply_json(body: &Value, ticket: Ticket) -> Response<Play> {
    reply(StatusCode::OK, JSON, Play::whole(body.to_string().into(), ticket))
}

/// An answer with an error.
pub(crate) fn refuse(failure: &Failure, ticket: Ticket) -> Response<Play> {
    let body = Play::whole(failure.body.to_string().into(), ticket);
    let mut response = reply(failure.status, JSON, body);
    for (name, value) in &failure.headers {
        response.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    response
}
