//! Listens, serves connections, and stops without cutting anybody off. Knows no JSON.

use crate::admin;
use crate::bookkeeper::{Bookkeeper, Working};
use crate::config::{Config, Server};
use crate::events::{ConnectionFailed, Drained, Draining, Listening};
use crate::gateway::Gateway;
use crate::load::{self, LoadProblems, Loaded};
use crate::reload::Reloader;
use crate::settle::settle;
use crate::uploads;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Headers of one request at most; more of them, or longer ones, are answered 431.
const MOST_HEADERS: usize = 100;
/// Bytes of a request's head at most.
const LONGEST_HEAD: usize = 64 << 10;
/// How long accepting pauses after the system had no more descriptors to give.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Why the gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something that was configured cannot be used.
    #[error(transparent)]
    Load(#[from] LoadProblems),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {why}")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// The system's word.
        why: io::Error,
    },
}

/// A gateway that serves.
pub struct Running {
    /// Where clients are served.
    pub clients: SocketAddr,
    /// Where the operator looks in.
    pub admin: SocketAddr,
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// Reads its configuration again.
    pub reloader: Arc<Reloader>,
    state: Arc<State>,
    serving: JoinHandle<usize>,
    administering: JoinHandle<usize>,
    following: JoinHandle<()>,
    bookkeeper: Option<Working>,
}

/// What the accept loops and the admin address share.
pub struct State {
    draining: AtomicBool,
    stop: watch::Sender<Stop>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Not,
    Clients,
    Everything,
}

impl State {
    /// Whether new requests should be sent elsewhere.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// Loads every plugin, then opens both ports.
///
/// # Errors
///
/// Everything that is wrong with what was configured; then, what keeps a port from opening.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let Loaded { gateway, bookkeeper } = load::gateway(config).await?;
    let gateway = Arc::new(gateway);
    uploads::settle(&gateway, &gateway.deployment()).await;
    let following = tokio::spawn(uploads::follow(gateway.clone()));
    let bookkeeper = bookkeeper.map(Bookkeeper::start);
    let config = &gateway.deployment().config;
    let server = config.server.clone();
    let (clients, clients_at) = listen(server.listen).await?;
    let (admin, admin_at) = listen(config.admin.listen).await?;
    let (stop, _) = watch::channel(Stop::Not);
    let state = Arc::new(State { draining: AtomicBool::new(false), stop });
    let serving = {
        let gateway = gateway.clone();
        let service = move |request| {
            let gateway = gateway.clone();
            // In a box of its own: a connection keeps the space of its service's future for as long
            // as the answer lasts, and this one is large and over when the head is sent.
            let answering = Box::pin(async move { gateway.answer(request).await });
            async move { Ok(answering.await) }
        };
        tokio::spawn(accept(clients, server.clone(), state.clone(), Stop::Clients, service))
    };
    let reloader = Arc::new(Reloader::new(gateway.clone()));
    let administering = {
        let shared = (gateway.clone(), state.clone(), reloader.clone());
        let service = move |request: http::Request<Incoming>| {
            let (gateway, state, reloader) = shared.clone();
            async move { Ok(admin::answer(&gateway, &state, &reloader, request).await) }
        };
        tokio::spawn(accept(admin, server, state.clone(), Stop::Everything, service))
    };
    Listening { whom: "clients", address: clients_at }.emit();
    Listening { whom: "admin", address: admin_at }.emit();
    Ok(Running {
        clients: clients_at,
        admin: admin_at,
        gateway,
        reloader,
        state,
        serving,
        administering,
        following,
        bookkeeper,
    })
}

impl Running {
    /// Stops: no new connections, the requests under way are waited for as long as was
    /// configured, then cut off. Returns how many connections were.
    pub async fn stop(self) -> usize {
        let server = &self.gateway.deployment().config.server;
        let under_way = server.concurrency - self.gateway.places.available_permits();
        Draining { under_way, patience: server.drain }.emit();
        self.state.draining.store(true, Ordering::Relaxed);
        self.state.stop.send_replace(Stop::Clients);
        let cut_off = self.serving.await.unwrap_or_default();
        self.state.stop.send_replace(Stop::Everything);
        self.administering.await.unwrap_or_default();
        self.following.abort();
        if let Some(bookkeeper) = self.bookkeeper {
            bookkeeper.stop().await;
        }
        Drained { cut_off }.emit();
        cut_off
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |why| StartError::Listen { address, why };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Accepts until it is told to stop, and waits for what it accepted. Returns how many
/// connections had to be cut off.
async fn accept<S, F, B>(
    listener: TcpListener,
    server: Server,
    state: Arc<State>,
    until: Stop,
    service: S,
) -> usize
where
    S: Fn(http::Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<http::Response<B>, Infallible>> + Send + 'static,
    B: hyper::body::Body<Data = bytes::Bytes, Error = Infallible> + Send + 'static,
{
    let builder = connection_builder(&server);
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = state.stop.subscribe();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // What is over is forgotten.
            Some(_) = connections.join_next() => continue,
            _ = stop.wait_for(|stop| *stop == until || *stop == Stop::Everything) => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(why) => {
                ConnectionFailed { why: &why }.emit();
                tokio::time::sleep(EXHAUSTED).await;
                continue;
            }
        };
        let service = service.clone();
        let served = builder.serve_connection(prompt(stream), service_fn(service)).into_owned();
        let watched = graceful.watch(served);
        connections.spawn(async move {
            if let Err(why) = settle(watched).await {
                ConnectionFailed { why: &why }.emit();
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(server.drain, graceful.shutdown()).await.is_ok() {
        return 0;
    }
    // Most of them waited for nothing, and are closed by now.
    while connections.try_join_next().is_some() {}
    let cut_off = connections.len();
    connections.shutdown().await;
    cut_off
}

/// Without this, a head and a body in two writes wait for the peer's delayed acknowledgement:
/// 40 ms a request.
fn prompt(stream: TcpStream) -> TokioIo<TcpStream> {
    if let Err(why) = stream.set_nodelay(true) {
        ConnectionFailed { why: &why }.emit();
    }
    TokioIo::new(stream)
}

fn connection_builder(server: &Server) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(server.header_timeout)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LONGEST_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(LONGEST_HEAD as u32)
        .max_concurrent_streams(1_000)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    builder
}
