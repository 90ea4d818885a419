//! Five upstreams of which up to three are ill at any time, each second others and otherwise.
//!
//! They are parts of the mock: how each of them is follows from its number and the clock. Every
//! request has a name, by which the mock sees whether one was sent again after content of its
//! answer had gone out.

use crate::ask;
use crate::gateway::{self, Ground};
use crate::load::{Report, counted};
use crate::mock::{self, Body, Mock};
use crate::process::rest;
use crate::table::{Table, figure};
use anyhow::{Context as _, Result};
use futures_util::stream::{self, StreamExt as _};
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{Either, Full};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::future;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::Path;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Upstreams, and how many of them may be ill at a time.
const UPSTREAMS: u64 = 5;
const MOST_ILL: u64 = 3;
/// Requests a second: half of them are for streams.
const RATE: &str = "150";
/// Chunks of a stream, and between them.
const CHUNKS: usize = 10;
const PACE: Duration = Duration::from_millis(20);
/// For all to be well again.
const PATIENCE: Duration = Duration::from_secs(60);

/// How an upstream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Well,
    /// Takes the request and says nothing.
    Hangs,
    /// Closes the connection; one stream of ten after a first chunk.
    Resets,
    /// 200, and no JSON.
    Garbage,
    /// 429.
    Limited,
    /// 500.
    Broken,
}

/// How an upstream is in this second.
fn health(upstream: u64, second: u64) -> Health {
    let drawn = |what: &str, who: u64| {
        let mut hash = DefaultHasher::new();
        (what, who, second).hash(&mut hash);
        hash.finish()
    };
    let before = (0..UPSTREAMS).filter(|&other| drawn("ill", other) < drawn("ill", upstream));
    if before.count() as u64 >= drawn("how many", 0) % (MOST_ILL + 1) {
        return Health::Well;
    }
    match drawn("how", upstream) % 5 {
        0 => Health::Hangs,
        1 => Health::Resets,
        2 => Health::Garbage,
        3 => Health::Limited,
        _ => Health::Broken,
    }
}

fn second() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// What the mock saw of the requests that have a name.
#[derive(Default)]
struct Journal {
    /// Of whose answers content went out.
    answered: HashSet<String>,
    /// That came once more after that.
    repeated: u64,
}

fn journal() -> MutexGuard<'static, Journal> {
    static JOURNAL: LazyLock<Mutex<Journal>> = LazyLock::new(Mutex::default);
    JOURNAL.lock().unwrap_or_else(PoisonError::into_inner)
}

fn arrives(name: &str) {
    let mut journal = journal();
    if journal.answered.contains(name) {
        journal.repeated += 1;
    }
}

fn goes_out(name: &str) {
    journal().answered.insert(name.to_owned());
}

