//! Another version of a plugin in the place of the one that serves, while requests are under way.
//!
//! The stages stand in order in [`Stage`]. What fails in any of them leaves everything as it was.
//! The version that comes in serves whoever begins from then on; whoever has begun ends with the
//! version that it began with. What an operator puts in place lasts until the configuration names
//! another plugin there, or the process ends; what a tenant uploaded is in the ledger
//! ([`crate::uploads`]).

use crate::bundle;
use crate::config::PluginSource;
use crate::deployment::Deployment;
use crate::gateway::Gateway;
use crate::installed::Installed;
use crate::policy::Policy;
use crate::provider::Provider;
use crate::rehearsal::{self, Rehearsed};
use crate::version::{Generation, Kind, Version, VersionError};
use portcullis_ledger::{By, NewUpload};
use portcullis_sandbox::{Digest, LoadError, Package, Share};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// What somebody wants in the place of what serves.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The plugin.
    pub source: Source,
    /// The largest share of the newest requests that it may decide otherwise, from 0 to 1.
    pub max_changed: Option<f64>,
    /// The share of requests that it serves at first; `None`: all of them.
    pub canary: Option<Share>,
    /// Whether it may come out of quarantine.
    pub lift_quarantine: bool,
    /// Why, for the history.
    pub reason: String,
}

/// Where it comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The operator names it.
    Named(PluginSource),
    /// A tenant brings it.
    Uploaded(Box<Upload>),
}

/// What a tenant brings.
#[derive(Clone, Debug)]
pub struct Upload {
    /// It.
    pub package: Package,
    /// The text of its manifest.
    pub manifest: String,
    /// The digest that it has to have.
    pub digest: Option<Digest>,
    /// Whose it is.
    pub tenant: Arc<str>,
    /// For the audit log: who brings it.
    pub actor: String,
}

/// The stages of a swap, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Its files are read.
    Fetch,
    /// It is what it should be: its digest is the one that was named, and not in quarantine.
    Verify,
    /// Its manifest, its settings, its imports and exports fit.
    Inspect,
    /// It compiles, in a process of its own.
    Compile,
    /// It takes its settings and describes itself, twice the same.
    Smoke,
    /// It is asked about the newest requests, beside the version that serves.
    ShadowRun,
    /// It is written into the ledger, where a tenant uploaded it.
    Keep,
    /// It is in place.
    Publish,
}

/// A version as it is told of.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// The number of its generation.
    pub generation: u64,
    /// The digest of its component.
    pub digest: String,
    /// The name of the plugin.
    pub plugin: String,
    /// Its own version.
    pub version: String,
}

/// A swap that is done.
#[derive(Debug, Serialize)]
pub struct Swapped {
    /// What the configuration calls it: `policies.NAME`.
    pub name: String,
    /// What served.
    pub from: Told,
    /// What serves now.
    pub to: Told,
    /// What it says to the newest requests.
    pub shadow_run: Rehearsed,
    /// The share of requests that it serves, where it is tried out first.
    pub canary: Option<f64>,
    /// Milliseconds, all together.
    pub took_ms: f64,
    /// Microseconds in which it was put in place.
    pub publish_us: f64,
}

/// Why nothing was changed.
#[derive(Clone, Debug, Serialize, thiserror::Error)]
#[error("{}: {why}", stage.word())]
pub struct SwapError {
    /// The stage that failed.
    pub stage: Stage,
    /// In words.
    pub why: String,
}

impl Stage {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Verify => "verify",
            Self::Inspect => "inspect",
            Self::Compile => "compile",
            Self::Smoke => "smoke",
            Self::ShadowRun => "shadow run",
            Self::Keep => "keep",
            Self::Publish => "publish",
        }
    }

    fn failed(self, why: impl Into<String>) -> SwapError {
        SwapError { stage: self, why: why.into() }
    }
}

impl From<VersionError> for SwapError {
    fn from(error: VersionError) -> Self {
        let stage = match &error {
            VersionError::Load(LoadError::Compile { .. }) => Stage::Compile,
            VersionError::Load(
                LoadError::Fault { .. } | LoadError::Refused { .. } | LoadError::Unsteady,
            ) => Stage::Smoke,
            VersionError::Load(_) | VersionError::Facts(_) => Stage::Inspect,
        };
        stage.failed(error.to_string())
    }
}

/// Swaps a policy's plugin.
///
/// # Errors
///
/// The stage that failed, and why; nothing was changed then.
pub async fn policy(
    gateway: &Gateway,
    policy: &Arc<Policy>,
    wanted: &Wanted,
) -> Result<Swapped, SwapError> {
    let swap = Swap::of(gateway, &policy.plugin, &policy.configured, wanted);
    let new = swap.loaded().await?;
    let (latest, aside) = (gateway.latest.all(), new.aside());
    let run = rehearsal::of_policy(&swap.deployment, &latest, policy, &aside).await;
    swap.publish(new, run).await
}

/// Swaps a provider's plugin.
///
/// # Errors
///
/// The stage that failed, and why; nothing was changed then.
pub async fn provider(
    gateway: &Gateway,
    provider: &Arc<Provider>,
    wanted: &Wanted,
) -> Result<Swapped, SwapError> {
    let swap = Swap::of(gateway, &provider.plugin, &provider.configured, wanted);
    let new = swap.loaded().await?;
    let (latest, aside) = (gateway.latest.all(), new.aside());
    let run = rehearsal::of_provider(&swap.deployment, &latest, provider, &aside).await;
    swap.publish(new, run).await
}

