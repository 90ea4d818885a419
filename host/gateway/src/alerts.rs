//! Who is told that a limit is nearly used up: the client, by a header; the operator, by the log,
//! a metric, and an address of theirs.
//!
//! A limit is told of once in each of its windows; where processes share a ledger, by one of them.

use crate::config::{Credential, Webhook};
use crate::events::{LimitNearlyUsed, WebhookFailed};
use crate::limits::{Applied, amount, time};
use crate::upstream::http::{Client, ClientError, Outgoing, Target};
use bytes::Bytes;
use moka::sync::Cache;
use portcullis_ledger::{Ledger, Limit, Standing};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::sleep;
use url::Position;

/// Windows of limits that were told of and are remembered.
const MOST_TOLD: u64 = 100_000;
/// Alerts that wait to be sent; more are in the log alone.
const MOST_WAITING: usize = 256;
/// How often an address is tried.
const TRIES: u32 = 4;
/// Before the second try; it doubles from there.
const PAUSE: Duration = Duration::from_secs(1);
/// How long an address may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Of one process.
#[derive(Debug)]
pub struct Alerts {
    /// What this process has told of: accounts, and when their windows end.
    told: Cache<(Arc<str>, Option<i64>), ()>,
    waiting: mpsc::Sender<Alert>,
    /// How often each limit was told of, by its name.
    counts: Mutex<BTreeMap<Arc<str>, u64>>,
}

/// That a limit is nearly used up.
#[derive(Clone, Debug)]
pub struct Alert {
    /// What the operator calls the limit.
    pub limit: Arc<str>,
    /// How it stands.
    pub standing: Standing,
    /// How much is used, in words.
    pub used: String,
    /// How much there is, likewise.
    pub most: String,
    /// The account's window in the ledger.
    applied: Arc<Limit>,
}

/// Sends what is to be sent, for as long as it is polled.
pub struct Sending {
    waiting: mpsc::Receiver<Alert>,
    ledger: Ledger,
    webhook: Option<Hook>,
}

/// An address that is told.
struct Hook {
    client: Client,
    path_and_query: String,
}

impl Hook {
    fn to(webhook: &Webhook) -> Result<Self, ClientError> {
        let Webhook(url) = webhook;
        let mut base_url = url.clone();
        base_url.set_path("");
        base_url.set_query(None);
        base_url.set_fragment(None);
        let client = Client::new(Target {
            base_url,
            credential: Credential::None,
            headers: Vec::new(),
            // The operator named it.
            private_addresses: true,
            ca: None,
            connect_timeout: PATIENCE,
            first_byte_timeout: PATIENCE,
            between_chunks_timeout: PATIENCE,
        })?;
        let path_and_query = url[Position::BeforePath..Position::AfterQuery].to_owned();
        Ok(Self { client, path_and_query })
    }

    async fn post(&self, body: Bytes) -> Result<(), String> {
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        let path_and_query = &self.path_and_query;
        let outgoing = Outgoing { method: "POST", path_and_query, headers: &headers, body };
        let reply = self.client.send(outgoing).await.map_err(|why| why.to_string())?;
        let status = reply.status;
        status.is_success().then_some(()).ok_or_else(|| format!("it answered {status}"))
    }
}

impl Alerts {
    /// Alerts that are told over this ledger, and what sends them.
    ///
    /// # Errors
    ///
    /// If there is an address that cannot be called.
    pub fn over(ledger: Ledger, webhook: Option<&Webhook>) -> Result<(Self, Sending), ClientError> {
        let (sender, waiting) = mpsc::channel(MOST_WAITING);
        let webhook = webhook.map(Hook::to).transpose()?;
        let sending = Sending { waiting, ledger, webhook };
        let told = Cache::new(MOST_TOLD);
        Ok((Self { told, waiting: sender, counts: Mutex::default() }, sending))
    }

    /// Looks whether any of these is nearly used up. Returns what the client is told: the limits
    /// that are their own, with the share that is used.
    pub fn look(&self, applied: &[Applied], standings: &[Standing]) -> Vec<String> {
        let mut warnings = Vec::new();
        for limit in applied {
            let account = limit.limit.account();
            let Some(warn_at) = limit.warn_at else { continue };
            let Some(standing) = standings.iter().find(|it| it.account == *account) else {
                continue;
            };
            let share = standing.spent as f64 / standing.most.max(1) as f64;
            if share < warn_at {
                continue;
            }
            if limit.is_tenants_own() {
                let resets = standing.resets_at.and_then(time);
                let resets = resets.map(|at| format!("; resets {at}")).unwrap_or_default();
                warnings.push(format!("{} {:.0}%{resets}", limit.name, share * 100.0));
            }
            let key = (Arc::from(account.name()), standing.resets_at);
            if !self.told.contains_key(&key) {
                self.told.insert(key, ());
                self.tell(limit, standing);
            }
        }
        warnings
    }

    /// How often limits were told of by this process, by their names.
    pub fn counts(&self) -> BTreeMap<Arc<str>, u64> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, limit: &Applied, standing: &Standing) {
        let measure = limit.limit.measure();
        let alert = Alert {
            limit: limit.name.clone(),
            standing: standing.clone(),
            used: amount(measure, standing.spent),
            most: amount(measure, standing.most),
            applied: limit.limit.clone(),
        };
        *self.lock().entry(limit.name.clone()).or_default() += 1;
        LimitNearlyUsed { alert: &alert }.emit();
        if self.waiting.try_send(alert).is_err() {
            WebhookFailed { limit: &limit.name, why: &"too many wait to be sent" }.emit();
        }
    }
}

impl Sending {
    /// Sends each alert, unless another process on the same ledger has.
    pub async fn run(mut self) {
        while let Some(alert) = self.waiting.recv().await {
            let Some(hook) = &self.webhook else { continue };
            let now = crate::accounting::now();
            let window = alert.applied.window(now).start;
            let first = self.ledger.warn_once(alert.applied.account(), window, now).await;
            // Whoever cannot ask tells: once too often is better than never.
            if !first.unwrap_or(true) {
                continue;
            }
            if let Err(why) = send(hook, &alert).await {
                WebhookFailed { limit: &alert.limit, why: &why }.emit();
            }
        }
    }
}

async fn send(hook: &Hook, alert: &Alert) -> Result<(), String> {
    let body = json!({
        "event": "limit_nearly_used",
        "limit": alert.limit,
        "account": alert.standing.account.name(),
        "used": alert.standing.spent,
        "most": alert.standing.most,
        "unit": alert.applied.measure().name(),
        "resets_at": alert.standing.resets_at.and_then(time),
        "text": format!("Limit {}: {} of {} are used.", alert.limit, alert.used, alert.most),
    });
    let body = Bytes::from(body.to_string());
    let (mut pause, mut why) = (PAUSE, String::new());
    for attempt in 0..TRIES {
        if attempt > 0 {
            sleep(pause).await;
            pause *= 2;
        }
        match hook.post(body.clone()).await {
            Ok(()) => return Ok(()),
            Err(failed) => why = failed,
        }
    }
    Err(why)
}
