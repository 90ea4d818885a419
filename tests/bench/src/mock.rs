//! An upstream that does as little as possible, so that what is measured is not it.
//!
//! The first part of the path says how it answers: `/chat/…` at once and whole,
//! `/sse/COUNT/MILLISECONDS/…` as a stream of so many chunks at such a pace, `/hold/…` with one
//! chunk of content and then nothing more, for as long as the connection lasts. `/both/COUNT/…` is
//! whole or a stream as it is asked for, and says back the stamp that it was called with;
//! `/chaos/NUMBER/…` is as well or ill as [`crate::chaos::health`] has it.

use crate::chaos;
use crate::process::Running;
use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// About 700 bytes, as chat answers are.
pub(crate) const ANSWER: &str = r#"{"id":"chatcmpl-AZJ8Gq3u1x7yZ5f0kqfW2n9mB4c1d","object":"chat.completion","created":1732166400,"model":"m0","choices":[{"index":0,"message":{"role":"assistant","content":"A portcullis is a heavy gate of wood and iron that slides down in grooves to close the gateway of a castle. It could be dropped within a moment, and raised again with a winch in the room above. Some gateways had two of them, so that attackers could be caught between.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":42,"completion_tokens":61,"total_tokens":103,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"system_fingerprint":"fp_0123456789"}"#;

/// One chunk of content, as long as those of large vendors.
pub(crate) const CHUNK: &str = r#"{"id":"chatcmpl-AZJ8Gq3u1x7yZ5f0kqfW2n9mB4c1d","object":"chat.completion.chunk","created":1732166400,"model":"m0","system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":{"content":" portcullis"},"logprobs":null,"finish_reason":null}]}"#;

pub(crate) const LAST: &str = r#"{"id":"chatcmpl-AZJ8Gq3u1x7yZ5f0kqfW2n9mB4c1d","object":"chat.completion.chunk","created":1732166400,"model":"m0","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

pub(crate) type Body =
    Either<Full<Bytes>, StreamBody<BoxStream<'static, io::Result<Frame<Bytes>>>>>;

/// Serves until standard input ends.
pub(crate) fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        let (ended, end) = oneshot::channel();
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            let _ = ended.send(());
        });
        tokio::spawn(accept(listener));
        Ok(end.await?)
    })
}

async fn accept(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        // Without it answers are late, and somebody will wonder why.
        let _ = stream.set_nodelay(true);
        let served =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
        // Clients go away in the middle of streams; that is what they are asked to do.
        tokio::spawn(async { served.await.ok() });
    }
}

async fn answer(request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let asked = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut path = parts.uri.path().split('/').skip(1);
    let kind = path.next().unwrap_or_default();
    let mut number = || path.next().and_then(|part| part.parse::<u64>().ok()).unwrap_or_default();
    let (body, content_type) = match kind {
        "sse" => (paced(number(), Duration::from_millis(number())), "text/event-stream"),
        "hold" => (held(), "text/event-stream"),
        "both" if is_streamed(&asked) => {
            let (chunk, count) = (stamped(CHUNK, &parts.headers), number());
            (paced_by(chunk, count, Duration::from_millis(number())), "text/event-stream")
        }
        "both" => {
            let answer = stamped(ANSWER, &parts.headers);
            (Either::Left(Full::from(answer)), "application/json")
        }
        "chaos" => return chaos::answer(number(), number(), &asked).await,
        _ => (Either::Left(Full::from(ANSWER)), "application/json"),
    };
    let mut response = Response::new(body);
    let content_type = header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Ok(response)
}

/// So many chunks at such a pace. Streams do not tick together: each begins a little later in
/// the pace than the one before it.
fn paced(count: u64, pace: Duration) -> Body {
    paced_by(CHUNK.to_owned(), count, pace)
}

fn paced_by(chunk: String, count: u64, pace: Duration) -> Body {
    let chunk = event(&chunk);
    static STREAMS: AtomicU64 = AtomicU64::new(0);
    let shift = STREAMS.fetch_add(1, Ordering::Relaxed).wrapping_mul(7) % 20;
    let begin = Instant::now() + pace * u32::try_from(shift).unwrap_or_default() / 20;
    let chunks = stream::unfold(0, move |sent| {
        let chunk = chunk.clone();
        async move {
            if sent == count {
                return None;
            }
            sleep_until(begin + pace * u32::try_from(sent).unwrap_or(u32::MAX)).await;
            Some((chunk, sent + 1))
        }
    });
    pieces(chunks.chain(stream::iter([event(LAST), event("[DONE]")])).boxed())
}

/// Whether the body asks for a stream.
pub(crate) fn is_streamed(asked: &[u8]) -> bool {
    memchr::memmem::find(asked, b"\"stream\":true").is_some()
}

/// An answer whose word is the stamp that its call has.
fn stamped(answer: &str, headers: &http::HeaderMap) -> String {
    let stamp = headers.get("x-stamp").and_then(|stamp| stamp.to_str().ok());
    answer.replacen("portcullis", stamp.unwrap_or("portcullis"), 1)
}

pub(crate) fn held() -> Body {
    pieces(stream::iter([event(CHUNK)]).chain(stream::pending()).boxed())
}

pub(crate) fn pieces(events: BoxStream<'static, Bytes>) -> Body {
    fallible(events.map(Ok).boxed())
}

/// The same, of what may break off.
pub(crate) fn fallible(events: BoxStream<'static, io::Result<Bytes>>) -> Body {
    Either::Right(StreamBody::new(events.map(|bytes| bytes.map(Frame::data)).boxed()))
}

pub(crate) fn event(data: &str) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

/// A mock in a process of its own.
pub(crate) struct Mock {
    /// Where it listens: `http://127.0.0.1:PORT`.
    pub(crate) address: String,
    _running: Running,
    _stdin: Option<ChildStdin>,
}

impl Mock {
    pub(crate) fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("mock").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = Running::start(&mut command)?;
        let stdout = running.0.stdout.take().context("the mock's output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let stdin = running.0.stdin.take();
        Ok(Self { address: line.trim().to_owned(), _running: running, _stdin: stdin })
    }
}
