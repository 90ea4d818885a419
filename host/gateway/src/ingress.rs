//! From an HTTP request to a call that the gateway understands. Knows addresses and bodies, no
//! tenants.

use crate::refusal::Refusal;
use crate::request::Operation;
use crate::uploads::Asked;
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{Method, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Incoming};
use std::time::Duration;

/// Bytes past the limit that are read and thrown away, so that the connection stays usable for
/// the client's next request. A body longer than that costs its sender the connection.
const DRAIN: u64 = 64 << 20;
/// The same, of a body whose sender is unknown.
const DRAIN_OF_STRANGERS: u64 = 64 << 10;

/// Bytes of a body that is copied out of the buffer that it was read into.
const SMALL: usize = 8 << 10;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    /// An operation on a model.
    Operation(Operation),
    /// The list of models.
    Models,
    /// One of them.
    Model(String),
    /// Something of the plugins of a tenant's own.
    Plugins(Asked),
}

/// Finds out what a request asks for.
///
/// # Errors
///
/// 404 where there is no such address, 405 where it takes another method.
pub fn route(method: &Method, path: &str) -> Result<Wanted, Refusal> {
    let (allowed, wanted) = match path {
        "/v1/chat/completions" => (Method::POST, Wanted::Operation(Operation::Chat)),
        "/v1/responses" => (Method::POST, Wanted::Operation(Operation::Chat)),
        "/v1/messages" => (Method::POST, Wanted::Operation(Operation::Chat)),
        "/v1/messages/count_tokens" => (Method::POST, Wanted::Operation(Operation::CountTokens)),
        "/v1/audio/transcriptions" => (Method::POST, Wanted::Operation(Operation::Transcription)),
        "/v1/embeddings" => (Method::POST, Wanted::Operation(Operation::Embeddings)),
        "/v1/models" => (Method::GET, Wanted::Models),
        "/v1/plugins" => (Method::GET, Wanted::Plugins(Asked::List)),
        _ => match (path.strip_prefix("/v1/models/"), plugin(path)) {
            (Some(id), _) if !id.is_empty() => (Method::GET, Wanted::Model(unescaped(id))),
            (_, Some(place)) if *method == Method::DELETE => {
                (Method::DELETE, Wanted::Plugins(Asked::Remove(place)))
            }
            (_, Some(place)) => (Method::PUT, Wanted::Plugins(Asked::Upload(place))),
            _ => return Err(Refusal::no_such_path(method, path)),
        },
    };
    if *method == allowed { Ok(wanted) } else { Err(Refusal::wrong_method(method, path, &allowed)) }
}

/// The place of a plugin in the configuration: `policies.NAME`.
fn plugin(path: &str) -> Option<String> {
    let (table, name) = path.strip_prefix("/v1/plugins/")?.split_once('/')?;
    let is_one = ["policies", "providers"].contains(&table) && !name.is_empty();
    (is_one && !name.contains('/')).then(|| format!("{table}.{name}"))
}

/// SDKs escape the slash of "provider/model" in a path.
fn unescaped(id: &str) -> String {
    let query = format!("id={}", id.replace('+', "%2B"));
    let pair = url::form_urlencoded::parse(query.as_bytes()).next();
    pair.map_or_else(|| id.to_owned(), |(_, value)| value.into_owned())
}

/// Reads a body of at most `limit` bytes.
///
/// # Errors
///
/// 413 if it is longer, 408 if the next piece of it does not come within `patience`, 400 if it
/// breaks off.
pub async fn body(body: Incoming, limit: usize, patience: Duration) -> Result<Bytes, Refusal> {
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        if announced <= limit as u64 + DRAIN {
            drain(body, patience).await;
        }
        return Err(Refusal::too_large(limit));
    }
    collect(body, limit, patience).await
}

