//! The plugins as the gateway runs them: loaded from a configuration, called by its own code.

use super::{Decider, Provider, Reader};
use crate::gateway::{Ground, Setup};
use anyhow::{Context as _, Result, anyhow};
use portcullis::config::{self, Environment};
use portcullis::contract::providers::Frame;
use portcullis::exchange::Exchange;
use portcullis::gateway::Gateway;
use portcullis::policy::{self, Decision};
use portcullis::request::{Operation, Request, Serving};
use portcullis::route::Target;
use portcullis::{load, wire};
use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A gateway's plugins, once with passthrough and once without.
pub(super) struct Plugins {
    passing: Gateway,
    translating: Gateway,
    request: Arc<Request>,
    _ground: Ground,
}

impl Plugins {
    pub(super) async fn load() -> Result<Self> {
        let ground = Ground::new()?;
        let passing = gateway(&ground, false).await?;
        let translating = gateway(&ground, true).await?;
        Ok(Self { passing, translating, request: Arc::new(request()), _ground: ground })
    }

    /// Makes a sandbox and ends it.
    pub(super) async fn bare(&self) -> Result<()> {
        let provider = self.passing.providers.first().context("no provider")?;
        let serving = Serving { request: Some(self.request.clone()) };
        black_box(provider.plugin.pin().value.sandbox(serving).await?);
        Ok(())
    }

    pub(super) fn provider(&self, passthrough: bool) -> Plugged<'_> {
        let gateway = if passthrough { &self.passing } else { &self.translating };
        Plugged { gateway, request: &self.request, model: "m0".into() }
    }

    pub(super) fn policy(&self) -> Result<Row<'_>> {
        let target = self.passing.routes.find("auto");
        let target = target.map_err(|refusal| anyhow!(refusal.message))?;
        Ok(Row { target, request: &self.request })
    }
}

async fn gateway(ground: &Ground, translated: bool) -> Result<Gateway> {
    // Nobody listens and nobody is called.
    let [clients, admin] = ["127.0.0.1:8080".parse()?, "127.0.0.1:8081".parse()?];
    let upstream = "http://127.0.0.1:9/v1".to_owned();
    let setup = Setup { upstream, translated, ..Setup::default() };
    let file = ground.path().join("portcullis.toml");
    fs::write(&file, setup.text(clients, admin, ground.path()))?;
    Ok(load::gateway(config::load(&file, &Environment::of_process())?).await?)
}

fn request() -> Request {
    Request {
        id: "0198c1f0a3b47c5e8d6f001122334455".into(),
        operation: Operation::Chat,
        dialect: wire::openai::DIALECT,
        asked: "auto".to_owned(),
        streaming: true,
        wants_usage: false,
        base64: false,
        labels: Vec::new(),
        needs: Vec::new(),
        input_tokens: 64,
        max_output_tokens: Some(256),
        tenant: "default".into(),
        deadline: Instant::now() + Duration::from_secs(3_600),
        body: crate::load::body(true).into(),
    }
}

/// A provider plugin.
pub(super) struct Plugged<'a> {
    gateway: &'a Gateway,
    request: &'a Arc<Request>,
    model: Arc<str>,
}

impl Provider for Plugged<'_> {
    type Exchange = Exchange;

    async fn start(&self) -> Result<Exchange> {
        let provider = self.gateway.providers.first().context("no provider")?;
        let generation = provider.plugin.pin();
        let started = Exchange::start(provider, generation, self.request, &self.model).await;
        let (exchange, call) = started.map_err(|failure| anyhow!("{failure:?}"))?;
        black_box(call);
        Ok(exchange)
    }
}

impl Reader for Exchange {
    async fn frames(&mut self, frames: &[Frame]) -> Result<usize> {
        let events = Exchange::frames(self, frames).await;
        Ok(black_box(events.map_err(|failure| anyhow!("{failure:?}"))?).len())
    }
}

/// A route's row of policies: one policy.
pub(super) struct Row<'a> {
    target: Target,
    request: &'a Arc<Request>,
}

impl Decider for Row<'_> {
    async fn decide(&self) -> Result<usize> {
        let target = &self.target;
        let answered = policy::ask(&target.policies, self.request, &target.candidates).await;
        match answered.decision {
            Some((_, Decision::Route(plan))) => Ok(black_box(plan).attempts.len()),
            _ => Err(anyhow!("no decision: {:?}", answered.failed)),
        }
    }
}
