//! What is said with a request about tenants and keys.

use crate::config::units;
use portcullis_ledger::Scopes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::{Duration, SystemTime};

/// How long a key that is replaced works where nothing is said.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// A tenant that is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tenant {
    pub(super) id: String,
    pub(super) parent: Option<String>,
    /// What people read; the id, where nothing is said.
    pub(super) name: Option<String>,
}

/// A key that is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    pub(super) tenant: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) scopes: Scopes,
    pub(super) expires_at: Option<String>,
}

/// How a key is replaced.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    pub(super) grace: Option<String>,
    pub(super) expires_at: Option<String>,
}

/// When a key ends. That it never does has to be said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expiry {
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) expires_at: Option<String>,
}

/// What needs nothing to be said.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

pub(super) fn read_if_any<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, String> {
    if body.is_empty() { Ok(T::default()) } else { read(body) }
}

pub(super) fn nothing(body: &[u8]) -> Result<(), String> {
    read_if_any::<Nothing>(body).map(drop)
}

/// A moment.
pub(super) fn time(text: &str) -> Result<SystemTime, String> {
    let time = text.parse::<jiff::Timestamp>().map(SystemTime::from);
    time.map_err(|_| {
        format!("`expires_at` = {text:?} is not a time; expected such as \"2027-01-31T00:00:00Z\"")
    })
}

/// The end of a key that is to be: one that is yet to come.
pub(super) fn end(text: Option<&str>, now: SystemTime) -> Result<Option<SystemTime>, String> {
    let end = text.map(time).transpose()?;
    match end.filter(|end| *end <= now).and(text) {
        Some(over) => Err(format!("`expires_at` = {over:?} is over already")),
        None => Ok(end),
    }
}

/// How long the old key works.
pub(super) fn grace(text: Option<&str>) -> Result<Duration, String> {
    match text {
        None => Ok(GRACE),
        Some("0s") => Ok(Duration::ZERO),
        Some(text) => units::duration(text).map_err(|why| {
            let duration = units::DURATION;
            format!("`grace` = {text:?} {why}; expected {duration}, or \"0s\"")
        }),
    }
}
