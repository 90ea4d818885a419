//! Connections to one upstream: made when there is none, kept while they are of use.
//!
//! **An HTTP/1.1 connection is driven by whoever it is lent to.** The usual way is a task for
//! each connection, which a call talks to through channels; then every request and every chunk
//! wakes two tasks, often on another core. Here the call polls the connection itself, in its
//! own task, and nobody polls one that is not lent: whether it is still alive is looked at when
//! it is taken, and every now and then.
//!
//! An HTTP/2 connection carries many calls at once, so it has a task of its own.
//!
//! **A request is sent once.** It is sent again only if hyper hands it back, and hyper (1.12)
//! hands it back only from the queue in front of a connection: `client::dispatch` takes the
//! request out of its envelope when the connection begins to write it, and every error after
//! that comes without it, over HTTP/1.1 as over HTTP/2. And only if the connection had been
//! used before: one that is new and fails will not do better the next time.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, Version};
use http_body::{Body as _, Frame};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::connect::Connection as _;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tower_service::Service as _;

use super::connect::Connector;
use super::failure::{SendError, chain};

/// Bytes that are read from an upstream at once. A stream's events are small, and a buffer that
/// grew with the fastest burst would stay.
const READ_BUFFER: usize = 8 << 10;
/// How long an unused connection is kept. Many servers drop theirs after 60 to 120 seconds, and
/// a connection that is closed while a request is written to it costs that request.
const IDLE: Duration = Duration::from_secs(90);
/// How many unused connections are kept.
const MOST_IDLE: usize = 256;
/// How often unused connections are looked at.
const SWEEP: Duration = Duration::from_secs(15);
/// How often an HTTP/2 connection with calls on it is asked whether it is still there: without
/// it, a peer that has gone without a word is noticed only by the time-outs of the calls.
const PING: Duration = Duration::from_secs(30);

type Outgoing = Request<Full<Bytes>>;
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type Unsent = TrySendError<Outgoing>;

/// Calls one upstream over as few connections as it takes.
pub(super) struct Pool {
    connector: Connector,
    scheme: Scheme,
    authority: Authority,
    /// The authority as HTTP/1.1 names it: without the port that its scheme has anyway.
    host: HeaderValue,
    kept: Arc<Kept>,
}

/// A reply's body, with the connection that it comes on.
#[derive(Debug)]
pub(super) struct Coming {
    incoming: Incoming,
    /// Until its end; over HTTP/2 the connection is driven by its own task.
    line: Option<Line>,
}

impl Pool {
    pub(super) fn new(connector: Connector, scheme: Scheme, authority: Authority) -> Pool {
        let usual = if scheme == Scheme::HTTPS { 443 } else { 80 };
        let host = match authority.port_u16() {
            Some(port) if port != usual => authority.as_str(),
            _ => authority.host(),
        };
        // An authority holds nothing that a header may not.
        let host = HeaderValue::from_str(host).unwrap_or(HeaderValue::from_static(""));
        Pool { connector, scheme, authority, host, kept: Arc::default() }
    }

    /// Sends a request, and returns when the head of its reply is here. Dropping the future, or
    /// what it returns, ends the call wherever it is.
    pub(super) async fn send(&self, mut request: Outgoing) -> Result<Response<Coming>, SendError> {
        loop {
            let (connection, used) = match self.kept.take() {
                Some(connection) => (connection, true),
                None => (self.connect().await?, false),
            };
            let mut failed = match connection {
                Connection::Http1(mut line) => {
                    self.name_host(&mut request);
                    match line.send(request).await {
                        Ok(reply) => return Ok(reply.map(|body| Coming::on(line, body))),
                        Err(failed) => failed,
                    }
                }
                Connection::Http2(mut sender) => {
                    self.name_address(&mut request);
                    match sender.try_send_request(request).await {
                        Ok(reply) => return Ok(reply.map(Coming::alone)),
                        Err(failed) => {
                            self.kept.lock().shared = None;
                            failed
                        }
                    }
                }
            };
            match failed.take_message() {
                Some(unsent) if used => request = unsent,
                _ => return Err(SendError::Broken { why: chain(failed.error()) }),
            }
        }
    }

