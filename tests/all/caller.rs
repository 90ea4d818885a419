//! A client that is not polite: it chooses its HTTP, its headers and the pieces of its body,
//! leaves when it likes, and sees every byte of what it gets.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Long enough for anything on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Which HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Http {
    /// HTTP/1.1.
    One,
    /// HTTP/2, known to be spoken without asking.
    Two,
}

/// Both of them.
pub(crate) const BOTH: [Http; 2] = [Http::One, Http::Two];

/// A connection to the gateway. Dropping it closes it, whatever is under way.
pub(crate) struct Caller {
    to: SocketAddr,
    sender: Sender,
    connection: JoinHandle<()>,
}

enum Sender {
    One(http1::SendRequest<Pieces>),
    Two(http2::SendRequest<Pieces>),
}

/// A body in pieces, without an announced length unless it is one piece.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    left: VecDeque<Bytes>,
    announced: bool,
    endless: bool,
}

impl Pieces {
    /// Pieces whose sum nobody is told.
    pub(crate) fn chunked(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        Self { left: pieces.into_iter().collect(), announced: false, endless: false }
    }

    /// A first piece, after which nothing comes.
    pub(crate) fn endless(first: impl Into<Bytes>) -> Self {
        Self { left: [first.into()].into(), announced: false, endless: true }
    }
}

impl<T: Into<Bytes>> From<T> for Pieces {
    fn from(whole: T) -> Self {
        let whole = whole.into();
        let left = if whole.is_empty() { VecDeque::new() } else { [whole].into() };
        Self { left, announced: true, endless: false }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.left.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None if self.endless => Poll::Pending,
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && !self.endless
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match (self.announced, self.left.iter().map(Bytes::len).sum::<usize>()) {
            (true, length) => hyper::body::SizeHint::with_exact(length as u64),
            (false, _) => hyper::body::SizeHint::default(),
        }
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Caller {
    /// Connects.
    pub(crate) async fn to(to: SocketAddr, http: Http) -> Result<Self> {
        let io = TokioIo::new(TcpStream::connect(to).await.context("connecting")?);
        let (sender, connection) = match http {
            Http::One => {
                let (sender, connection) = http1::handshake(io).await?;
                // How it ends is seen in the answers.
                (Sender::One(sender), tokio::spawn(async { drop(connection.await) }))
            }
            Http::Two => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
                (Sender::Two(sender), tokio::spawn(async { drop(connection.await) }))
            }
        };
        Ok(Self { to, sender, connection })
    }

    /// A request of this method for this path, without a body's type.
    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Pieces>,
    ) -> Result<Request<Pieces>> {
        let mut request = Request::builder().method(method);
        request = match self.sender {
            Sender::One(_) => request.uri(path).header("host", self.to.to_string()),
            Sender::Two(_) => request.uri(format!("http://{}{path}", self.to)),
        };
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Ok(request.body(body.into())?)
    }

    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn begin(&mut self, request: Request<Pieces>) -> Result<Response<Incoming>> {
        let answer = async {
            match &mut self.sender {
                Sender::One(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
                Sender::Two(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
            }
        };
        Ok(tokio::time::timeout(PATIENCE, answer).await.context("no answer began")??)
    }

    /// Sends a request and waits for all of its answer.
    pub(crate) async fn ask(&mut self, request: Request<Pieces>) -> Result<Reply> {
        let answer = self.begin(request).await?;
        let (head, body) = answer.into_parts();
        let body = tokio::time::timeout(PATIENCE, body.collect()).await;
        let body = body.context("the answer does not end")?.context("reading the answer")?;
        Ok(Reply { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() })
    }

    /// Posts JSON to the chats.
    pub(crate) async fn chat(&mut self, body: &Value) -> Result<Reply> {
        self.post("/v1/chat/completions", body).await
    }

    /// Posts JSON.
    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> Result<Reply> {
        let request = self.request(Method::POST, path, &[JSON], body.to_string())?;
        self.ask(request).await
    }

    /// Gets.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Reply> {
        self.get_with(path, &[]).await
    }

    /// Gets with these headers.
    pub(crate) async fn get_with(&mut self, path: &str, headers: &[(&str, &str)]) -> Result<Reply> {
        let request = self.request(Method::GET, path, headers, Bytes::new())?;
        self.ask(request).await
    }
}

/// Says that a body is JSON.
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

impl Drop for Caller {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Reply {
    /// The body as text.
    pub(crate) fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.body).context("the answer is not UTF-8")
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("the answer is no JSON: {:?}", self.body))
    }

    /// A header, empty where it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The data of the events of a stream, as an SDK would read them: an event without its blank
    /// line is not one.
    pub(crate) fn events(&self) -> Result<Vec<String>> {
        let text = self.text()?.replace("\r\n", "\n").replace('\r', "\n");
        ensure!(text.ends_with("\n\n"), "the last event lacks its blank line: {text:?}");
        let data = |block: &str| {
            let lines = block.lines().filter_map(|line| line.strip_prefix("data:"));
            let lines: Vec<&str> =
                lines.map(|data| data.strip_prefix(' ').unwrap_or(data)).collect();
            (!lines.is_empty()).then(|| lines.join("\n"))
        };
        Ok(text.split("\n\n").filter_map(data).collect())
    }

    /// That it is an error in the dialect's shape, with this status and this code; its message.
    pub(crate) fn refused(&self, status: u16, code: &str) -> Result<String> {
        ensure!(self.status == status, "expected {status}: {self:?}");
        ensure!(self.header("content-type") == "application/json", "{self:?}");
        let error = error_of(&self.json()?)?;
        ensure!(error["code"] == code, "expected the code {code}: {error}");
        ensure!(!self.header("x-request-id").is_empty(), "{self:?}");
        Ok(error["message"].as_str().unwrap_or_default().to_owned())
    }
}

/// The error in a body or an event, which has the four fields that SDKs read.
pub(crate) fn error_of(body: &Value) -> Result<Value> {
    let error = &body["error"];
    let fields: Vec<&String> = error.as_object().into_iter().flat_map(|it| it.keys()).collect();
    ensure!(fields.len() == 4, "{body}");
    ensure!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    ensure!(error["type"].as_str().is_some_and(|kind| !kind.is_empty()), "{body}");
    ensure!(error["code"].as_str().is_some_and(|code| !code.is_empty()), "{body}");
    ensure!(error["param"].is_string() || error["param"].is_null(), "{body}");
    Ok(error.clone())
}
