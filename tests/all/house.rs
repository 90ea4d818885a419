//! A gateway of well-behaved parts, and the upstream that plays what a test asks for.

use crate::caller::{Caller, Http, PATIENCE, Reply};
use anyhow::{Context, Result, ensure};
use portcullis::audit::HOST;
use portcullis::candidate::Candidate;
use portcullis::config::{self, Config, Environment};
use portcullis::record::Record;
use portcullis::reload::{ReloadError, Reloaded};
use portcullis::serve::{self, Running};
use portcullis_example_upstream::Upstream;
use portcullis_tests::logs;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// Compiled components, kept between runs.
pub(crate) const CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/compiled");

/// A provider of that name which takes any model, with further lines of its own. UPSTREAM stands
/// for the upstream's address.
pub(crate) fn provider(name: &str, further: &str) -> String {
    let address = if further.contains("base_url") { "" } else { "base_url = \"UPSTREAM/v1\"\n" };
    format!("[providers.{name}]\nplugin = \"openai\"\nopen_models = true\n{address}{further}\n")
}

/// The provider `house` of either kind, with these lines: one whose answers are passed on, and one
/// whose answers are read and written anew.
pub(crate) fn kinds(further: &str) -> [String; 2] {
    let translated = format!("settings = {{ passthrough = false }}\n{further}");
    [provider("house", further), provider("house", &translated)]
}

/// What a stream says, and that it is whole.
pub(crate) fn text_of(events: &[String]) -> Result<String> {
    let (last, chunks) = events.split_last().context("there are no events")?;
    ensure!(last == "[DONE]", "{events:?}");
    let mut text = String::new();
    for chunk in chunks {
        let chunk: Value = serde_json::from_str(chunk)?;
        text.push_str(chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
    }
    Ok(text)
}

/// The route `auto` over these candidates, in their order and without a policy.
pub(crate) fn route(candidates: &[&str], further: &str) -> String {
    format!("[routes.default]\npolicies = []\ncandidates = {candidates:?}\n{further}\n")
}

/// A gateway that runs, and its upstream.
pub(crate) struct House {
    pub(crate) upstream: Upstream,
    pub(crate) running: Running,
    free: usize,
    files: TempDir,
}

impl House {
    /// Starts a gateway. The text may begin with keys of `[server]`.
    pub(crate) async fn open(text: &str) -> Result<Self> {
        Self::open_with(text, &Environment::default()).await
    }

    /// The same, with variables.
    pub(crate) async fn open_with(text: &str, environment: &Environment) -> Result<Self> {
        logs::listen();
        let upstream = Upstream::start().await?;
        let files = TempDir::new()?;
        let config = configured(&files, &text.replace("UPSTREAM", &upstream.url()), environment)?;
        let running = serve::start(config).await?;
        let free = running.gateway.engine.free_places();
        Ok(Self { upstream, running, free, files })
    }

    /// Where clients are served.
    pub(crate) fn address(&self) -> SocketAddr {
        self.running.clients
    }

    /// Writes another text into the file of the configuration, which nobody reads yet.
    pub(crate) fn rewrite(&self, text: &str) -> Result<()> {
        write(&self.files, &text.replace("UPSTREAM", &self.upstream.url()))?;
        Ok(())
    }

    /// Has the configuration read again.
    pub(crate) async fn reload(&self) -> Result<Reloaded, ReloadError> {
        self.running.reloader.reload(&Environment::default(), HOST, "a test").await
    }

    /// A connection.
    pub(crate) async fn caller(&self, http: Http) -> Result<Caller> {
        Caller::to(self.address(), http).await
    }

    /// Asks for a chat, over a connection of its own.
    pub(crate) async fn chat(&self, model: &str, streaming: bool) -> Result<Reply> {
        self.caller(Http::One).await?.chat(&chat(model, streaming)).await
    }

    /// What the operator's address says.
    pub(crate) async fn admin(&self, path: &str) -> Result<Reply> {
        Caller::to(self.running.admin, Http::One).await?.get(path).await
    }

    /// The record of the newest request for `model`, as soon as it is over.
    pub(crate) async fn record(&self, model: &str) -> Result<Arc<Record>> {
        let found = || {
            let records = self.running.gateway.records.newest();
            records.into_iter().find(|record| record.asked == model)
        };
        until(|| found().is_some()).await.with_context(|| format!("no record of {model}"))?;
        found().context("it was there a moment ago")
    }

    /// The candidate of that place in the configuration.
    pub(crate) fn candidate(&self, index: usize) -> Arc<Candidate> {
        self.running.gateway.deployment().routes.candidates()[index].clone()
    }

    /// Waits until nothing is held any more: no place, no sandbox, no call.
    pub(crate) async fn settled(&self) -> Result<()> {
        let gateway = &self.running.gateway;
        let all = gateway.deployment().config.server.concurrency;
        let settled = until(|| {
            gateway.places.available_permits() == all && gateway.engine.free_places() == self.free
        });
        settled.await.with_context(|| {
            let (places, sandboxes) =
                (gateway.places.available_permits(), gateway.engine.free_places());
            format!("{places} of {all} places and {sandboxes} of {} are free", self.free)
        })?;
        tokio::time::timeout(PATIENCE, self.upstream.wait_idle()).await.context("calls are left")
    }

    /// How often the upstream was asked for a model.
    pub(crate) fn calls(&self, model: &str) -> usize {
        self.upstream.requests().iter().filter(|request| request.model == model).count()
    }
}

/// Waits for something of which nobody is told.
pub(crate) async fn until(done: impl Fn() -> bool) -> Result<()> {
    let waiting = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    Ok(tokio::time::timeout(PATIENCE, waiting).await?)
}

/// A configuration of this text in a file of that folder, on free ports.
pub(crate) fn configured(files: &TempDir, text: &str, environment: &Environment) -> Result<Config> {
    let file = write(files, text)?;
    config::load(&file, environment).map_err(|problems| anyhow::anyhow!("{problems}"))
}

fn write(files: &TempDir, text: &str) -> Result<PathBuf> {
    let text = format!(
        "[admin]\nlisten = \"127.0.0.1:0\"\n[sandbox]\ninstances = 32\n\
         [plugins]\ncache = {CACHE:?}\n[server]\n{}{text}",
        if text.contains("\nlisten =") { "" } else { "listen = \"127.0.0.1:0\"\n" },
    );
    let file = files.path().join("portcullis.toml");
    std::fs::write(&file, text)?;
    Ok(file)
}

/// A chat whose one message is long enough to be worth streaming.
pub(crate) fn chat(model: &str, streaming: bool) -> Value {
    json!({
        "model": model,
        "stream": streaming,
        "messages": [{ "role": "user", "content": "one two three, four fünf 🦀 seven." }],
    })
}