/// Answers as the upstream of this number does now; all are well from the second `until` on.
///
/// # Errors
///
/// Where it closes the connection instead.
pub(crate) async fn answer(
    upstream: u64,
    until: u64,
    asked: &[u8],
) -> Result<Response<Body>, io::Error> {
    let request: Value = serde_json::from_slice(asked).unwrap_or_default();
    let name = request["user"].as_str().unwrap_or_default().to_owned();
    if name.is_empty() {
        // Who is not counted asks how many were repeated.
        let repeated = journal().repeated;
        let answer = mock::ANSWER.replacen("portcullis", &format!("repeated:{repeated}."), 1);
        return Ok(whole(StatusCode::OK, answer));
    }
    arrives(&name);
    let now = second();
    let health = if now >= until { Health::Well } else { health(upstream, now) };
    let streamed = mock::is_streamed(asked);
    match health {
        Health::Hangs => future::pending().await,
        Health::Resets if streamed && name.ends_with('7') => {
            goes_out(&name);
            let broken = stream::iter([Ok(mock::event(mock::CHUNK)), Err(reset())]);
            Ok(events(mock::fallible(broken.boxed())))
        }
        Health::Resets => Err(reset()),
        Health::Garbage => Ok(whole(StatusCode::OK, "<html>Please log in.</html>".to_owned())),
        Health::Limited => Ok(whole(StatusCode::TOO_MANY_REQUESTS, error("rate_limit_exceeded"))),
        Health::Broken => Ok(whole(StatusCode::INTERNAL_SERVER_ERROR, error("server_error"))),
        Health::Well if streamed => {
            goes_out(&name);
            let chunks = stream::iter(0..CHUNKS).then(|index| async move {
                if index > 0 {
                    tokio::time::sleep(PACE).await;
                }
                mock::event(mock::CHUNK)
            });
            let last = stream::iter([mock::event(mock::LAST), mock::event("[DONE]")]);
            Ok(events(mock::pieces(chunks.chain(last).boxed())))
        }
        Health::Well => {
            goes_out(&name);
            Ok(whole(StatusCode::OK, mock::ANSWER.to_owned()))
        }
    }
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

fn error(code: &str) -> String {
    format!("{{\"error\":{{\"message\":\"ill\",\"type\":\"{code}\",\"code\":\"{code}\"}}}}")
}

fn whole(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::from(text)));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn events(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Measures for so many seconds.
pub(crate) fn measure(seconds: u64) -> Result<Table> {
    let (mock, ground) = (Mock::start()?, Ground::new()?);
    let until = second() + seconds + 2;
    let text = |clients, admin, folder: &Path| {
        let providers: String = (0..UPSTREAMS)
            .map(|number| {
                format!(
                    "[providers.p{number}]\nplugin = \"openai\"\nmodels = [\"m\"]\n\
                     base_url = \"{}/chaos/{number}/{until}/v1\"\n\
                     timeouts = {{ first_byte = \"500ms\" }}\n",
                    mock.address
                )
            })
            .collect();
        let candidates: Vec<String> = (0..UPSTREAMS).map(|number| format!("p{number}/m")).collect();
        format!(
            "[server]\nlisten = \"{clients}\"\n[admin]\nlisten = \"{admin}\"\n\
             [log]\nlevel = \"error\"\n[plugins]\ncache = {:?}\n{providers}\
             [policies.way]\nplugin = \"ordered\"\n\
             [routes.default]\npolicies = [\"way\"]\ncandidates = {candidates:?}\n",
            folder.join("cache")
        )
    };
    let server = gateway::start_with(&ground, text, false)?;
    let time = seconds.to_string();
    let [requests, streams] = thread::scope(|scope| {
        let load = |stream| {
            let (url, time) = (&server.url, &time);
            scope.spawn(move || {
                let shape = ["--named", "open", "--rate", RATE, "--seconds", time];
                counted(url, stream, &shape)
            })
        };
        let loads = [load(false), load(true)];
        let joined =
            loads.map(|load| load.join().map_err(|_| anyhow::anyhow!("a load panicked"))?);
        let [requests, streams]: [Result<Report>; 2] = joined;
        anyhow::Ok([requests?, streams?])
    })?;
    let repeated = repeated(&mock, until)?;
    let closed = closed(server.admin.context("the gateway has an admin address")?, &server.url)?;
    let answered = requests.requests + streams.requests;
    let failed = requests.failed + streams.failed;
    let mut table = Table::new("Chaos", &["", "measured", "target"]);
    let mut row =
        |what: &str, measured: String, target: &str| table.row(&[what, &measured, target]);
    row("answered", figure(answered as f64), "");
    row("refused", failed.to_string(), "");
    let served = answered as f64 / (answered + failed).max(1) as f64 * 100.0;
    row("answered, %", format!("{served:.3}"), "99.9");
    row(
        "of these, streams that broke off after content, and said so",
        streams.broken.to_string(),
        "",
    );
    row("sent again after content", repeated.to_string(), "0");
    row("circuits that did not close again", closed.to_string(), "0");
    row("p50 of a whole answer, ms", figure(requests.p50 / 1e3), "");
    row("p99 of a whole answer, ms", figure(requests.p99 / 1e3), "");
    table.remark(format!(
        "{UPSTREAMS} upstreams, of which up to {MOST_ILL} at a time hang, reset connections, answer \
         garbage, 429 or 500, each second others, for {seconds} s; {RATE} requests and {RATE} streams \
         a second, tried in the route's order with the default retries and 500 ms for a first byte."
    ));
    for failure in [&requests.failure, &streams.failure].into_iter().flatten() {
        table.remark(format!("A refusal: {failure}"));
    }
    Ok(table)
}

/// How many requests the mock saw again after content of their answers had gone out.
fn repeated(mock: &Mock, until: u64) -> Result<u64> {
    let address = mock.address.trim_start_matches("http://").parse()?;
    let answer = ask::get(address, &format!("/chaos/0/{until}/repeated"))?;
    let (_, number) = answer.split_once("repeated:").context("the mock does not say")?;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    Ok(digits.parse()?)
}

/// How many circuits are not closed though every candidate was asked while it was well.
fn closed(admin: std::net::SocketAddr, url: &str) -> Result<u64> {
    let began = Instant::now();
    loop {
        let path = url.trim_start_matches("http://");
        let address = path.split('/').next().unwrap_or_default().parse()?;
        for number in 0..UPSTREAMS {
            let said = json!({
                "model": format!("p{number}/m"),
                "messages": [{ "role": "user", "content": "Are you well?" }],
                "user": "closing",
            });
            ask::post(address, "/v1/chat/completions", &said)?;
        }
        let candidates = ask::get(admin, "/api/v1/candidates")?;
        let candidates: Value = serde_json::from_str(&candidates)?;
        let candidates = candidates.as_array().context("no list of candidates")?;
        let open = candidates.iter().filter(|it| it["circuit"] != "closed").count();
        if open == 0 || began.elapsed() > PATIENCE {
            return Ok(open as u64);
        }
        rest(Duration::from_millis(200));
    }
}
