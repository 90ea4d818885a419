//! `portcullis explain`: where a request would go and why, from a terminal.
//!
//! The gateway that answers clients answers this too, so what it says is what would happen.

use super::ask::{authorization, key, only_here, send};
use super::{configuration, runtime};
use crate::serve;
use anyhow::{Context as _, Result, bail};
use http_body_util::BodyExt as _;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// What is to be explained, and by whom.
#[derive(clap::Args)]
pub(super) struct Question {
    /// The request's body, as JSON.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Where a client would post it.
    #[arg(long, value_name = "PATH", default_value = "/v1/chat/completions")]
    path: String,
    /// A label for the policies, as name=value; may be given more than once.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = super::ask::label)]
    labels: Vec<(String, String)>,
    /// The configuration [default: portcullis.toml, if it exists].
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    config: Option<PathBuf>,
    /// Ask a gateway that runs, at this address: it knows how its candidates did of late.
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<String>,
}

/// Prints where the request would go. Nobody is asked for an answer.
pub(super) fn run(question: &Question) -> Result<ExitCode> {
    let file = question.file.display();
    let body = std::fs::read_to_string(&question.file).with_context(|| format!("{file}"))?;
    if let Some(server) = &question.server {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        return runtime.block_on(explain(question, body, server, key()));
    }
    let (config, key) = only_here(configuration(question.config.as_deref())?);
    runtime(&config)?.block_on(async {
        let running = serve::start(config).await?;
        let outcome = explain(question, body, &running.clients.to_string(), Some(key)).await;
        running.stop().await;
        outcome
    })
}

async fn explain(
    question: &Question,
    body: String,
    server: &str,
    key: Option<String>,
) -> Result<ExitCode> {
    let mut headers = vec![("x-portcullis-explain".to_owned(), "plan".to_owned())];
    for (name, value) in &question.labels {
        headers.push((format!("x-portcullis-label-{name}"), value.clone()));
    }
    headers.extend(key.map(authorization));
    let (parts, body) = send(server, &question.path, &headers, body).await?.into_parts();
    let said = body.collect().await?.to_bytes();
    let explanation = if parts.status.is_success() {
        serde_json::from_slice(&said)?
    } else {
        let header = parts.headers.get("x-portcullis-explanation");
        let Some(explanation) = header.and_then(|it| serde_json::from_slice(it.as_bytes()).ok())
        else {
            bail!("{}: {}", parts.status, super::ask::error_of(&said));
        };
        eprintln!("{}: {}\n", parts.status, super::ask::error_of(&said));
        explanation
    };
    print!("{}", text(&explanation));
    Ok(if parts.status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// An explanation for people.
fn text(explanation: &Value) -> String {
    let mut text = String::new();
    let line = |text: &mut String, what: &str, said: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{what:<11}{said}");
    };
    let string = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    line(&mut text, "asked for", &string(&explanation["asked"]));
    line(&mut text, "route", &string(&explanation["route"]));
    for candidate in list(&explanation["candidates"]) {
        line(&mut text, "candidate", &string(&candidate));
    }
    for removed in list(&explanation["removed"]) {
        let said = format!("{}: {}", string(&removed["candidate"]), string(&removed["why"]));
        line(&mut text, "removed", &said);
    }
    for asked in list(&explanation["policies"]) {
        let said = format!("{}: {}", string(&asked["policy"]), string(&asked["said"]));
        line(&mut text, "policy", &said);
    }
    for remark in list(&explanation["remarks"]) {
        line(&mut text, "remark", &string(&remark));
    }
    if explanation["reason"].as_str().is_some_and(|reason| !reason.is_empty()) {
        line(&mut text, "reason", &string(&explanation["reason"]));
    }
    for (index, candidate) in list(&explanation["plan"]).iter().enumerate() {
        line(&mut text, "would try", &format!("{}. {}", index + 1, string(candidate)));
    }
    text
}
