//! What happens in the gateway, as a vocabulary: one struct a happening, with one `emit`.
//!
//! Nothing else in this crate writes to the log, so that a field is called the same wherever
//! it stands.

mod ledger;

pub use ledger::{
    EntriesUnknown, JournalDamaged, LedgerAway, LedgerBack, LedgerFailed, LimitNearlyUsed,
    UploadUnusable, WebhookFailed,
};

use crate::audit::Act;
use crate::installed::{Change, What};
use crate::record::{End, Record};
use crate::swap::SwapError;
use crate::upstream::http::SendError;
use portcullis_sandbox::Fault;
use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

/// A command's program is not there. Its provider fails until it is.
pub struct CommandMissing<'a> {
    /// Whose it is.
    pub provider: &'a str,
    /// What the plugin calls it.
    pub command: &'a str,
    /// What was looked for.
    pub why: &'a SendError,
}

impl CommandMissing<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        let Self { provider, command, why } = self;
        tracing::warn!(provider, command, %why, "command missing");
    }
}

/// A policy keeps state that ends with the process.
pub struct KeptInMemory<'a> {
    /// Which.
    pub policy: &'a str,
}

impl KeptInMemory<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        let policy = self.policy;
        tracing::info!(policy, "what this policy keeps is lost at the end: there is no [ledger]");
    }
}

/// A policy failed when it was told what became of its decisions.
pub struct ObserveFailed<'a> {
    /// Which.
    pub policy: &'a str,
    /// How many outcomes it was told of.
    pub outcomes: u64,
    /// What it did.
    pub fault: &'a Fault,
}

impl ObserveFailed<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        let Self { policy, outcomes, fault } = self;
        let failure = format!("plugin-{}", fault.code());
        tracing::warn!(policy, outcomes, failure, why = %fault, "observe failed");
    }
}

/// A request is over.
pub struct RequestClosed<'a>(pub &'a Record);

impl RequestClosed<'_> {
    /// Writes one line: all that an operator needs to see why it went where it went.
    pub fn emit(&self) {
        let record = self.0;
        let end = match record.end {
            Some(End::Finished) => "finished",
            Some(End::Failed) => "failed",
            Some(End::Abandoned) | None => "abandoned",
        };
        // Attempts that failed are the interesting ones; one that was answered is `candidate`.
        let mut failed = String::new();
        for tried in &record.tried {
            if let (Some(word), Some(message)) = (&tried.failure, &tried.message) {
                let space = if failed.is_empty() { "" } else { "; " };
                failed.push_str(&format!("{space}{} {word}: {message}", tried.candidate));
            }
        }
        let remarks = record.remarks.join("; ");
        // A field without a value is left out.
        tracing::info!(
            request = &*record.request,
            tenant = &*record.tenant,
            key = record.key.as_deref(),
            operation = record.operation,
            shadow = record.shadow.then_some(true),
            cached = record.cached.then_some(true),
            r#for = record.parent.as_deref(),
            asked = record.asked,
            route = record.route,
            policy = record.policy.as_deref(),
            reason = record.reason,
            remarks = said(&remarks),
            candidate = record.candidate.as_deref(),
            attempts = record.tried.len(),
            failed = said(&failed),
            failure = record.failure.as_deref(),
            // `message` is the line's own.
            why = record.message.as_deref(),
            input_tokens = record.input_tokens,
            output_tokens = record.output_tokens,
            cached_input_tokens = record.cached_input_tokens,
            cache_write_tokens = record.cache_write_tokens,
            cache_write_1h_tokens = record.cache_write_1h_tokens,
            reasoning_tokens = record.reasoning_tokens,
            audio_seconds = record.audio_seconds,
            cost_usd = record.cost_usd,
            policy_us = record.policy_us,
            provider_us = record.provider_us,
            upstream_us = record.upstream_us,
            total_ms = record.total_ms,
            "request {end}"
        );
    }
}

