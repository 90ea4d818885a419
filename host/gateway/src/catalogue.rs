//! The models that upstreams offer, beyond those that are configured.
//!
//! Only providers whose models need not be listed are asked, through their plugins, and what
//! they say is kept for a while: a list is asked for more often than it changes. An upstream that
//! does not answer offers nothing; the list of what is configured does not wait for it longer
//! than [`PATIENCE`].

use crate::contract::providers;
use crate::failure::Failure;
use crate::provider::Provider;
use crate::request::Serving;
use crate::tenant::Caller;
use crate::upstream::http::Outgoing;
use bytes::Bytes;
use futures_util::future::join_all;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a list is believed.
const FRESH: Duration = Duration::from_secs(300);
/// How long an upstream may take for its list.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a list at most.
const LONGEST: usize = 8 << 20;
/// Models of one upstream at most.
const MOST: usize = 5_000;

/// What each provider offers, by its name, and since when that is known.
type Kept = HashMap<String, (Instant, Arc<[String]>)>;

/// What upstreams said that they offer, by their providers' names. Each is kept by itself: nobody
/// waits for the upstream of a tenant that they are not of.
#[derive(Default)]
pub struct Catalogue(Mutex<Kept>);

impl Catalogue {
    /// The models of all open providers that there are for that client, as "provider/model".
    pub async fn offered(
        &self,
        providers: &[Arc<Provider>],
        caller: &Caller,
    ) -> Vec<Arc<[String]>> {
        let open = providers.iter().filter(|provider| {
            let configured = &provider.configured;
            configured.open_models && caller.sees(configured.tenant.as_ref())
        });
        let lists = join_all(open.map(|provider| self.of(provider))).await;
        lists.into_iter().flatten().collect()
    }

    async fn of(&self, provider: &Provider) -> Result<Arc<[String]>, Failure> {
        let name = &provider.configured.name;
        if let Some((at, offered)) = self.kept().get(name)
            && at.elapsed() < FRESH
        {
            return Ok(offered.clone());
        }
        // What failed is asked again next time.
        let offered: Arc<[String]> = list(provider).await?.into();
        self.kept().insert(name.clone(), (Instant::now(), offered.clone()));
        Ok(offered)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn list(provider: &Provider) -> Result<Vec<String>, Failure> {
    let asked = tokio::time::timeout(PATIENCE, ask(provider)).await;
    let models = asked.unwrap_or(Err(Failure::OutOfTime))?;
    let name = &provider.configured.name;
    Ok(models.into_iter().take(MOST).map(|model| format!("{name}/{}", model.id)).collect())
}

async fn ask(provider: &Provider) -> Result<Vec<providers::Model>, Failure> {
    let name = provider.configured.name.clone();
    let fail = |step| {
        let plugin = name.clone();
        move |fault| Failure::Plugin { plugin, step, fault }
    };
    let generation = provider.plugin.pin();
    let sandbox = generation.value.plugin.sandbox(Serving::default()).await;
    let mut sandbox = sandbox.map_err(fail("list-models-call"))?;
    let (guest, store, watch) = sandbox.enter();
    let asked = async { guest.all(store)?.call_list_models_call(store).await };
    let call = watch.over(asked).await;
    let Some(providers::Call::Http(call)) = call.map_err(fail("list-models-call"))? else {
        return Ok(Vec::new());
    };
    let outgoing = Outgoing {
        method: &call.method,
        path_and_query: &call.path_and_query,
        headers: &call.headers,
        body: Bytes::new(),
    };
    let Some(client) = &provider.client else { return Ok(Vec::new()) };
    let reply = client.send(outgoing).await.map_err(Failure::Call)?;
    // Its headers say nothing about models.
    let head = providers::ReplyHead { status: reply.status.as_u16(), headers: Vec::new() };
    let body = reply.body.collect(LONGEST).await.map_err(Failure::Call)?;
    let (guest, store, watch) = sandbox.enter();
    let reading = async { guest.all(store)?.call_read_models(store, &head, &body).await };
    let read = watch.over(reading).await;
    read.map_err(fail("read-models"))?.map_err(Failure::Reported)
}
