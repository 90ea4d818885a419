//! `portcullis ask`: one question, from a terminal.
//!
//! It goes the way that every client's request goes: over HTTP, to a gateway that runs or to
//! one that is started for it.

use super::{configuration, runtime};
use crate::config::{Config, Environment};
use crate::serve;
use crate::wire::sse::{Decoder, MAX_EVENT};
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HOST};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use portcullis_sandbox::Digest;
use serde_json::{Value, json};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::net::TcpStream;

/// What is asked, and of whom.
#[derive(clap::Args)]
pub(super) struct Question {
    /// The question.
    prompt: String,
    /// A model as "provider/model", or a route.
    #[arg(long, value_name = "MODEL", conflicts_with = "auto_route")]
    model: Option<String>,
    /// Leave the choice to the default route (the default).
    #[arg(long)]
    auto_route: bool,
    /// A label for the policies, as name=value; may be given more than once.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// The configuration [default: portcullis.toml, if it exists].
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    config: Option<PathBuf>,
    /// Ask a gateway that runs, at this address, with the key in PORTCULLIS_KEY if it wants one.
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<String>,
}

pub(super) fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Asks, prints the answer as it comes, and then where it went.
pub(super) fn run(question: &Question) -> Result<ExitCode> {
    if let Some(server) = &question.server {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        return runtime.block_on(ask(question, server, key()));
    }
    let (config, key) = only_here(configuration(question.config.as_deref())?);
    runtime(&config)?.block_on(async {
        let running = serve::start(config).await?;
        let outcome = ask(question, &running.clients.to_string(), Some(key)).await;
        running.stop().await;
        outcome
    })
}

/// The same gateway, on ports that nobody else uses, and a key to it that nobody else has.
pub(super) fn only_here(mut config: Config) -> (Config, String) {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    (config.server.listen, config.admin.listen) = (anywhere, anywhere);
    let key = format!("{:032x}", rand::random::<u128>());
    config.own_key = Some(Digest::of(key.as_bytes()));
    (config, key)
}

/// The key to a gateway that runs. The environment holds it: arguments can be seen by others.
pub(super) fn key() -> Option<String> {
    Environment::of_process().get("PORTCULLIS_KEY").map(str::to_owned)
}

async fn ask(question: &Question, server: &str, key: Option<String>) -> Result<ExitCode> {
    let label =
        |(name, value): &(String, String)| (format!("x-portcullis-label-{name}"), value.clone());
    let mut headers: Vec<(String, String)> = question.labels.iter().map(label).collect();
    headers.extend(key.map(authorization));
    let body = json!({
        "model": question.model.as_deref().unwrap_or("auto"),
        "stream": true,
        "stream_options": { "include_usage": true },
        "messages": [{ "role": "user", "content": question.prompt }],
    });
    let response = send(server, "/v1/chat/completions", &headers, body.to_string()).await?;
    let (parts, body) = response.into_parts();
    if !parts.status.is_success() {
        let body = body.collect().await?.to_bytes();
        bail!("{}: {}", parts.status, error_of(&body));
    }
    let usage = print(body).await?;
    report(&parts.headers, &usage);
    Ok(ExitCode::SUCCESS)
}

/// The header that shows a key.
pub(super) fn authorization(key: String) -> (String, String) {
    ("authorization".to_owned(), format!("Bearer {key}"))
}

/// Posts to a gateway, over a connection of its own.
pub(super) async fn send(
    server: &str,
    path: &str,
    headers: &[(String, String)],
    body: String,
) -> Result<http::Response<Incoming>> {
    call(server, Method::POST, path, headers, body.into()).await
}

/// Asks a gateway, over a connection of its own.
pub(super) async fn call(
    server: &str,
    method: Method,
    path: &str,
    headers: &[(String, String)],
    body: Bytes,
) -> Result<http::Response<Incoming>> {
    let stream = TcpStream::connect(server)
        .await
        .with_context(|| format!("no gateway answers at {server}"))?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = http::Request::builder().method(method).uri(path).header(HOST, server);
    if !headers.iter().any(|(name, _)| *name == CONTENT_TYPE.as_str()) {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    for (name, value) in headers {
        request = request.header(name, value);
    }
    Ok(sender.send_request(request.body(Full::new(body))?).await?)
}

/// Prints the text of a stream as it comes, and returns its usage.
async fn print(mut body: Incoming) -> Result<Value> {
    let mut decoder = Decoder::new(MAX_EVENT);
    let mut out = std::io::stdout();
    let mut usage = Value::Null;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        decoder.push(data);
        while let Some(event) = decoder.next()? {
            let Ok(chunk) = serde_json::from_str::<Value>(event.text()?) else {
                continue;
            };
            if chunk.get("error").is_some() {
                out.write_all(b"\n")?;
                bail!("the answer broke off: {}", error_of(event.text()?.as_bytes()));
            }
            if let Some(text) = chunk["choices"][0]["delta"]["content"].as_str() {
                out.write_all(text.as_bytes())?;
                out.flush()?;
            }
            if chunk["usage"].is_object() {
                usage = chunk["usage"].clone();
            }
        }
    }
    out.write_all(b"\n")?;
    Ok(usage)
}

pub(super) fn error_of(body: &[u8]) -> String {
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    match error["error"]["message"].as_str() {
        Some(message) => message.to_owned(),
        None => String::from_utf8_lossy(body).into_owned(),
    }
}

/// Where it went and what each part of the way took.
fn report(headers: &http::HeaderMap, usage: &Value) {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    eprintln!();
    eprintln!(
        "went to   {} by route `{}`, {}",
        text("x-portcullis-candidate"),
        text("x-portcullis-route"),
        attempts(text("x-portcullis-attempts"))
    );
    for (part, microseconds) in timings(text("server-timing")) {
        let what = if part == "upstream" { " (until its first word)" } else { "" };
        eprintln!("{part:<9} {microseconds:>8.0} µs{what}");
    }
    if let (Some(input), Some(output)) =
        (usage["prompt_tokens"].as_u64(), usage["completion_tokens"].as_u64())
    {
        eprintln!("tokens    {input} in, {output} out");
    }
    eprintln!("request   {}", text("x-request-id"));
}

fn attempts(count: &str) -> String {
    if count == "1" { "1 attempt".to_owned() } else { format!("{count} attempts") }
}

/// The parts of a `server-timing` header, in microseconds.
fn timings(header: &str) -> Vec<(&str, f64)> {
    let part = |part: &'_ str| -> Option<(usize, f64)> {
        let (name, duration) = part.split_once(";dur=")?;
        Some((name.len(), duration.parse::<f64>().ok()? * 1e3))
    };
    let parts = header.split(',').map(str::trim);
    parts.filter_map(|text| part(text).map(|(end, us)| (&text[..end], us))).collect()
}