async fn collect(mut body: Incoming, limit: usize, patience: Duration) -> Result<Bytes, Refusal> {
    // A large body that comes in one piece is not copied.
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    loop {
        let frame = match tokio::time::timeout(patience, body.frame()).await {
            Err(_) => return Err(Refusal::slow_body(patience)),
            Ok(None) => break,
            Ok(Some(Err(error))) => {
                return Err(Refusal::invalid(format!("The body broke off: {error}."), None));
            }
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if first.len() + all.len() + data.len() > limit {
            drain(body, patience).await;
            return Err(Refusal::too_large(limit));
        }
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            if all.is_empty() {
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(match all.is_empty() {
        // It is a slice of the connection's buffer, which it would keep alive as long as the
        // answer lasts; a small one is cheaper to copy.
        true if first.len() <= SMALL => Bytes::copy_from_slice(&first),
        true => first,
        false => all.freeze(),
    })
}

/// Throws the rest of a body away, within bounds of size and time.
pub async fn drain(body: Incoming, patience: Duration) {
    throw_away(body, DRAIN, patience).await;
}

/// The same for the body of somebody unknown, who is worth no more than an answer.
pub async fn drain_of_stranger(body: Incoming, patience: Duration) {
    throw_away(body, DRAIN_OF_STRANGERS, patience).await;
}

async fn throw_away(mut body: Incoming, most: u64, patience: Duration) {
    let mut left = most;
    while let Ok(Some(Ok(frame))) = tokio::time::timeout(patience, body.frame()).await {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        let Some(rest) = left.checked_sub(length) else {
            return;
        };
        left = rest;
    }
}

/// Labels from the headers: `x-portcullis-label-NAME: value`.
pub fn labels(parts: &Parts) -> Vec<(String, String)> {
    const PREFIX: &str = "x-portcullis-label-";
    let labelled = parts.headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix(PREFIX)?;
        Some((name.to_owned(), value.to_str().ok()?.to_owned()))
    });
    labelled.collect()
}

/// The id that a request is known by: the sender's own, if it is a plain one, or a new one.
pub fn id(parts: &Parts) -> std::sync::Arc<str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    let said = parts.headers.get("x-request-id").and_then(|id| id.to_str().ok());
    let kept = said.filter(|id| (1..=128).contains(&id.len()) && id.chars().all(plain));
    match kept {
        Some(id) => id.into(),
        None => uuid::Uuid::now_v7().simple().to_string().into(),
    }
}

/// What a body says that it is; nothing where it says nothing.
pub fn content_type(parts: &Parts) -> &str {
    let kind = parts.headers.get(header::CONTENT_TYPE);
    kind.map_or("", |kind| kind.to_str().unwrap_or("something that is not text"))
}

/// Whether a body says that it is something else than what its operation takes.
///
/// # Errors
///
/// 415 where it does. A body without a type is taken for JSON.
pub fn check_type(operation: Operation, parts: &Parts) -> Result<(), Refusal> {
    let kind = content_type(parts);
    match operation {
        // Its reader asks for more than the type.
        Operation::Transcription => Ok(()),
        _ if kind.is_empty() || kind.to_ascii_lowercase().contains("json") => Ok(()),
        _ => Err(Refusal::not_json(kind)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_and_mistakes_explained() {
        let found = |method: Method, path| route(&method, path);
        assert_eq!(
            found(Method::GET, "/v1/models/house%2Fm1"),
            Ok(Wanted::Model("house/m1".into()))
        );
        assert_eq!(found(Method::GET, "/v1/models/house/m1"), Ok(Wanted::Model("house/m1".into())));
        let place = || "policies.way".to_owned();
        for (method, asked) in
            [(Method::PUT, Asked::Upload(place())), (Method::DELETE, Asked::Remove(place()))]
        {
            assert_eq!(found(method, "/v1/plugins/policies/way"), Ok(Wanted::Plugins(asked)));
        }
        let wrong = found(Method::POST, "/v1/plugins/policies/way").unwrap_err();
        assert_eq!((wrong.status.as_u16(), wrong.message.contains("PUT")), (405, true));
        for path in ["/v1/plugins/routes/x", "/v1/plugins/policies/", "/v1/plugins/policies/a/b"] {
            assert_eq!(found(Method::PUT, path).unwrap_err().status.as_u16(), 404, "{path}");
        }
        let wrong = found(Method::GET, "/v1/chat/completions").unwrap_err();
        assert_eq!((wrong.status.as_u16(), wrong.message.contains("POST")), (405, true));
        let twice = found(Method::POST, "/v1/v1/chat/completions").unwrap_err();
        assert!(twice.message.contains("twice"), "{}", twice.message);
        assert_eq!(found(Method::POST, "/chat").unwrap_err().status.as_u16(), 404);
    }
}