    async fn connect(&self) -> Result<Connection, SendError> {
        let broken = |error: hyper::Error| SendError::Broken { why: chain(&error) };
        let stream = self.connector.clone().call(self.address(None)).await?;
        if !stream.connected().is_negotiated_h2() {
            let mut builder = http1::Builder::new();
            builder.read_buf_exact_size(Some(READ_BUFFER));
            let (sender, driver) = builder.handshake(stream).await.map_err(broken)?;
            let driver = Some(Box::new(driver));
            return Ok(Connection::Http1(Line {
                sender,
                driver,
                home: Arc::downgrade(&self.kept),
            }));
        }
        // Others may have connected meanwhile; one is enough for all.
        if let Some(sender) = self.kept.lock().shared() {
            return Ok(Connection::Http2(sender));
        }
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).keep_alive_interval(PING);
        let (sender, driver) = builder.handshake(stream).await.map_err(broken)?;
        // What goes wrong with it is seen by the calls on it.
        tokio::spawn(async { driver.await.ok() });
        self.kept.lock().shared = Some(sender.clone());
        Ok(Connection::Http2(sender))
    }

    /// The form of HTTP/1.1: the path alone, and the host in a header.
    fn name_host(&self, request: &mut Outgoing) {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
        *request.version_mut() = Version::HTTP_11;
        request.headers_mut().insert(HOST, self.host.clone());
    }

    /// The form of HTTP/2: the whole address.
    fn name_address(&self, request: &mut Outgoing) {
        *request.uri_mut() = self.address(request.uri().path_and_query().cloned());
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().remove(HOST);
    }

    fn address(&self, path: Option<PathAndQuery>) -> Uri {
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path.unwrap_or(PathAndQuery::from_static("/")));
        // Three valid parts make a valid whole.
        Uri::from_parts(parts).unwrap_or_default()
    }
}

enum Connection {
    Http1(Line),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// An HTTP/1.1 connection in the hands of one call. Dropping it closes it.
#[derive(Debug)]
struct Line {
    sender: http1::SendRequest<Full<Bytes>>,
    /// Until the connection is over.
    driver: Option<Box<http1::Connection<Stream, Full<Bytes>>>>,
    home: Weak<Kept>,
}

impl Line {
    async fn send(&mut self, request: Outgoing) -> Result<Response<Incoming>, Unsent> {
        let Line { sender, driver, .. } = self;
        let mut reply = pin!(sender.try_send_request(request));
        poll_fn(|cx| {
            if let Poll::Ready(reply) = reply.as_mut().poll(cx) {
                return Poll::Ready(reply);
            }
            drive(driver, cx);
            reply.as_mut().poll(cx)
        })
        .await
    }

    /// Whether another request can be sent on it.
    fn is_ready(&mut self) -> bool {
        drive(&mut self.driver, &mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Back to where it was taken from, if it can be used again.
    fn rest(mut self) {
        if self.is_ready()
            && let Some(home) = self.home.upgrade()
        {
            home.keep(self);
        }
    }
}

/// Lets a connection do what it can do now. When it is over it is dropped, which tells whoever
/// still waits for something from it.
fn drive(driver: &mut Option<Box<http1::Connection<Stream, Full<Bytes>>>>, cx: &mut Context<'_>) {
    if let Some(driving) = driver
        && Pin::new(driving).poll(cx).is_ready()
    {
        *driver = None;
    }
}

impl Coming {
    fn on(line: Line, incoming: Incoming) -> Coming {
        Coming { incoming, line: Some(line) }
    }

    fn alone(incoming: Incoming) -> Coming {
        Coming { incoming, line: None }
    }

    /// Bytes that will still come, at least.
    pub(super) fn at_least(&self) -> u64 {
        self.incoming.size_hint().lower()
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut polled = Pin::new(&mut self.incoming).poll_frame(cx);
        if polled.is_pending()
            && let Some(line) = &mut self.line
        {
            drive(&mut line.driver, cx);
            polled = Pin::new(&mut self.incoming).poll_frame(cx);
        }
        let frame = ready!(polled);
        if frame.is_none()
            && let Some(line) = self.line.take()
        {
            line.rest();
        }
        Poll::Ready(frame)
    }
}

/// Connections that nobody uses right now, and the one that all can use.
#[derive(Debug, Default)]
struct Kept(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The one used last is taken first, so that those that are not needed grow old.
    idle: Vec<Idle>,
    shared: Option<http2::SendRequest<Full<Bytes>>>,
    sweeping: bool,
}

#[derive(Debug)]
struct Idle {
    line: Line,
    since: Instant,
}

impl State {
    fn shared(&self) -> Option<http2::SendRequest<Full<Bytes>>> {
        self.shared.clone().filter(|sender| !sender.is_closed())
    }
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Connection> {
        loop {
            let mut idle = {
                let mut state = self.lock();
                if let Some(sender) = state.shared() {
                    return Some(Connection::Http2(sender));
                }
                state.idle.pop()?
            };
            if idle.is_alive() {
                return Some(Connection::Http1(idle.line));
            }
        }
    }

    fn keep(self: &Arc<Self>, line: Line) {
        let mut state = self.lock();
        if state.idle.len() >= MOST_IDLE {
            return;
        }
        state.idle.push(Idle { line, since: Instant::now() });
        if !std::mem::replace(&mut state.sweeping, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }
}

impl Idle {
    fn is_alive(&mut self) -> bool {
        self.since.elapsed() < IDLE && self.line.is_ready()
    }
}

/// Closes what has grown old and what the upstream has closed, until nothing is left.
async fn sweep(kept: Weak<Kept>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(kept) = kept.upgrade() else { return };
        let mut state = kept.lock();
        state.idle.retain_mut(Idle::is_alive);
        if state.idle.is_empty() {
            state.sweeping = false;
            return;
        }
    }
}
