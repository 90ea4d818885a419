//! Upstreams on loopback: one that speaks HTTP, and one that does what the test writes.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

pub(super) type Request = http::Request<Incoming>;
pub(super) type Response = http::Response<Full<Bytes>>;

/// An upstream and what it has seen.
#[derive(Clone)]
pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Upstream {
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    async fn bind() -> (TcpListener, Upstream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, Upstream { address, connections: Arc::default(), requests: Arc::default() })
    }

    /// Does `with` to each connection; the second argument is its number, from 0.
    pub(super) async fn raw<F>(with: impl Fn(TcpStream, usize) -> F + Send + 'static) -> Upstream
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (listener, upstream) = Upstream::bind().await;
        let connections = upstream.connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(with(stream, connections.fetch_add(1, Ordering::SeqCst)));
            }
        });
        upstream
    }

    pub(super) async fn http(answer: fn(Request) -> Response) -> Upstream {
        let (listener, upstream) = Upstream::bind().await;
        let seen = upstream.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(speak(stream, seen.clone(), answer));
            }
        });
        upstream
    }

    /// Over TLS, with HTTP/2 offered. The second is its certificate, as PEM.
    pub(super) async fn https(answer: fn(Request) -> Response) -> (Upstream, String) {
        let names = vec!["localhost".to_string(), "127.0.0.1".to_string()];
        let own = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (listener, upstream) = Upstream::bind().await;
        let seen = upstream.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), seen.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        speak(stream, seen, answer).await;
                    }
                });
            }
        });
        (upstream, own.cert.pem())
    }
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    seen: Upstream,
    answer: fn(Request) -> Response,
) {
    seen.connections.fetch_add(1, Ordering::SeqCst);
    let service = service_fn(|request| {
        seen.requests.fetch_add(1, Ordering::SeqCst);
        async move { Ok::<_, Infallible>(answer(request)) }
    });
    let serving = auto::Builder::new(TokioExecutor::new());
    let _ = serving.serve_connection(TokioIo::new(stream), service).await;
}

/// Answers with what was asked: the first line, then the headers.
pub(super) fn echo(request: Request) -> Response {
    let mut text = format!("{:?} {} {}\n", request.version(), request.method(), request.uri());
    for (name, value) in request.headers() {
        text.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
    }
    Response::new(text.into())
}

/// Reads a request with the body `{}`.
pub(super) async fn read_request(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n{}") {
        assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0, "the request ended early");
    }
}