struct Swap<'a, K: Kind> {
    gateway: &'a Gateway,
    deployment: Arc<Deployment>,
    installed: &'a Arc<Installed<K>>,
    old: Generation<K>,
    configured: &'a K::Configured,
    wanted: &'a Wanted,
    began: Instant,
}

impl<'a, K: Kind> Swap<'a, K> {
    fn of(
        gateway: &'a Gateway,
        installed: &'a Arc<Installed<K>>,
        configured: &'a K::Configured,
        wanted: &'a Wanted,
    ) -> Self {
        let (deployment, old, began) = (gateway.deployment(), installed.pin(), Instant::now());
        Self { gateway, deployment, installed, old, configured, wanted, began }
    }

    /// The version that is to come in, as far as it can be judged by itself.
    async fn loaded(&self) -> Result<Version<K>, SwapError> {
        let package = self.verified()?;
        let version = Version::<K>::load(&self.gateway.engine, self.configured, package).await?;
        K::fits(self.old.value.plugin.description(), version.plugin.description())
            .map_err(|why| Stage::Inspect.failed(why))?;
        Ok(version)
    }

    /// Puts it in place, if it did well beside the one that serves.
    async fn publish(
        self,
        version: Version<K>,
        run: Result<Rehearsed, String>,
    ) -> Result<Swapped, SwapError> {
        let shadow_run = run.map_err(|why| {
            Stage::ShadowRun.failed(format!("where the version that serves answers, {why}"))
        })?;
        self.bounded(shadow_run)?;
        let (manifest, digest) = (version.plugin.manifest().clone(), version.plugin.digest());
        let kept = match &self.wanted.source {
            Source::Uploaded(upload) => Some(self.keep(upload, shadow_run).await?),
            Source::Named(_) => None,
        };
        let publishing = Instant::now();
        let number = self.installed.publish(version, self.wanted.canary, &self.wanted.reason);
        let publish_us = publishing.elapsed().as_secs_f64() * 1e6;
        if let Some(act) = kept {
            self.installed.uploaded(act);
        }
        if self.wanted.lift_quarantine {
            self.gateway.quarantine.lift(&digest);
        }
        Ok(Swapped {
            name: self.installed.name.clone(),
            from: told(&self.old),
            to: Told {
                generation: number,
                digest: digest.to_string(),
                plugin: manifest.name,
                version: manifest.version,
            },
            shadow_run,
            canary: self.wanted.canary.map(Share::part),
            took_ms: self.began.elapsed().as_secs_f64() * 1e3,
            publish_us,
        })
    }

    /// The package, if it is the one that it should be.
    fn verified(&self) -> Result<Package, SwapError> {
        let (package, expected) = match &self.wanted.source {
            Source::Uploaded(upload) => (upload.package.clone(), upload.digest),
            Source::Named(source) => {
                // The digest that was named is compared below, as a stage of its own.
                let (source, expected) = without_digest(source);
                let folder = self.deployment.config.plugins.directory.as_deref();
                let package = bundle::fetch(&source, folder);
                (package.map_err(|why| Stage::Fetch.failed(why))?, expected)
            }
        };
        if let Some(expected) = expected.filter(|expected| *expected != package.digest) {
            let why = format!("its digest is {}, and not {expected}", package.digest);
            return Err(Stage::Verify.failed(why));
        }
        if !self.wanted.lift_quarantine {
            let checked = self.gateway.quarantine.check(&package.digest);
            checked.map_err(|why| Stage::Verify.failed(why))?;
        }
        Ok(package)
    }

    /// Writes it into the ledger, so that it is there for every process and after this one.
    async fn keep(&self, upload: &Upload, run: Rehearsed) -> Result<i64, SwapError> {
        let failed = |why: &dyn std::fmt::Display| Stage::Keep.failed(why.to_string());
        let registry = self.gateway.registry.as_ref();
        let ledger = &registry.ok_or_else(|| failed(&"there is no ledger"))?.ledger;
        let Upload { package, manifest, tenant, actor, .. } = upload;
        let detail = json!({
            "tenant": **tenant, "plugin": package.manifest.name,
            "version": package.manifest.version, "digest": package.digest.to_string(),
            "shadow_run": run, "reason": self.wanted.reason,
        });
        let (by, detail) = (By { actor, at: SystemTime::now() }, detail.to_string());
        let place = self.installed.name.as_str();
        let new = NewUpload {
            place,
            tenant,
            description: manifest,
            content: &package.component,
            detail: &detail,
        };
        ledger.upload(by, new).await.map_err(|why| failed(&why))
    }

    fn bounded(&self, run: Rehearsed) -> Result<(), SwapError> {
        match self.wanted.max_changed {
            Some(most) if run.share() > most => Err(Stage::ShadowRun.failed(format!(
                "{} of the newest {} requests ({:.1} %) would be decided otherwise, and at most \
                 {:.1} % may",
                run.changed,
                run.requests,
                run.share() * 100.0,
                most * 100.0
            ))),
            _ => Ok(()),
        }
    }
}

fn without_digest(source: &PluginSource) -> (PluginSource, Option<Digest>) {
    match source {
        PluginSource::File { path, manifest, digest } => {
            let (path, manifest) = (path.clone(), manifest.clone());
            (PluginSource::File { path, manifest, digest: None }, *digest)
        }
        PluginSource::Bundled(name) => (PluginSource::Bundled(name.clone()), None),
    }
}

fn told<K: Kind>(generation: &Generation<K>) -> Told {
    let manifest = generation.value.plugin.manifest();
    Told {
        generation: generation.id,
        digest: generation.digest.to_string(),
        plugin: manifest.name.clone(),
        version: manifest.version.clone(),
    }
}
