//! From a name to a connection: resolved, judged, connected, and TLS spoken over it.
//!
//! The libraries that do it each have errors of their own, boxed into those of the next. Here
//! every step turns what can go wrong into [`SendError`] where it still knows what it was.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower_service::Service;

use super::address::Resolver;
use super::failure::{ClientError, SendError, chain};

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, SendError>> + Send>>;

/// After how long without a word the system asks whether the peer is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Makes connections to one upstream, over TLS where its address says `https`.
#[derive(Clone)]
pub(super) struct Connector {
    https: HttpsConnector<Tcp>,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(resolver: Resolver, tls: ClientConfig, timeout: Duration) -> Connector {
        let mut http = HttpConnector::new_with_resolver(resolver);
        http.enforce_http(false);
        // Without it the end of a request waits for the peer's acknowledgement of what came
        // before, which the peer may hold back for 40 ms.
        http.set_nodelay(true);
        http.set_keepalive(Some(KEEPALIVE));
        // Shared out among the addresses of a name, so that a dead one leaves time for the next.
        http.set_connect_timeout(Some(timeout));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(Tcp { http, timeout });
        Connector { https, timeout }
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = SendError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (connecting, after) = (self.https.call(to.clone()), self.timeout);
        Box::pin(async move {
            let Ok(connected) = tokio::time::timeout(after, connecting).await else {
                return Err(SendError::ConnectTimedOut { to: shown(&to), after });
            };
            // What is not ours by now, the TLS library said.
            connected.map_err(|error| match error.downcast::<SendError>() {
                Ok(ours) => *ours,
                Err(tls) => SendError::Tls { to: shown(&to), why: chain(tls.as_ref()) },
            })
        })
    }
}

/// The part below TLS.
#[derive(Clone)]
struct Tcp {
    http: HttpConnector<Resolver>,
    timeout: Duration,
}

impl Service<Uri> for Tcp {
    type Response = TokioIo<TcpStream>;
    type Error = SendError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (connecting, after) = (self.http.call(to.clone()), self.timeout);
        Box::pin(async move {
            connecting.await.map_err(|error| match SendError::of(&error) {
                SendError::Broken { .. } if timed_out(&error) => {
                    SendError::ConnectTimedOut { to: shown(&to), after }
                }
                SendError::Broken { why } => SendError::Connect { to: shown(&to), why },
                refused => refused,
            })
        })
    }
}

fn timed_out(error: &(dyn std::error::Error + 'static)) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut)
}

/// Name and port, which is all of an address that a message may hold.
fn shown(to: &Uri) -> String {
    to.authority().map(|authority| authority.to_string()).unwrap_or_default()
}

/// The TLS settings of one upstream. They hold its session tickets, so they are not shared.
///
/// The roots are the system's and those in the file `further`, if there is one.
pub(super) fn tls(secure: bool, further: Option<&Path>) -> Result<ClientConfig, ClientError> {
    let mut roots = if secure { system_roots().clone() } else { RootCertStore::empty() };
    if let Some(path) = further {
        let wrong = |why: String| ClientError::Authorities { path: path.to_path_buf(), why };
        let before = roots.len();
        let certificates = CertificateDer::pem_file_iter(path);
        for certificate in certificates.map_err(|error| wrong(error.to_string()))? {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
        if roots.len() == before {
            return Err(wrong("there is no certificate in it".to_string()));
        }
    }
    if secure && roots.is_empty() {
        return Err(ClientError::NoAuthorities);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::Tls { why: error.to_string() })?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}

/// Read once: there are a hundred and fifty of them, and a client for each provider.
fn system_roots() -> &'static RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        // A certificate that cannot be read, on any machine there is one, is not a reason to
        // do without the others.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots
    })
}

#[cfg(test)]
mod tests {
    use super::super::address::{Reach, system};
    use super::*;

    #[tokio::test]
    async fn nothing_waits_to_be_sent_in_larger_pieces() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let resolver = Resolver::new(Reach::Public, system());
        let within = Duration::from_secs(10);
        let mut connector = Connector::new(resolver, tls(false, None).unwrap(), within);
        match connector.call(to).await.unwrap() {
            MaybeHttpsStream::Http(stream) => assert!(stream.inner().nodelay().unwrap()),
            MaybeHttpsStream::Https(_) => panic!("nobody asked for TLS"),
        }
    }
}
