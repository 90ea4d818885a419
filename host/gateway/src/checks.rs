//! Checks of upstreams, where the operator asks for them: a call now and then, beside the
//! requests.
//!
//! A row of checks that fail opens the circuits of all candidates of a provider, as a row of
//! requests would, and one that succeeds closes them again. What requests found out is not
//! undone by a check: an upstream that lists its models may still have no room for a request.
//!
//! The checks are those of what is in place. They end when something else is.

use crate::config::Health;
use crate::deployment::Deployment;
use crate::events::{HealthCheckFailed, HealthCheckPassed};
use crate::provider::Provider;
use crate::route::Routes;
use crate::upstream::http::{Client, Outgoing};
use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// Bytes of an answer that are read, so that its connection can be used again.
const LONGEST: usize = 1 << 20;

/// The checks that are under way. Dropping them ends them.
pub struct Checks {
    _tasks: JoinSet<()>,
}

/// What the newest check of a provider found.
#[derive(Debug, Default)]
pub struct Newest(Mutex<Option<Checked>>);

/// What a check found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What was wrong; `None` where nothing was.
    pub why: Option<String>,
    /// When it was over.
    pub at: Instant,
    /// How long it took.
    pub took: Duration,
}

impl Checks {
    /// Begins the checks that the providers of a deployment are configured with.
    pub fn of(deployment: &Deployment) -> Self {
        let mut tasks = JoinSet::new();
        for provider in &deployment.providers {
            if let Some(health) = provider.configured.health.clone() {
                tasks.spawn(again_and_again(provider.clone(), deployment.routes.clone(), health));
            }
        }
        Self { _tasks: tasks }
    }
}

impl Newest {
    /// What it found; `None` where there was none yet.
    pub fn get(&self) -> Option<Checked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps what one found. Returns whether the one before it, if any, found something else.
    fn set(&self, checked: Checked) -> bool {
        let well = checked.why.is_none();
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(checked);
        before.is_none_or(|before| before.why.is_none()) != well
    }
}

async fn again_and_again(provider: Arc<Provider>, routes: Arc<Routes>, health: Health) {
    let Some(client) = &provider.client else { return };
    let mut times = interval(health.every);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        times.tick().await;
        let began = Instant::now();
        let why = check(client, &health).await.err();
        let (name, candidates) = (&provider.configured.name, routes.of(&provider.configured.name));
        match &why {
            None => candidates.iter().for_each(|candidate| candidate.found_well()),
            Some(_) => candidates.iter().for_each(|candidate| candidate.found_ill()),
        }
        let checked = Checked { why: why.clone(), at: Instant::now(), took: began.elapsed() };
        if provider.checked.set(checked) {
            match &why {
                None => HealthCheckPassed { provider: name }.emit(),
                Some(why) => HealthCheckFailed { provider: name, why }.emit(),
            }
        }
    }
}

/// Makes one call; what is wrong, if it is not answered as it should be.
async fn check(client: &Client, health: &Health) -> Result<(), String> {
    let outgoing =
        Outgoing { method: "GET", path_and_query: &health.path, headers: &[], body: Bytes::new() };
    let checked = timeout(health.timeout, async {
        let reply = client.send(outgoing).await.map_err(|error| error.to_string())?;
        let status = reply.status;
        if !status.is_success() {
            return Err(format!("it answered {status}"));
        }
        // Its words say nothing; how they end does.
        let read = reply.body.collect(LONGEST).await;
        read.map(|_| ()).map_err(|error| error.to_string())
    });
    let late = |_| Err(format!("no answer within {} ms", health.timeout.as_millis()));
    checked.await.unwrap_or_else(late)
}
