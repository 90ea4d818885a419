//! The plugins as the gateway runs them: loaded from a configuration, called by its own code.

use super::{Decider, Provider, Reader};
use crate::gateway::{Ground, Setup};
use anyhow::{Context as _, Result, anyhow, ensure};
use bytes::Bytes;
use portcullis::completion::Way;
use portcullis::config::{self, Environment, Scope};
use portcullis::contract::providers::Frame;
use portcullis::exchange::{self, Begun, Exchange};
use portcullis::gateway::Gateway;
use portcullis::load;
use portcullis::policy::{self, Cast, Decision};
use portcullis::request::{Lent, Operation, Request, Serving};
use portcullis::route::Target;
use portcullis::tenant::Caller;
use portcullis::wire::dialect::Dialect;
use std::fs;
use std::hint::black_box;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// A gateway's plugins: with passthrough, without, with passthrough and memory, with rules, and
/// with the classifier.
pub(super) struct Plugins {
    passing: Gateway,
    translating: Gateway,
    remembering: Gateway,
    ruled: Gateway,
    classified: Gateway,
    request: Arc<Request>,
    _ground: Ground,
}

impl Plugins {
    pub(super) async fn load() -> Result<Self> {
        let ground = Ground::new()?;
        let fresh = Setup { fresh: true, ..Setup::default() };
        let passing = gateway(&ground, fresh.clone()).await?;
        let translating = gateway(&ground, Setup { translated: true, ..fresh.clone() }).await?;
        let ruled = gateway(&ground, Setup { ruled: true, ..fresh.clone() }).await?;
        let classified = gateway(&ground, Setup { classified: true, ..fresh }).await?;
        let remembering = gateway(&ground, Setup::default()).await?;
        Ok(Self {
            passing,
            translating,
            remembering,
            ruled,
            classified,
            request: Arc::new(request(crate::load::body(true))),
            _ground: ground,
        })
    }

    /// Makes a sandbox and ends it.
    pub(super) async fn bare(&self) -> Result<()> {
        let deployment = self.passing.deployment();
        let provider = deployment.providers.first().context("no provider")?;
        let serving = Serving::of(&self.request);
        black_box(provider.plugin.pin().value.plugin.sandbox(serving).await?);
        Ok(())
    }

    pub(super) fn provider(&self, passthrough: bool) -> Plugged<'_> {
        let gateway = if passthrough { &self.passing } else { &self.translating };
        Plugged { gateway, request: &self.request, model: "m0".into() }
    }

    /// What a provider wants to call, remembered.
    pub(super) async fn recalled(&self) -> Result<()> {
        let deployment = self.remembering.deployment();
        let provider = deployment.providers.first().context("no provider")?;
        let (generation, model) = (provider.plugin.pin(), "m0".into());
        let begun = exchange::begin(provider, generation, &self.request, &model);
        match begun.await.map_err(|failure| anyhow!("{failure:?}"))? {
            (Begun::Passed(call), _) => drop(black_box(call)),
            (Begun::Translated(..), _) => return Err(anyhow!("it was to be passed on")),
        }
        Ok(())
    }

    pub(super) fn policy(&self, remembering: bool) -> Result<Row<'_>> {
        self.row(if remembering { &self.remembering } else { &self.passing })
    }

    /// A hundred rules over fifty candidates.
    pub(super) fn rules(&self) -> Result<Row<'_>> {
        self.row(&self.ruled)
    }

    /// The classifier's rules.
    pub(super) fn classifier(&self) -> Result<Row<'_>> {
        self.row(&self.classified)
    }

    fn row(&self, gateway: &Gateway) -> Result<Row<'_>> {
        let deployment = gateway.deployment();
        let caller = Caller::unknown("default", Scope::default());
        let target = deployment.routes.find("auto", &caller);
        let target = target.map_err(|refusal| anyhow!(refusal.message))?;
        let way = Way::new(&deployment, &gateway.records);
        Ok(Row { target, way, request: &self.request })
    }
}

async fn gateway(ground: &Ground, setup: Setup) -> Result<Gateway> {
    // Nobody listens and nobody is called.
    let [clients, admin] = ["127.0.0.1:8080".parse()?, "127.0.0.1:8081".parse()?];
    let upstream = "http://127.0.0.1:9/v1".to_owned();
    let setup = Setup { upstream, ..setup };
    let file = ground.path().join("portcullis.toml");
    fs::write(&file, setup.text(clients, admin, ground.path()))?;
    Ok(load::gateway(config::load(&file, &Environment::of_process())?).await?.gateway)
}

/// A chat of the canonical dialect, as the gateway would have read it.
pub(crate) fn request(body: impl Into<Bytes>) -> Request {
    Request {
        id: "0198c1f0a3b47c5e8d6f001122334455".into(),
        operation: Operation::Chat,
        dialect: Dialect::CANONICAL,
        asked: "auto".to_owned(),
        streaming: true,
        wants_usage: false,
        base64: false,
        answers: 1,
        labels: Vec::new(),
        needs: Vec::new(),
        input_tokens: 64,
        max_output_tokens: Some(256),
        counted: false,
        caller: Arc::new(Caller::unknown("default", Scope::default())),
        deadline: Instant::now() + Duration::from_secs(3_600),
        body: body.into(),
        attachment: None,
        canonical: OnceLock::new(),
    }
}

/// A provider plugin.
pub(super) struct Plugged<'a> {
    gateway: &'a Gateway,
    request: &'a Arc<Request>,
    model: Arc<str>,
}

impl Provider for Plugged<'_> {
    type Exchange = Box<Exchange>;

    async fn start(&self) -> Result<Box<Exchange>> {
        let deployment = self.gateway.deployment();
        let provider = deployment.providers.first().context("no provider")?;
        let generation = provider.plugin.pin();
        let lent = Lent {
            request: self.request.clone(),
            model: self.model.clone(),
            noted: Vec::new(),
            readable: true,
            dialect: Dialect::CANONICAL,
        };
        let started = Exchange::start(provider, generation, lent).await;
        let (exchange, call) = started.map_err(|failure| anyhow!("{failure:?}"))?;
        black_box(call);
        Ok(exchange)
    }
}

impl Reader for Box<Exchange> {
    async fn frames(&mut self, frames: &[Frame]) -> Result<usize> {
        let events = Exchange::frames(self, frames).await;
        Ok(black_box(events.map_err(|failure| anyhow!("{failure:?}"))?).len())
    }
}

/// A route's row of policies: one policy.
pub(super) struct Row<'a> {
    target: Target,
    way: Way,
    request: &'a Arc<Request>,
}

impl Row<'_> {
    /// How many labels it leaves.
    pub(super) async fn labels(&self) -> Result<usize> {
        let mut target = self.target.clone();
        let answered = policy::ask(&mut target, self.request, Cast::Serving(&self.way)).await;
        ensure!(!answered.labels.is_empty(), "no labels: {:?}", answered.failed);
        Ok(black_box(answered.labels).len())
    }
}

impl Decider for Row<'_> {
    async fn decide(&self) -> Result<usize> {
        let mut target = self.target.clone();
        let answered = policy::ask(&mut target, self.request, Cast::Serving(&self.way)).await;
        match answered.decision {
            Some((_, Decision::Route(plan))) => Ok(black_box(plan).attempts.len()),
            _ => Err(anyhow!("no decision: {:?}", answered.failed)),
        }
    }
}
