//! Where credentials go: to the upstream, and nowhere else.

use crate::caller::{Http, JSON};
use crate::house::{House, chat, provider};
use anyhow::{Result, ensure};
use http::Method;
use portcullis::config::Environment;
use portcullis_example_upstream::record::Recorded;
use portcullis_tests::logs;
use portcullis_tests::process::on_one_worker;
use serde_json::json;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::util::SubscriberInitExt;

const SECRET: &str = "sk-operators-Zm9vYmFy";
/// `user:` and the secret, in base64.
const BASIC: &str = "dXNlcjpzay1vcGVyYXRvcnMtWm05dlltRnk=";
const CLIENTS: &str = "sk-clients-own-secret";

/// All that is logged, down to the last word of the libraries.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<Vec<u8>>>);

impl io::Write for Everything {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs with one form of credential, whatever the upstream does, and looks for the secret in
/// everything that leaves the gateway by another way.
fn check(credential: &str, arrived: impl Fn(&Recorded) -> bool) -> Result<()> {
    // Beside the one of the process: alone, this one would miss what other threads met first.
    logs::listen();
    let log = Everything::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _here = subscriber.set_default();
    let seen = on_one_worker(async {
        let mut seen = Vec::new();
        for kind in ["true", "false"] {
            let lines = format!(
                "credential = {credential}\nsettings = {{ passthrough = {kind} }}\n\
                 timeouts = {{ first_byte = \"100ms\" }}"
            );
            seen.push(exchange(&provider("house", &lines), &arrived).await?);
        }
        Ok(seen.concat())
    })?;
    let logged = log.0.lock().unwrap_or_else(PoisonError::into_inner);
    let logged = String::from_utf8_lossy(&logged).into_owned();
    ensure!(logged.contains("request finished"), "there is no log: {logged}");
    for (place, text) in [("an answer or a record", seen), ("the log", logged)] {
        for secret in [SECRET, BASIC, CLIENTS] {
            if let Some(at) = text.find(secret) {
                let start = text.floor_char_boundary(at.saturating_sub(300));
                anyhow::bail!("{secret} is in {place}: …{}", &text[start..at + secret.len()]);
            }
        }
    }
    Ok(())
}

/// Asks for all kinds of answers; returns everything that can be seen of them.
async fn exchange(lines: &str, arrived: impl Fn(&Recorded) -> bool) -> Result<String> {
    let environment = Environment::from_iter([("HOUSE_KEY", SECRET)]);
    let house = House::open_with(lines, &environment).await?;
    let mut seen = format!("{:?}", house.running.gateway.deployment().config);
    for script in ["echo", "error-401", "error-500", "redirect", "cut-after-3", "silent", "empty"] {
        for streaming in [true, false] {
            let mut caller = house.caller(Http::One).await?;
            let bearer = format!("Bearer {CLIENTS}");
            let headers = [
                JSON,
                ("authorization", bearer.as_str()),
                ("x-api-key", CLIENTS),
                ("api-key", CLIENTS),
                ("x-goog-api-key", CLIENTS),
                ("cookie", CLIENTS),
                ("proxy-authorization", CLIENTS),
            ];
            let body = chat(&format!("house/{script}"), streaming).to_string();
            let request = caller.request(Method::POST, "/v1/chat/completions", &headers, body)?;
            let answer = caller.ask(request).await?;
            seen.push_str(&format!("{answer:?}"));
        }
    }
    let mut caller = house.caller(Http::One).await?;
    let body = json!({ "model": "house/embed", "input": "x" });
    seen.push_str(&format!("{:?}", caller.post("/v1/embeddings", &body).await?));
    seen.push_str(house.admin("/api/v1/requests").await?.text()?);
    let calls = house.upstream.requests();
    ensure!(calls.len() > 10, "{}", calls.len());
    for call in &calls {
        ensure!(arrived(call), "the credential did not arrive: {call:?}");
        let all = format!("{:?}{}{:?}", call.headers, call.path, call.body);
        ensure!(!all.contains(CLIENTS), "the client's own secret went on: {call:?}");
    }
    house.settled().await?;
    Ok(seen)
}

fn header(call: &Recorded, name: &str, value: &str) -> bool {
    call.headers.get_all(name).iter().collect::<Vec<_>>() == [value]
}

#[test]
fn a_bearer_reaches_the_upstream_alone() -> Result<()> {
    let arrived = |call: &Recorded| header(call, "authorization", &format!("Bearer {SECRET}"));
    check("{ env = \"HOUSE_KEY\" }", arrived)?;
    check("{ bearer = { env = \"HOUSE_KEY\" } }", arrived)
}

#[test]
fn a_header_of_its_own_reaches_the_upstream_alone() -> Result<()> {
    check("{ header = { name = \"x-api-key\", env = \"HOUSE_KEY\" } }", |call| {
        header(call, "x-api-key", SECRET) && call.header("authorization").is_none()
    })
}

#[test]
fn a_parameter_reaches_the_upstream_alone() -> Result<()> {
    check("{ query = { name = \"key\", env = \"HOUSE_KEY\" } }", |call| {
        call.path.ends_with(&format!("?key={SECRET}")) && call.header("authorization").is_none()
    })
}

#[test]
fn a_password_reaches_the_upstream_alone() -> Result<()> {
    check("{ basic = { username = \"user\", env = \"HOUSE_KEY\" } }", |call| {
        header(call, "authorization", &format!("Basic {BASIC}"))
    })
}

#[test]
fn a_secret_of_a_file_reaches_the_upstream_alone() -> Result<()> {
    let files = tempfile::TempDir::new()?;
    let file = files.path().join("key");
    std::fs::write(&file, format!("{SECRET}\n"))?;
    check(&format!("{{ file = {file:?} }}"), |call| {
        header(call, "authorization", &format!("Bearer {SECRET}"))
    })
}

#[test]
fn no_credential_is_none_and_not_the_clients() -> Result<()> {
    check("\"none\"", |call| call.header("authorization").is_none())
}
