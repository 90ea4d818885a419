//! The native twins: the plugins' own sources, linked into this program.
//!
//! What a sandbox copies across its border, a native plugin would be lent; so the request and
//! the candidates are made once. Frames are handed over as the gateway has them, and a plugin
//! that keeps what it reads has to copy it: that copy is counted here too.

use super::{Decider, Reader};
use crate::gateway::{self, Ruling};
use anyhow::{Result, anyhow};
use portcullis::contract::providers::Frame;
use portcullis_policy_ordered::Ordered;
use portcullis_policy_rules::Rules;
use portcullis_provider_openai::OpenAi;
use portcullis_sdk::policy::{self, Candidate, Candidates, Decision};
use portcullis_sdk::provider::{self, Exchange as _, Provider as _};
use portcullis_sdk::{Recording, Request};
use serde_json::{Value, json};
use std::hint::black_box;

/// A policy, and what it decides about.
pub(super) struct Policy<P> {
    policy: P,
    request: Request,
    candidates: Candidates,
}

impl Policy<Ordered> {
    pub(super) fn ordered() -> Result<Self> {
        Self::new(json!({}), gateway::CANDIDATES)
    }
}

impl Policy<Rules> {
    pub(super) fn rules() -> Result<Self> {
        let rule = |rule: &Ruling| json!({ "if": rule.condition, "to": rule.to });
        let rules: Vec<Value> = gateway::rules().iter().map(rule).collect();
        Self::new(json!({ "rules": rules }), gateway::RULED)
    }
}

impl<P: policy::Policy> Policy<P> {
    fn new(settings: Value, candidates: u32) -> Result<Self> {
        let policy = P::configure(serde_json::from_value(settings)?).map_err(|why| anyhow!(why))?;
        let candidates: Vec<Candidate> =
            (0..candidates).map(|index| Candidate::new(&format!("mock/m{index}"))).collect();
        Ok(Self { policy, request: request(), candidates: candidates.into() })
    }
}

impl<P: policy::Policy> Decider for Policy<P> {
    async fn decide(&self) -> Result<usize> {
        let (request, candidates) = black_box((&self.request, &self.candidates));
        match self.policy.decide(request, candidates) {
            Ok(Decision::Route(plan)) => Ok(black_box(plan).attempts.len()),
            other => Err(anyhow!("no decision: {other:?}")),
        }
    }
}

/// The `openai` provider.
pub(super) struct Provider {
    provider: OpenAi,
    request: Request,
}

impl Provider {
    pub(super) fn new(passthrough: bool) -> Result<Self> {
        let settings = serde_json::json!({ "passthrough": passthrough });
        let provider = OpenAi::configure(serde_json::from_value(settings)?);
        Ok(Self { provider: provider.map_err(|why| anyhow!(why))?, request: request() })
    }
}

impl super::Provider for Provider {
    type Exchange = Exchange;

    async fn start(&self) -> Result<Exchange> {
        let started = self.provider.start(black_box(&self.request));
        let (exchange, call) = started.map_err(|failure| anyhow!("{failure:?}"))?;
        black_box(call);
        Ok(Exchange(exchange))
    }
}

/// An exchange of the `openai` provider.
pub(super) struct Exchange(<OpenAi as provider::Provider>::Exchange);

impl Reader for Exchange {
    async fn frames(&mut self, frames: &[Frame]) -> Result<usize> {
        let frames = frames.iter().map(own).collect();
        let events = self.0.frames(frames).map_err(|failure| anyhow!("{failure:?}"))?;
        Ok(black_box(events).len())
    }
}

fn own(frame: &Frame) -> provider::Frame {
    match frame {
        Frame::Sse((name, data)) => provider::Frame::Sse((name.clone(), data.clone())),
        Frame::Text(text) => provider::Frame::Text(text.clone()),
        Frame::Bytes(bytes) => provider::Frame::Bytes(bytes.clone()),
    }
}

fn request() -> Request {
    Request::from(Recording {
        streaming: true,
        body: crate::load::body(true),
        ..Recording::default()
    })
}
