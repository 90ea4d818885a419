//! What makes two requests the same, and which of them may be answered alike.

use crate::request::{Operation, Request};
use crate::wire::dialect::Dialect;
use crate::wire::json_edit;
use crate::wire::sorted::sorted;
use sha2::{Digest as _, Sha256};

/// Bytes of a body that is looked at. What is longer hardly ever comes twice.
const LONGEST: usize = 4 << 20;

/// A digest of all of a request that its answer can depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

impl Key {
    /// `None` where the request is too large or too deep to be compared.
    pub(super) fn of(request: &Request, epoch: u64, versions: &[u64]) -> Option<Self> {
        if request.body.len() > LONGEST {
            return None;
        }
        let mut labels: Vec<_> = request.labels.iter().collect();
        labels.sort();
        let mut digest = Sha256::new();
        // Each with its length, so that no two rows of them run into each other.
        let mut add = |part: &[u8]| {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        };
        add(&epoch.to_le_bytes());
        let versions: Vec<u8> = versions.iter().flat_map(|it| it.to_le_bytes()).collect();
        add(&versions);
        add(request.caller.tenant.as_bytes());
        // Whom that is part of decides whose own models it may be answered by.
        add(&(request.caller.lineage.len() as u64).to_le_bytes());
        request.caller.lineage.iter().for_each(|tenant| add(tenant.as_bytes()));
        // One key of a tenant may ask for what another may not.
        add(request.caller.bounds.bytes());
        add(request.operation.name().as_bytes());
        add(request.dialect.name().as_bytes());
        add(request.asked.as_bytes());
        for (name, value) in labels {
            add(name.as_bytes());
            add(value.as_bytes());
        }
        // It says whether the answer is a stream, and all else.
        add(&sorted(&request.body)?);
        Some(Self(digest.finalize().into()))
    }
}

/// Whether all that the answer depends on stands in the request: no file beside it, and nothing
/// that a vendor keeps and changes with each request.
pub(super) fn is_known(request: &Request) -> bool {
    let known = matches!(request.operation, Operation::Chat | Operation::Embeddings);
    let keeps = |field: &str| said(request, field).is_some_and(|value| value != b"null");
    known && !(request.dialect == Dialect::Responses && keeps("/conversation"))
}

/// Whether the same answer is as good as another: the client wants no chance in it.
pub(super) fn is_sound(request: &Request) -> bool {
    match request.operation {
        Operation::Embeddings => true,
        Operation::Chat => {
            let temperature =
                said(request, "/temperature").and_then(|it| std::str::from_utf8(it).ok());
            temperature.and_then(|text| text.parse::<f64>().ok()).is_some_and(|it| it == 0.0)
        }
        Operation::CountTokens | Operation::Transcription => false,
    }
}

fn said<'a>(request: &'a Request, field: &str) -> Option<&'a [u8]> {
    json_edit::get(&request.body, field).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Scope;
    use crate::tenant::Caller;
    use std::sync::Arc;

    fn of(body: &str) -> Request {
        Request::of_test(body)
    }

    #[test]
    fn what_is_sound_says_that_it_wants_no_chance() {
        let table = [
            (r#"{"temperature":0}"#, true),
            (r#"{"temperature":0.0}"#, true),
            (r#"{"temperature":-0e3}"#, true),
            (r#"{"temperature":0.1}"#, false),
            (r#"{"temperature":null}"#, false),
            (r#"{"temperature":"0"}"#, false),
            (r#"{"top_p":0}"#, false),
        ];
        for (body, sound) in table {
            assert_eq!(is_sound(&of(body)), sound, "{body}");
        }
        assert!(is_sound(&Request { operation: Operation::Embeddings, ..of("{}") }));
        assert!(!is_sound(&Request { operation: Operation::Transcription, ..of("{}") }));
    }

    #[test]
    fn what_the_vendor_changes_beside_the_request_is_not_known() {
        let responses = |body| Request { dialect: Dialect::Responses, ..of(body) };
        assert!(is_known(&responses(r#"{"conversation":null,"previous_response_id":"r"}"#)));
        assert!(!is_known(&responses(r#"{"conversation":"c"}"#)));
        assert!(!is_known(&Request { operation: Operation::CountTokens, ..of("{}") }));
    }

    #[test]
    fn whatever_an_answer_depends_on_makes_another_key() {
        let body = r#"{"model":"m","messages":[]}"#;
        let key = |request: &Request| Key::of(request, 0, &[1]);
        let same = of(r#"{ "messages": [], "model": "m" }"#);
        assert_eq!(key(&of(body)), key(&same));
        let labelled = |labels: &[(&str, &str)]| {
            let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            Request { labels: labels.collect(), ..of(body) }
        };
        let narrow = Scope { private: true, ..Scope::default() };
        let others = [
            of(r#"{"model":"m","messages":[],"stream":true}"#),
            Request { caller: Arc::new(Caller::unknown("other", Scope::default())), ..of(body) },
            Request { caller: Arc::new(Caller::unknown("default", narrow)), ..of(body) },
            Request { asked: "other".into(), ..of(body) },
            Request { dialect: Dialect::Messages, ..of(body) },
            Request { operation: Operation::Embeddings, ..of(body) },
            labelled(&[("privacy", "private")]),
            labelled(&[("privacy", "public")]),
            labelled(&[("privacyp", "rivate")]),
        ];
        let mut keys: Vec<_> =
            others.iter().map(|other| key(other).expect("it is small")).collect();
        let served = [(0, &[1][..]), (1, &[1]), (0, &[2]), (0, &[1, 2])];
        let served = served.map(|(epoch, versions)| Key::of(&of(body), epoch, versions));
        keys.extend(served.map(|key| key.expect("it is small")));
        for (index, one) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(one), "{index}");
        }
        let (one, other) = ([("a", "1"), ("b", "2")], [("b", "2"), ("a", "1")]);
        assert_eq!(key(&labelled(&one)), key(&labelled(&other)));
        assert!(key(&of(&format!("{{\"a\":\"{}\"}}", "x".repeat(LONGEST)))).is_none());
    }
}
