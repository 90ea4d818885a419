//! HTTP calls to one upstream.
//!
//! There is a client for each configured provider, so that connections and TLS sessions never
//! cross from one to another, even where two have the same address.
//!
//! **A request is sent once**, except that what met a kept connection that had died before the
//! first byte is sent on another. Everything else comes back as [`SendError::Broken`], and
//! whoever asked decides. A call that is rejected for its access token was not done: it is made
//! once more, with a new one.
//!
//! **Redirects are not followed.** They are replies, and lead where the operator did not say.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue, USER_AGENT};
use http::uri::{Authority, Scheme};
use http_body_util::Full;
use url::Url;

use super::address::{self, Lookup, Reach, Resolver};
use super::authorize::{Authorization, Credential, Secret};
use super::connect::{self, Connector};
use super::oauth::Token;
use super::pool::Pool;
use super::redact::redact;
use super::vet::{self, Base};

pub use super::failure::{ClientError, Denied, SendError};
pub use super::reply::{Reply, ReplyBody};
pub use super::vet::objection;

const NAME: HeaderValue =
    HeaderValue::from_static(concat!("portcullis/", env!("CARGO_PKG_VERSION")));

/// Where and how an upstream is called, as the operator configured it.
#[derive(Debug, Clone)]
pub struct Target {
    /// Scheme, host, port, and the beginning of every path.
    pub base_url: Url,
    /// What is added so that the upstream knows who calls.
    pub credential: Credential,
    /// Added to every call, in place of what the plugin says of the same name.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether the host's name may lead into a private network.
    pub private_addresses: bool,
    /// A file of certificate authorities (PEM) to trust beside the system's.
    pub ca: Option<PathBuf>,
    /// For resolving the name, connecting, and the TLS handshake, all together.
    pub connect_timeout: Duration,
    /// From the call to the head of the reply, the time to connect included.
    pub first_byte_timeout: Duration,
    /// For every pause in the body of the reply.
    pub between_chunks_timeout: Duration,
}

/// What a plugin wants to ask.
#[derive(Debug, Clone)]
pub struct Outgoing<'a> {
    /// One of GET, POST, PUT, PATCH and DELETE.
    pub method: &'a str,
    /// Appended to the base address.
    pub path_and_query: &'a str,
    /// Names and values.
    pub headers: &'a [(String, String)],
    /// The body; empty for none.
    pub body: Bytes,
}

/// Calls one upstream.
pub struct Client {
    pool: Pool,
    base: Base,
    authorization: Authorization,
    /// What is secret in the configured credential.
    secrets: Vec<Secret>,
    headers: Vec<(HeaderName, HeaderValue)>,
    first_byte_timeout: Duration,
    between_chunks_timeout: Duration,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("to", &self.base.authority).finish_non_exhaustive()
    }
}

impl Client {
    /// A client without connections. Reads the file of certificate authorities.
    pub fn new(target: Target) -> Result<Client, ClientError> {
        Client::resolving(target, address::system())
    }

    /// The same with another way of looking names up. What it finds is judged like any other.
    pub fn resolving(target: Target, lookup: Lookup) -> Result<Client, ClientError> {
        let url = &target.base_url;
        let host = url.host().ok_or(ClientError::Address)?;
        let reach = Reach::of(&host, target.private_addresses)?;
        let base = base(url)?;
        if let Some((name, _)) = target.headers.iter().find(|(name, _)| vet::is_the_hosts(name)) {
            return Err(ClientError::Header { name: name.to_string() });
        }
        let tls = connect::tls(base.scheme == Scheme::HTTPS, target.ca.as_deref())?;
        let authorization = Authorization::new(&target, lookup.clone())?;
        let resolver = Resolver::new(reach, lookup);
        let connector = Connector::new(resolver, tls, target.connect_timeout);
        let pool = Pool::new(connector, base.scheme.clone(), base.authority.clone());
        Ok(Client {
            pool,
            base,
            authorization,
            secrets: target.credential.secrets().cloned().collect(),
            headers: target.headers,
            first_byte_timeout: target.first_byte_timeout,
            between_chunks_timeout: target.between_chunks_timeout,
        })
    }

    /// Makes one call, and returns when the head of the reply is here. Dropping the future ends
    /// the call wherever it is.
    pub async fn send(&self, outgoing: Outgoing<'_>) -> Result<Reply, SendError> {
        let Authorization::Tokens(tokens) = &self.authorization else {
            return self.once(outgoing, None).await;
        };
        let token = tokens.get().await?;
        let reply = self.once(outgoing.clone(), Some(&token)).await?;
        if reply.status != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        match tokens.instead_of(&token).await? {
            Some(newer) => self.once(outgoing, Some(&newer)).await,
            None => Ok(reply),
        }
    }

    /// What an upstream wrote, without any secret of the credential that it may have repeated.
    pub fn redacted<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let configured = self.secrets.iter().map(|secret| secret.expose().to_owned());
        let fetched = match &self.authorization {
            Authorization::Tokens(tokens) => tokens.secrets(),
            _ => Vec::new(),
        };
        redact(text, configured.chain(fetched))
    }

    #[cfg(test)]
    pub(super) fn tokens(&self) -> Option<&super::oauth::Tokens> {
        match &self.authorization {
            Authorization::Tokens(tokens) => Some(tokens),
            _ => None,
        }
    }

    async fn once(
        &self,
        outgoing: Outgoing<'_>,
        token: Option<&Token>,
    ) -> Result<Reply, SendError> {
        let request = self.request(outgoing, token)?;
        let after = self.first_byte_timeout;
        let replied = tokio::time::timeout(after, self.pool.send(request)).await;
        let reply = replied.map_err(|_| SendError::FirstByteTimedOut { after })??;
        let (head, body) = reply.into_parts();
        let body = ReplyBody::new(body, self.between_chunks_timeout);
        Ok(Reply { status: head.status, headers: head.headers, body })
    }

    /// What the plugin said, checked, and what the host adds to it.
    fn request(
        &self,
        outgoing: Outgoing<'_>,
        token: Option<&Token>,
    ) -> Result<http::Request<Full<Bytes>>, Denied> {
        let mut request = http::Request::new(Full::new(outgoing.body));
        *request.method_mut() = vet::method(outgoing.method)?;
        *request.uri_mut() = self.base.join(outgoing.path_and_query, &self.authorization)?;
        let mut headers = vet::headers(outgoing.headers, &self.authorization)?;
        headers.entry(USER_AGENT).or_insert(NAME);
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        self.authorization.add(&mut headers, token);
        *request.headers_mut() = headers;
        Ok(request)
    }
}

/// The parts of a base address, if it has no others.
fn base(url: &Url) -> Result<Base, ClientError> {
    let scheme = match url.scheme() {
        "http" => Scheme::HTTP,
        "https" => Scheme::HTTPS,
        _ => return Err(ClientError::Address),
    };
    for (has, part) in [
        (!url.username().is_empty() || url.password().is_some(), "a user or a password"),
        (url.query().is_some(), "a query"),
        (url.fragment().is_some(), "a fragment"),
    ] {
        if has {
            return Err(ClientError::Part { part });
        }
    }
    let authority = url.authority().parse::<Authority>().map_err(|_| ClientError::Address)?;
    Ok(Base { scheme, authority, path: url.path().trim_end_matches('/').to_string() })
}

#[cfg(test)]
mod tests;