fn said(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// A request was turned away before it was admitted.
pub struct RequestRefused<'a> {
    /// Its id.
    pub request: &'a str,
    /// What the client was told.
    pub refusal: &'a crate::refusal::Refusal,
}

impl RequestRefused<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        let status = self.refusal.status.as_u16();
        let (code, message) = (self.refusal.code.as_str(), self.refusal.message.as_str());
        tracing::info!(request = self.request, status, code, "request refused: {message}");
    }
}

/// Requests without a key that is known came, and were turned away.
pub struct StrangersRefused<'a> {
    /// How many, since that was last said.
    pub requests: u64,
    /// What the latest was told.
    pub refusal: &'a crate::refusal::Refusal,
}

impl StrangersRefused<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        let requests = self.requests;
        tracing::warn!(requests, "requests refused: {}", self.refusal.message);
    }
}

/// A candidate is passed over for a while.
pub struct CircuitOpened<'a> {
    /// "provider/model".
    pub candidate: &'a str,
    /// For how long.
    pub open_for: Duration,
    /// A stable word for what did it.
    pub failure: &'a str,
}

impl CircuitOpened<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        let Self { candidate, open_for, failure } = self;
        tracing::warn!(candidate, open_ms = open_for.as_millis(), failure, "circuit opened");
    }
}

/// An upstream does not answer its checks as it should.
pub struct HealthCheckFailed<'a> {
    /// Whose upstream it is.
    pub provider: &'a str,
    /// What is wrong.
    pub why: &'a str,
}

impl HealthCheckFailed<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        tracing::warn!(provider = self.provider, "health check failed: {}", self.why);
    }
}

/// An upstream answers its checks again.
pub struct HealthCheckPassed<'a> {
    /// Whose upstream it is.
    pub provider: &'a str,
}

impl HealthCheckPassed<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        tracing::info!(provider = self.provider, "health check passed");
    }
}

/// A candidate that was passed over is tried, to see whether it is well again.
pub struct CircuitHalfOpen<'a> {
    /// "provider/model".
    pub candidate: &'a str,
}

impl CircuitHalfOpen<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        tracing::info!(candidate = self.candidate, "circuit half open");
    }
}

/// A candidate that was passed over is well again.
pub struct CircuitClosed<'a> {
    /// "provider/model".
    pub candidate: &'a str,
}

impl CircuitClosed<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        tracing::info!(candidate = self.candidate, "circuit closed");
    }
}

/// An upstream's access token was fetched or renewed.
pub struct TokenRenewed<'a> {
    /// The token server: its name and port.
    pub from: &'a str,
    /// How long it lasts, where that was said.
    pub lasts: Option<Duration>,
}

impl TokenRenewed<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        let lasts_s = self.lasts.map(|lasts| lasts.as_secs());
        tracing::info!(from = self.from, lasts_s, "access token renewed");
    }
}

/// An upstream's access token could not be fetched or renewed, or not be kept.
pub struct TokenFailed<'a> {
    /// The token server: its name and port.
    pub from: &'a str,
    /// Why, without any secret.
    pub why: &'a str,
}

impl TokenFailed<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        tracing::warn!(from = self.from, "access token not renewed: {}", self.why);
    }
}

/// A port is open.
pub struct Listening {
    /// What for: "clients" or "admin".
    pub whom: &'static str,
    /// Where.
    pub address: SocketAddr,
}

impl Listening {
    /// Writes one line.
    pub fn emit(&self) {
        tracing::info!(address = %self.address, "listening for {}", self.whom);
    }
}

/// The configuration was read again, and what it says is in place.
pub struct Reloaded<'a> {
    /// Who asked.
    pub reason: &'a str,
    /// What came of it.
    pub reloaded: &'a crate::reload::Reloaded,
}

