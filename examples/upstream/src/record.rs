//! The journal: what arrived, and how it ended.
//!
//! Each answer holds a [`Ticket`]. An answer that is dropped before it was played to its end
//! was abandoned by its client, so a cancellation needs no code of its own anywhere.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Version};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::form;

/// How many requests are kept: the oldest is forgotten first, so that a benchmark of an hour
/// does not fill the memory.
const KEPT: usize = 10_000;

/// How the answer to a request went. Times count from the start of the server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// It is being answered.
    InFlight,
    /// The answer was given up to what the script calls its end, broken ends included.
    Finished {
        /// When its last byte was handed to the connection.
        at: Duration,
    },
    /// The client went away before.
    Abandoned {
        /// When the server noticed.
        at: Duration,
        /// When it had last handed something to the connection, if it had.
        last_sent: Option<Duration>,
    },
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Counts from 1; `x-request-id` is `req_` and this.
    pub id: u64,
    /// The method, in capitals.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The headers in their order; a repeated name is there repeatedly.
    pub headers: HeaderMap,
    /// The body to the byte.
    pub body: Bytes,
    /// Which HTTP it came by.
    pub version: Version,
    /// The `model` of the body; empty where it had none.
    pub model: String,
    /// When it was complete, counted from the start of the server.
    pub received: Duration,
    /// How it went.
    pub outcome: Outcome,
}

impl Recorded {
    /// The body as JSON; a form is an object, as `form` says; null where it is neither.
    pub fn json(&self) -> Value {
        let form = form::read(&self.headers, &self.body);
        form.unwrap_or_else(|| serde_json::from_slice(&self.body).unwrap_or_default())
    }

    /// One header's value, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What the control endpoints say of it.
    pub(crate) fn to_json(&self) -> Value {
        let headers: Vec<Value> = self
            .headers
            .iter()
            .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
            .collect();
        let (outcome, at, last_sent) = match self.outcome {
            Outcome::InFlight => ("in-flight", None, None),
            Outcome::Finished { at } => ("finished", Some(at), None),
            Outcome::Abandoned { at, last_sent } => ("abandoned", Some(at), last_sent),
        };
        json!({
            "id": self.id,
            "method": self.method,
            "path": self.path,
            "version": format!("{:?}", self.version),
            "headers": headers,
            "model": self.model,
            "body": self.json(),
            "received_ms": milliseconds(self.received),
            "outcome": outcome,
            "ended_ms": at.map(milliseconds),
            "last_sent_ms": last_sent.map(milliseconds),
        })
    }
}

/// As a fraction, so that a latency of microseconds is not a zero.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Everything that arrived. Changes can be awaited.
#[derive(Debug)]
pub(crate) struct Journal {
    started: Instant,
    entries: Mutex<Entries>,
    changes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Entries {
    last_id: u64,
    by_id: BTreeMap<u64, Recorded>,
    /// Counted apart, because more may be open than are kept.
    in_flight: usize,
    /// How often each `flaky` model has failed.
    failures: HashMap<String, u32>,
}

impl Default for Journal {
    fn default() -> Journal {
        let entries = Mutex::default();
        Journal { started: Instant::now(), entries, changes: watch::Sender::new(()) }
    }
}

impl Journal {
    /// Writes down a complete request.
    pub(crate) fn open(self: &Arc<Journal>, parts: &Parts, body: Bytes, model: &str) -> Ticket {
        let received = self.now();
        let mut entries = self.entries();
        entries.last_id += 1;
        entries.in_flight += 1;
        let id = entries.last_id;
        let recorded = Recorded {
            id,
            method: parts.method.to_string(),
            path: parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            headers: parts.headers.clone(),
            body,
            version: parts.version,
            model: model.to_owned(),
            received,
            outcome: Outcome::InFlight,
        };
        entries.by_id.insert(id, recorded);
        if entries.by_id.len() > KEPT {
            entries.by_id.pop_first();
        }
        drop(entries);
        self.changes.send_replace(());
        Ticket { journal: self.clone(), id, last_sent: None, open: true }
    }

    /// Whether this model has to fail once more.
    pub(crate) fn takes_failure(&self, model: &str, times: u32) -> bool {
        let mut entries = self.entries();
        let failed = entries.failures.entry(model.to_owned()).or_default();
        let fails = *failed < times;
        *failed += u32::from(fails);
        fails
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.entries().by_id.values().cloned().collect()
    }

    pub(crate) fn of_model(&self, model: &str) -> Vec<Recorded> {
        self.select(|request| request.model == model)
    }

    pub(crate) fn abandoned(&self, model: &str) -> Vec<Recorded> {
        self.select(|request| {
            request.model == model && matches!(request.outcome, Outcome::Abandoned { .. })
        })
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.entries().in_flight
    }

    pub(crate) fn reset(&self) {
        let mut entries = self.entries();
        entries.by_id.clear();
        entries.failures.clear();
        drop(entries);
        self.changes.send_replace(());
    }

    /// Asks again after every change until there is an answer.
    pub(crate) async fn wait_for<T>(&self, mut ask: impl FnMut(&Journal) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        loop {
            // Marked as seen before asking: a change in between wakes the wait below.
            changes.borrow_and_update();
            if let Some(answer) = ask(self) {
                return answer;
            }
            // The sender is a field of `self`, so it cannot be gone.
            let _ = changes.changed().await;
        }
    }

    /// The time since the start of the server.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn select(&self, wanted: impl Fn(&Recorded) -> bool) -> Vec<Recorded> {
        self.entries().by_id.values().filter(|it| wanted(it)).cloned().collect()
    }

    fn close(&self, id: u64, outcome: Outcome) {
        let mut entries = self.entries();
        entries.in_flight -= 1;
        // A request from before a reset is not there any more, and nobody asks for it.
        if let Some(request) = entries.by_id.get_mut(&id) {
            request.outcome = outcome;
        }
        drop(entries);
        self.changes.send_replace(());
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by an answer as long as it lasts. Dropped before [`finish`](Ticket::finish), it writes
/// down that the client went away.
#[derive(Debug)]
pub struct Ticket {
    journal: Arc<Journal>,
    id: u64,
    last_sent: Option<Duration>,
    open: bool,
}

impl Ticket {
    /// The number of the request.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Something was handed to the connection.
    pub(crate) fn sent(&mut self) {
        self.last_sent = Some(self.journal.now());
    }

    /// The answer is complete, as far as its script goes.
    pub(crate) fn finish(&mut self) {
        if std::mem::take(&mut self.open) {
            self.journal.close(self.id, Outcome::Finished { at: self.journal.now() });
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.open {
            let outcome = Outcome::Abandoned { at: self.journal.now(), last_sent: self.last_sent };
            self.journal.close(self.id, outcome);
        }
    }
}
