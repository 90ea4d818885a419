//! What is asked, where, and how its answer is read.

use super::Load;
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use std::cell::Cell;
use std::collections::BTreeSet;
use tokio::net::TcpStream;

/// The question, always the same one.
pub(crate) fn body(stream: bool) -> String {
    format!(
        "{{\"model\":\"auto\",\"messages\":[{{\"role\":\"system\",\"content\":\"You answer \
         questions about castles, in a few sentences and without lists.\"}},{{\"role\":\"user\",\
         \"content\":\"What is a portcullis, how was it raised, and why did some gateways have \
         two of them?\"}}],\"temperature\":0.7,\"max_tokens\":256,\"stream\":{stream}}}"
    )
}

/// A server and the question for it.
pub(crate) struct Target {
    address: String,
    host: HeaderValue,
    path: Uri,
    body: Bytes,
    look: Option<Look>,
    /// Names that were given, where each request has one.
    named: Option<Cell<u64>>,
    key: Option<HeaderValue>,
    /// What is not an error.
    expected: StatusCode,
}

/// What is looked for in an answer.
#[derive(Clone, Copy)]
enum Look {
    /// Stamps, of which there may be one.
    Stamps,
    /// An error.
    Errors,
}

/// How an answer ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As it should.
    Whole,
    /// With an error that it says.
    Broken,
}

impl Target {
    pub(crate) fn new(load: &Load) -> Result<Self> {
        let uri: Uri = load.url.parse()?;
        let address = uri.authority().context("no address in the URL")?.to_string();
        let host = HeaderValue::from_str(&address)?;
        let path = uri.path().parse()?;
        let body = Bytes::from(body(load.stream));
        let look = match (load.stamped, load.named) {
            (true, _) => Some(Look::Stamps),
            (_, true) => Some(Look::Errors),
            _ => None,
        };
        let named = load.named.then(Cell::default);
        let key = load.key.as_ref().map(|key| HeaderValue::from_str(&format!("Bearer {key}")));
        let expected = if load.unknown { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
        Ok(Self { address, host, path, body, look, named, key: key.transpose()?, expected })
    }

    pub(crate) async fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // What goes wrong with it is seen by whoever asks on it.
        tokio::spawn(async { connection.await.ok() });
        Ok(Connection(sender))
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let body = match &self.named {
            None => self.body.clone(),
            Some(names) => {
                names.set(names.get() + 1);
                let mut body = self.body.to_vec();
                body.truncate(body.len() - 1);
                let (process, name) = (std::process::id(), names.get());
                body.extend(format!(",\"user\":\"{process}-{name}\"}}").bytes());
                Bytes::from(body)
            }
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.path.clone();
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.host.clone());
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        if let Some(key) = &self.key {
            headers.insert(header::AUTHORIZATION, key.clone());
        }
        request
    }
}

/// A connection that is kept alive.
pub(crate) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    /// Whether it can be asked on.
    pub(crate) fn is_open(&self) -> bool {
        !self.0.is_closed()
    }

    /// Asks, and waits for the head of the answer.
    pub(crate) async fn ask(&mut self, target: &Target) -> Result<Answer> {
        self.0.ready().await?;
        let response = self.0.send_request(target.request()).await?;
        let (status, body) = (response.status(), response.into_body());
        if status != target.expected {
            let text = body.collect().await?.to_bytes();
            bail!("{status}: {}", String::from_utf8_lossy(&text));
        }
        Ok(Answer { body, newline: false, look: target.look, read: Vec::new() })
    }
}

/// An answer whose head has come.
pub(crate) struct Answer {
    body: Incoming,
    /// The last byte ended a line.
    newline: bool,
    look: Option<Look>,
    /// All that came, where it is looked at.
    read: Vec<u8>,
}

/// What stands before a stamp of ten characters.
const STAMP: &[u8] = b"stamp:";

impl Answer {
    /// Waits for the first bytes of content.
    pub(crate) async fn first(&mut self) -> Result<()> {
        let frame = self.body.frame().await.context("the stream ended before it began")??;
        self.newline = frame.data_ref().is_some_and(|data| data.ends_with(b"\n"));
        Ok(())
    }

    /// Reads to the end, and counts the events: an empty line ends one.
    pub(crate) async fn count(mut self, events: &Cell<u64>) -> Result<End> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame?;
            if let (Some(_), Some(data)) = (self.look, frame.data_ref()) {
                self.read.extend_from_slice(data);
            }
            for &byte in frame.data_ref().into_iter().flatten() {
                let newline = byte == b'\n';
                if newline && self.newline {
                    events.set(events.get() + 1);
                }
                self.newline = newline;
            }
        }
        match self.look {
            None => Ok(End::Whole),
            Some(Look::Stamps) => of_one_stamp(&self.read).map(|()| End::Whole),
            Some(Look::Errors) if memmem::find(&self.read, b"\"error\"").is_some() => {
                Ok(End::Broken)
            }
            Some(Look::Errors) => Ok(End::Whole),
        }
    }
}

/// That an answer says stamps, and one and the same.
fn of_one_stamp(answer: &[u8]) -> Result<()> {
    let places = memmem::find_iter(answer, STAMP).map(|at| at + STAMP.len());
    let stamps: BTreeSet<&[u8]> = places.filter_map(|at| answer.get(at..at + 10)).collect();
    match stamps.len() {
        1 => Ok(()),
        0 => bail!("an answer without a stamp: {}", String::from_utf8_lossy(answer)),
        _ => bail!("mixed: an answer of several versions: {}", String::from_utf8_lossy(answer)),
    }
}
