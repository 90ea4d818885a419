//! Tenants, keys and acts as the operator sees them. There is no secret in any of them.

use crate::config;
use jiff::Timestamp;
use portcullis_ledger::{self as ledger, Noted, Scopes};
use serde::Serialize;
use serde_json::Value;
use std::time::SystemTime;

/// A tenant of the ledger, of the configuration, or of both.
#[derive(Serialize)]
pub(super) struct Tenant<'a> {
    pub(super) id: &'a str,
    parent: Option<&'a str>,
    name: &'a str,
    /// Whether it stands in the configuration.
    configured: bool,
    /// When the ledger first knew it.
    made_at: Option<String>,
    suspended_at: Option<String>,
}

/// A key.
#[derive(Serialize)]
pub(super) struct Key<'a> {
    pub(super) id: &'a str,
    tenant: &'a str,
    name: &'a str,
    /// `active`, `revoked`, `replaced` or `expired`.
    state: &'static str,
    /// Of a list, `null` is everything.
    scopes: &'a Scopes,
    made_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    successor: Option<&'a str>,
}

/// What somebody did.
#[derive(Serialize)]
pub(super) struct Act<'a> {
    pub(super) act: i64,
    at: String,
    actor: &'a str,
    action: &'a str,
    subject: &'a str,
    detail: Value,
}

/// A page of the ledger's tenants together with those of the configuration that come after the
/// same one, by their ids. One of both that is further on in the ledger's list than the page is
/// long stands here as the configuration's, behind the end of the page.
pub(super) fn tenants<'a>(
    kept: &'a [ledger::Tenant],
    configured: &'a [config::Tenant],
    after: Option<&str>,
) -> Vec<Tenant<'a>> {
    let is_configured = |id: &str| configured.iter().any(|known| *known.name == *id);
    let of_ledger = kept.iter().map(|tenant| Tenant::of(tenant, is_configured(&tenant.id)));
    let further = configured.iter().filter(|known| after.is_none_or(|after| &*known.name > after));
    let alone = further.filter(|known| kept.iter().all(|it| *it.id != *known.name));
    let of_file = alone.map(|tenant| Tenant {
        id: &tenant.name,
        parent: tenant.parent.as_deref(),
        name: &tenant.name,
        configured: true,
        made_at: None,
        suspended_at: None,
    });
    let mut all: Vec<_> = of_ledger.chain(of_file).collect();
    all.sort_by_key(|tenant| tenant.id);
    all
}

impl<'a> Tenant<'a> {
    /// As the ledger knows it.
    pub(super) fn of(tenant: &'a ledger::Tenant, configured: bool) -> Self {
        Self {
            id: &tenant.id,
            parent: tenant.parent.as_deref(),
            name: &tenant.name,
            configured,
            made_at: Some(time(tenant.made_at)),
            suspended_at: tenant.suspended_at.map(time),
        }
    }
}

impl<'a> Key<'a> {
    /// As it is at that moment.
    pub(super) fn of(key: &'a ledger::Key, now: SystemTime) -> Self {
        let over = key.expires_at.is_some_and(|end| end <= now);
        let state = match (key.revoked_at, over, &key.successor) {
            (Some(_), ..) => "revoked",
            (None, true, Some(_)) => "replaced",
            (None, true, None) => "expired",
            (None, false, _) => "active",
        };
        Self {
            id: &key.id,
            tenant: &key.tenant,
            name: &key.name,
            state,
            scopes: &key.scopes,
            made_at: time(key.made_at),
            expires_at: key.expires_at.map(time),
            revoked_at: key.revoked_at.map(time),
            successor: key.successor.as_deref(),
        }
    }
}

impl<'a> Act<'a> {
    /// As it was noted.
    pub(super) fn of(noted: &'a Noted) -> Self {
        let detail = serde_json::from_str(&noted.detail);
        Self {
            act: noted.act,
            at: time(noted.at),
            actor: &noted.actor,
            action: &noted.action,
            subject: &noted.subject,
            detail: detail.unwrap_or_else(|_| Value::from(noted.detail.as_str())),
        }
    }
}

/// A moment that a calendar does not reach is said to be its last.
fn time(at: SystemTime) -> String {
    Timestamp::try_from(at).unwrap_or(Timestamp::MAX).to_string()
}
