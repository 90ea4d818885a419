//! How a call shows who pays for it. The host adds the credential after the plugin has said
//! what it wants, so that no plugin ever holds one.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use url::form_urlencoded;

use super::address::Lookup;
use super::failure::{ClientError, Denied};
use super::http::Target;
use super::oauth::{Token, Tokens};
pub use crate::config::{Credential, Secret};

/// A credential as it is added to every call: written once, when the client is made, but for
/// tokens that are fetched.
pub(super) enum Authorization {
    None,
    Header(HeaderName, HeaderValue),
    /// The parameter's name, and the whole pair as it stands in a query.
    Query(String, Box<str>),
    Tokens(Arc<Tokens>),
}

impl Authorization {
    /// `lookup` finds the address of a token server.
    pub(super) fn new(target: &Target, lookup: Lookup) -> Result<Authorization, ClientError> {
        let (name, value) = match &target.credential {
            Credential::None => return Ok(Authorization::None),
            Credential::Query { name, secret } => {
                let mut pair = form_urlencoded::Serializer::new(String::new());
                pair.append_pair(name, secret.expose());
                return Ok(Authorization::Query(name.clone(), pair.finish().into()));
            }
            Credential::Bearer(secret) => (AUTHORIZATION, format!("Bearer {}", secret.expose())),
            Credential::Header { name, secret } => (name.clone(), secret.expose().to_string()),
            Credential::Basic { username, .. } if username.contains(':') => {
                return Err(ClientError::Credential { why: "the user's name holds a colon" });
            }
            Credential::Basic { username, secret } => {
                let pair = BASE64_STANDARD.encode(format!("{username}:{}", secret.expose()));
                (AUTHORIZATION, format!("Basic {pair}"))
            }
            Credential::OAuth2(oauth2) => {
                return Ok(Authorization::Tokens(Tokens::new(oauth2, target, lookup)?));
            }
        };
        let why = "it holds characters that a header may not";
        let value = sensitive(value).ok_or(ClientError::Credential { why })?;
        Ok(Authorization::Header(name, value))
    }

    #[cfg(test)]
    pub(super) fn of_test(credential: &Credential) -> Result<Authorization, ClientError> {
        use std::time::Duration;
        let target = Target {
            base_url: url::Url::parse("https://api.example/v1").unwrap(),
            credential: credential.clone(),
            headers: Vec::new(),
            private_addresses: false,
            ca: None,
            connect_timeout: Duration::from_secs(1),
            first_byte_timeout: Duration::from_secs(1),
            between_chunks_timeout: Duration::from_secs(1),
        };
        Authorization::new(&target, super::address::system())
    }

    /// Whether this header is the one in which the credential travels.
    pub(super) fn owns(&self, header: &HeaderName) -> bool {
        match self {
            Authorization::None | Authorization::Query(..) => false,
            Authorization::Header(name, _) => name == header,
            Authorization::Tokens(_) => header == AUTHORIZATION,
        }
    }

    /// Adds the credential, if it travels in a header; `token` is the one of this call, if it
    /// has one.
    pub(super) fn add(&self, headers: &mut HeaderMap, token: Option<&Token>) {
        if let Authorization::Header(name, value) = self {
            headers.insert(name.clone(), value.clone());
        }
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, token.bearer());
        }
    }

    /// What is to be appended to a query, if the credential travels there. A query that sets
    /// the parameter itself is refused: upstreams differ on which of two they take.
    pub(super) fn pair(&self, query: &str) -> Result<Option<&str>, Denied> {
        let Authorization::Query(name, pair) = self else {
            return Ok(None);
        };
        let same = |key: &str| key.eq_ignore_ascii_case(name);
        // A few servers still part pairs at semicolons.
        let taken = query
            .split(['&', ';'])
            .flat_map(|pair| form_urlencoded::parse(pair.as_bytes()))
            .any(|(key, _)| same(&key));
        if taken { Err(Denied::Parameter { name: name.clone() }) } else { Ok(Some(pair)) }
    }
}

/// The value of a header that the libraries below do not print, and keep out of HTTP/2's tables.
pub(super) fn sensitive(text: String) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = || Secret::of_test("sk-hidden");
        for credential in [
            Credential::Bearer(secret()),
            Credential::Header { name: HeaderName::from_static("x-key"), secret: secret() },
            Credential::Query { name: "key".into(), secret: secret() },
            Credential::Basic { username: "user".into(), secret: secret() },
        ] {
            assert!(!format!("{credential:?}").contains("hidden"));
            let mut headers = HeaderMap::new();
            Authorization::of_test(&credential).unwrap().add(&mut headers, None);
            assert!(!format!("{headers:?}").contains("hidden"));
        }
    }

    #[test]
    fn a_credential_that_cannot_be_sent_is_refused_without_being_shown() {
        for credential in [
            Credential::Bearer(Secret::of_test("a\nhidden")),
            Credential::Basic { username: "a:b".into(), secret: Secret::of_test("hidden") },
        ] {
            let Err(error) = Authorization::of_test(&credential) else { panic!("{credential:?}") };
            assert!(!format!("{error} {error:?}").contains("hidden"));
        }
    }

    #[test]
    fn the_parameter_of_the_credential_is_found_however_it_is_written() {
        let credential = Credential::Query { name: "key".into(), secret: Secret::of_test("a b&c") };
        let authorization = Authorization::of_test(&credential).unwrap();
        assert_eq!(authorization.pair("a=1&keys=2"), Ok(Some("key=a+b%26c")));
        for query in ["key=1", "a=1&key", "%6bey=1", "KEY=1", "a=1;key=2", "a&&k%65y="] {
            let denied = Denied::Parameter { name: "key".into() };
            assert_eq!(authorization.pair(query), Err(denied), "{query}");
        }
    }
}
