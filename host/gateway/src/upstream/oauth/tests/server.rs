//! A token server and the API that takes its tokens, on one port of loopback.
//!
//! `POST /oauth/token` answers as RFC 6749 says in section 5, one scripted answer a request and
//! then a new token each time; everything else wants a token, and answers as RFC 6750 says in
//! section 3 where it is none of those that it takes.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// What the server was asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) form: String,
    pub(super) headers: HeaderMap,
}

/// Its script, and what it has seen.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    answers: Mutex<VecDeque<(u16, String)>>,
    asked: Mutex<Vec<Asked>>,
    /// Tokens that the API takes no more.
    revoked: Mutex<Vec<String>>,
    /// An answer of the token server takes one; closed to none until a test says so.
    gate: Semaphore,
    calls: Mutex<Vec<String>>,
}

impl Server {
    pub(super) async fn start() -> Arc<Server> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Arc::new(Server {
            address: listener.local_addr().unwrap(),
            answers: Mutex::default(),
            asked: Mutex::default(),
            revoked: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            calls: Mutex::default(),
        });
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = serving.clone();
                tokio::spawn(async move {
                    let service = service_fn(|request| server.clone().answer(request));
                    let builder = auto::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        server
    }

    pub(super) fn url(&self, path: &str) -> url::Url {
        format!("http://{}{path}", self.address).parse().unwrap()
    }

    /// The next answer of the token server.
    pub(super) fn then(&self, status: u16, body: &str) -> &Self {
        self.answers.lock().unwrap().push_back((status, body.to_owned()));
        self
    }

    /// Lets no request for a token be answered any more.
    pub(super) fn close(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Lets one more be answered.
    pub(super) fn let_one_pass(&self) {
        self.gate.add_permits(1);
    }

    pub(super) fn revoke(&self, token: &str) {
        self.revoked.lock().unwrap().push(token.to_owned());
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What the API's calls bore as their authorization.
    pub(super) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let (status, body) = match parts.uri.path() {
            "/oauth/token" => self.token(&body, parts.headers).await,
            _ => self.call(&parts.headers),
        };
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        Ok(response)
    }

    async fn token(&self, form: &[u8], headers: HeaderMap) -> (u16, String) {
        let form = String::from_utf8(form.to_vec()).unwrap();
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(Asked { form, headers });
            asked.len()
        };
        self.gate.acquire().await.unwrap().forget();
        let scripted = self.answers.lock().unwrap().pop_front();
        scripted.unwrap_or_else(|| (200, issued(number, 300)))
    }

    fn call(&self, headers: &HeaderMap) -> (u16, String) {
        let bearer = headers.get(AUTHORIZATION).map_or("", |it| it.to_str().unwrap());
        self.calls.lock().unwrap().push(bearer.to_owned());
        let token = bearer.strip_prefix("Bearer ").unwrap_or_default();
        let revoked = self.revoked.lock().unwrap().iter().any(|known| known == token);
        match token {
            "" => (400, "no token".to_owned()),
            token if revoked => (401, format!("{{\"error\":\"{token} is invalid\"}}")),
            token => (200, token.to_owned()),
        }
    }
}

/// An answer with the token `at-NUMBER`.
pub(super) fn issued(number: usize, lasts: u64) -> String {
    format!("{{\"access_token\":\"at-{number}\",\"token_type\":\"Bearer\",\"expires_in\":{lasts}}}")
}
