//! Reading the configuration again while requests are served.
//!
//! What came of it is put in place in one step or not at all: a file that is wrong, or a plugin
//! that does not load, changes nothing. Requests that have begun keep what they began with.

use crate::audit::Act;
use crate::config::{Environment, Problems};
use crate::events::{ReloadFailed, Reloaded as Happened};
use crate::gateway::Gateway;
use crate::load::{self, LoadProblems};
use crate::uploads;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

/// Reads the configuration again, one time after the other.
pub struct Reloader {
    gateway: Arc<Gateway>,
}

/// What a new configuration changed.
#[derive(Debug, Serialize)]
pub struct Reloaded {
    /// The number of the deployment that runs now.
    pub deployment: u64,
    /// In the configuration's own words: `providers.house`, `routes.default (new)`…
    pub changed: Vec<String>,
    /// What was changed too and stays as it is until the process starts anew.
    pub at_next_start: Vec<&'static str>,
    /// Milliseconds, from reading the file to its being in place.
    pub took_ms: f64,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] Problems),
    /// Something that it names cannot be used.
    #[error(transparent)]
    Load(#[from] LoadProblems),
}

impl Reloader {
    /// One for this gateway.
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }

    /// Reads the configuration again, and puts in place what it says. `actor` and `reason` are for
    /// the logs: who asked, and in which way.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it; nothing was changed then.
    pub async fn reload(
        &self,
        environment: &Environment,
        actor: &'static str,
        reason: &str,
    ) -> Result<Reloaded, ReloadError> {
        let _turn = self.gateway.changing.lock().await;
        let began = Instant::now();
        let tried = self.attempt(environment, began).await;
        let detail = match &tried {
            Ok(reloaded) => {
                Happened { reason, reloaded }.emit();
                let Reloaded { deployment, changed, at_next_start, .. } = reloaded;
                json!({
                    "reason": reason, "deployment": deployment, "changed": changed,
                    "at_next_start": at_next_start,
                })
            }
            Err(why) => {
                ReloadFailed { reason, why }.emit();
                json!({ "reason": reason, "refused": why.to_string() })
            }
        };
        let subject = "configuration".to_owned();
        Act { actor: actor.into(), action: "reload", subject, detail }.note(&self.gateway).await;
        tried
    }

    async fn attempt(
        &self,
        environment: &Environment,
        began: Instant,
    ) -> Result<Reloaded, ReloadError> {
        let running = self.gateway.deployment();
        let mut config = running.config.reread(environment)?;
        let at_next_start = config.settle(&running.config);
        config.check_listening().and_then(|()| config.check_keys()).map_err(Problems::from)?;
        let (engine, quarantine) = (&self.gateway.engine, &self.gateway.quarantine);
        let new = load::deployment(engine, quarantine, config, Some(&running)).await?;
        uploads::settle(&self.gateway, &new).await;
        let (deployment, changed) = (new.number, new.changes(&running));
        self.gateway.deploy(new);
        let took_ms = began.elapsed().as_secs_f64() * 1e3;
        Ok(Reloaded { deployment, changed, at_next_start, took_ms })
    }
}