impl Reloaded<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        let crate::reload::Reloaded { deployment, changed, at_next_start, took_ms } = self.reloaded;
        let (changed, at_next_start) = (changed.join(", "), at_next_start.join(", "));
        tracing::info!(
            reason = self.reason,
            deployment,
            changed = said(&changed),
            at_next_start = said(&at_next_start),
            took_ms,
            "reloaded"
        );
    }
}

/// The configuration was read again, and nothing of it was put in place.
pub struct ReloadFailed<'a> {
    /// Who asked.
    pub reason: &'a str,
    /// Everything that is wrong.
    pub why: &'a crate::reload::ReloadError,
}

impl ReloadFailed<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        tracing::error!(reason = self.reason, "not reloaded, nothing was changed: {}", self.why);
    }
}

/// Files of the configuration cannot be watched: changes are noticed when somebody asks.
pub struct WatchFailed<'a> {
    /// Which.
    pub what: &'a str,
    /// Why.
    pub why: &'a dyn Display,
}

impl WatchFailed<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        tracing::warn!(what = self.what, "not watched: {}", self.why);
    }
}

/// A plugin is ready to serve.
pub struct PluginLoaded<'a> {
    /// As the operator named what uses it.
    pub name: &'a str,
    /// The digest of its component.
    pub digest: portcullis_sandbox::Digest,
    /// How long that took.
    pub took: Duration,
}

impl PluginLoaded<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        let ms = self.took.as_millis();
        tracing::info!(name = self.name, digest = %self.digest, ms, "plugin loaded");
    }
}

/// Another version of a plugin serves, or none of it any more.
pub struct PluginChanged<'a> {
    /// As the operator named what uses it.
    pub name: &'a str,
    /// What happened.
    pub change: &'a Change,
}

impl PluginChanged<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        let Change { what, generation, digest, version, reason, .. } = self.change;
        let (name, what) = (self.name, what.word());
        if self.change.what == What::RolledBack {
            tracing::warn!(name, generation, digest, version, reason, "plugin {what}");
        } else {
            tracing::info!(name, generation, digest, version, reason, "plugin {what}");
        }
    }
}

/// A version of a plugin did not come into use, and nothing was changed.
pub struct SwapFailed<'a> {
    /// As the operator named what uses it.
    pub name: &'a str,
    /// Where it failed, and why.
    pub why: &'a SwapError,
}

impl SwapFailed<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        tracing::error!(name = self.name, "not swapped, nothing was changed: {}", self.why);
    }
}

/// An operator's act is done, or refused, and is not in the audit log.
pub struct NotAudited<'a> {
    /// What they did.
    pub act: &'a Act,
    /// Why.
    pub why: &'a dyn Display,
}

impl NotAudited<'_> {
    /// Writes one line, with all that the audit log would have.
    pub fn emit(&self) {
        let Act { actor, action, subject, detail } = self.act;
        let actor = &**actor;
        tracing::error!(actor, action, subject, %detail, "not audited: {}", self.why);
    }
}

/// The process was asked to end.
pub struct Draining {
    /// Requests that are under way.
    pub under_way: usize,
    /// How long they are waited for.
    pub patience: Duration,
}

impl Draining {
    /// Writes one line.
    pub fn emit(&self) {
        let ms = self.patience.as_millis();
        tracing::info!(under_way = self.under_way, patience_ms = ms, "draining");
    }
}

/// The process ends.
pub struct Drained {
    /// Requests that were cut off.
    pub cut_off: usize,
}

impl Drained {
    /// Writes one line.
    pub fn emit(&self) {
        if self.cut_off == 0 {
            tracing::info!("drained");
        } else {
            tracing::warn!(cut_off = self.cut_off, "drained, with requests cut off");
        }
    }
}

/// A connection could not be accepted or served.
pub struct ConnectionFailed<'a> {
    /// Why.
    pub why: &'a dyn Display,
}

impl ConnectionFailed<'_> {
    /// Writes one line. Clients that break the protocol are no news to an operator.
    pub fn emit(&self) {
        tracing::debug!("connection failed: {}", self.why);
    }
}
