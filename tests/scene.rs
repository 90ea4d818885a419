//! A gateway with one hostile guest in it, a healthy candidate beside it, and their upstream.
//!
//! `hostile` is the provider or the policy that the guest is; `house/echo` is the candidate that
//! answers in its place. The route `auto` tries them in this order.

use crate::client::{Answer, chat, post};
use crate::guest::{Guest, Kind};
use anyhow::{Context, Result, ensure};
use portcullis::config::{self, Environment};
use portcullis::record::Record;
use portcullis::serve::{self, Running};
use portcullis_example_upstream::Upstream;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Long enough for anything on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway that runs, and all that it needs.
pub struct Scene {
    /// What it calls.
    pub upstream: Upstream,
    /// The gateway.
    pub running: Running,
    /// Sandboxes that were free before the first request.
    free: usize,
    _files: TempDir,
}

impl Scene {
    /// Starts everything; compiled components are kept in `cache`.
    ///
    /// # Errors
    ///
    /// Whatever keeps the gateway from starting, in its own words.
    pub async fn start(guest: &Guest, cache: &Path) -> Result<Self> {
        let component = guest.component();
        ensure!(component.exists(), "{} is missing: run `cargo xtask build`", component.display());
        let files = TempDir::new()?;
        let upstream = Upstream::start().await?;
        let manifest = files.path().join("plugin.toml");
        std::fs::write(&manifest, guest.manifest())?;
        let file = files.path().join("portcullis.toml");
        std::fs::write(&file, configuration(guest, &manifest, cache, &upstream.url()))?;
        let config = config::load(&file, &Environment::default())
            .map_err(|problems| anyhow::anyhow!("{problems}"))?;
        let running = serve::start(config).await?;
        let free = running.gateway.engine.free_places();
        Ok(Self { upstream, running, free, _files: files })
    }

    /// Asks for a chat.
    ///
    /// # Errors
    ///
    /// If there is no whole answer.
    pub async fn chat(&self, model: &str, streaming: bool) -> Result<Answer> {
        self.post("/v1/chat/completions", &chat(model, streaming)).await
    }

    /// Posts to the clients' address.
    ///
    /// # Errors
    ///
    /// If there is no whole answer in time.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        let answer = post(self.running.clients, path, body);
        tokio::time::timeout(PATIENCE, answer).await.context("no answer came")?
    }

    /// The record of the newest request for `model` that is over.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn record(&self, model: &str) -> Result<Arc<Record>> {
        let records = self.running.gateway.records.newest();
        let found = records.into_iter().find(|record| record.asked == model);
        found.with_context(|| format!("no record of a request for {model}"))
    }

    /// Waits until a guest is at work.
    ///
    /// # Errors
    ///
    /// If none is for long.
    pub async fn occupied(&self) -> Result<()> {
        self.until(|free| free < self.free).await
    }

    /// Waits until no sandbox is left over.
    ///
    /// # Errors
    ///
    /// If one stays.
    pub async fn settled(&self) -> Result<()> {
        self.until(|free| free == self.free).await
    }

    /// A sandbox begins and ends within a task of the server, of which nobody outside hears.
    async fn until(&self, reached: impl Fn(usize) -> bool) -> Result<()> {
        let engine = &self.running.gateway.engine;
        let looking = async {
            while !reached(engine.free_places()) {
                tokio::task::yield_now().await;
            }
        };
        let looked = tokio::time::timeout(PATIENCE, looking).await;
        looked.with_context(|| format!("{} of {} are free", engine.free_places(), self.free))
    }

    /// Stops the gateway.
    ///
    /// # Errors
    ///
    /// If a connection had to be cut off.
    pub async fn stop(self) -> Result<()> {
        let cut_off = self.running.stop().await;
        ensure!(cut_off == 0, "{cut_off} connections were cut off");
        Ok(())
    }
}

fn configuration(guest: &Guest, manifest: &Path, cache: &Path, upstream: &str) -> String {
    let plugin = format!("plugin = {{ path = {:?}, manifest = {manifest:?} }}", guest.component());
    let limits = guest.limits;
    let both = "operations = [\"chat\", \"embeddings\"]";
    let models = guest.models.iter().map(|id| format!("{{ id = {id:?}, {both} }}"));
    let models = models.collect::<Vec<_>>().join(", ");
    let (hostile, first) = match guest.kind {
        Kind::Provider => (
            format!(
                "[providers.hostile]\n{plugin}\nbase_url = \"{upstream}/v1\"\npriority = 1\n\
                 models = [{models}]\n[providers.hostile.limits]\n{limits}\n"
            ),
            format!("policies = []\ncandidates = [\"hostile/{}\", ", guest.models[0]),
        ),
        Kind::Policy => (
            format!(
                "[policies.hostile]\n{plugin}\ngrants = [{}]\n\
                 [policies.hostile.limits]\n{limits}\n",
                guest.grants
            ),
            "policies = [\"hostile\"]\ncandidates = [".to_owned(),
        ),
    };
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
         [sandbox]\ninstances = 32\n[plugins]\ncache = {cache:?}\n\
         {hostile}\
         [providers.house]\nplugin = \"openai\"\nbase_url = \"{upstream}/v1\"\npriority = 2\n\
         models = [\"echo\", {{ id = \"embed\", {both} }}]\n\
         [routes.default]\n{first}\"house/echo\"]\n\
         [routes.vectors]\n{first}\"house/embed\"]\n"
    )
}
