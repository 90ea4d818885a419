//! Listening, and the handle that tests hold.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::record::{Journal, Recorded};
use crate::respond::respond;

/// A running server. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    journal: Arc<Journal>,
    accepting: JoinHandle<()>,
}

impl Upstream {
    /// Starts on a free port of 127.0.0.1, on the current Tokio runtime.
    pub async fn start() -> io::Result<Upstream> {
        Upstream::start_on(0).await
    }

    /// Starts on this port of 127.0.0.1; 0 takes a free one.
    pub async fn start_on(port: u16) -> io::Result<Upstream> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let journal = Arc::new(Journal::default());
        let accepting = tokio::spawn(accept(listener, journal.clone()));
        Ok(Upstream { address, journal, accepting })
    }

    /// Its address without a path, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request since the start or the last [`reset`](Upstream::reset), in order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.journal.requests()
    }

    /// How many requests are being answered right now.
    pub fn in_flight(&self) -> usize {
        self.journal.in_flight()
    }

    /// Waits until nothing is being answered.
    pub async fn wait_idle(&self) {
        self.journal.wait_for(|journal| (journal.in_flight() == 0).then_some(())).await;
    }

    /// Waits until a request of this model was abandoned by its client, and returns it.
    pub async fn wait_cancelled(&self, model: &str) -> Recorded {
        self.journal.wait_for(|journal| journal.abandoned(model).pop()).await
    }

    /// Waits until a request of this model has arrived, and returns it.
    pub async fn wait_request(&self, model: &str) -> Recorded {
        self.journal.wait_for(|journal| journal.of_model(model).pop()).await
    }

    /// Waits until the server ends, which it does only when its task is stopped.
    pub async fn serve(&mut self) {
        let _ = (&mut self.accepting).await;
    }

    /// Forgets the requests and the counters of the `flaky` models.
    pub fn reset(&self) {
        self.journal.reset();
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Owns the connections, so that they end when it does.
async fn accept(listener: TcpListener, journal: Arc<Journal>) {
    let mut connections = JoinSet::new();
    loop {
        // A failed accept (too many open files) is not the end of the server; but without
        // giving way here, it would spin until a file is closed.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        connections.spawn(serve(stream, journal.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, journal: Arc<Journal>) {
    // Without it, every second small chunk of a stream waits 40 ms for the peer's delayed
    // acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let journal = journal.clone();
        async move { Ok::<_, Infallible>(respond(&journal, request).await) }
    });
    // A connection that breaks is the client's business, and it is in the journal.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
