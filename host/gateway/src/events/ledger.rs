//! What happens where it is counted what requests use.

use crate::alerts::Alert;
use std::fmt::Display;

/// The ledger did not do what was asked of it.
pub struct LedgerFailed<'a> {
    /// Why.
    pub why: &'a dyn Display,
}

impl LedgerFailed<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        tracing::error!(why = %self.why, "ledger failed");
    }
}

/// A limit is nearly used up.
pub struct LimitNearlyUsed<'a> {
    /// Which, and how it stands.
    pub alert: &'a Alert,
}

impl LimitNearlyUsed<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        let Alert { limit, standing, used, most, .. } = self.alert;
        let account = standing.account.name();
        tracing::warn!(limit = &**limit, account, used, most, "limit nearly used up");
    }
}

/// Nobody could be told that a limit is nearly used up.
pub struct WebhookFailed<'a> {
    /// Which.
    pub limit: &'a str,
    /// Why.
    pub why: &'a dyn Display,
}

impl WebhookFailed<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        tracing::error!(limit = self.limit, why = %self.why, "webhook failed");
    }
}

/// What the process before this one had under way when it died counts as what it had reserved.
pub struct EntriesUnknown {
    /// How many.
    pub entries: u64,
}

impl EntriesUnknown {
    /// Writes one line.
    pub fn emit(&self) {
        tracing::warn!(entries = self.entries, "requests of an earlier process count as reserved");
    }
}

/// Some of the journal cannot be read.
pub struct JournalDamaged {
    /// How much of it.
    pub bytes: u64,
}

impl JournalDamaged {
    /// Writes one line.
    pub fn emit(&self) {
        tracing::error!(bytes = self.bytes, "journal damaged: what stood there is not counted");
    }
}

/// The ledger does not answer.
pub struct LedgerAway<'a> {
    /// Why.
    pub why: &'a dyn Display,
}

impl LedgerAway<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        tracing::error!(why = %self.why, "ledger away: requests spend what is held here");
    }
}

/// The ledger answers again.
pub struct LedgerBack {
    /// Requests that were served meanwhile without knowing whether enough was left, in all.
    pub served_beyond: u64,
}

impl LedgerBack {
    /// Writes one line.
    pub fn emit(&self) {
        tracing::info!(served_beyond = self.served_beyond, "ledger back");
    }
}

/// What a tenant uploaded is not in its place.
pub struct UploadUnusable<'a> {
    /// Where: `policies.NAME`.
    pub name: &'a str,
    /// Why.
    pub why: &'a str,
}

impl UploadUnusable<'_> {
    /// Writes one line.
    pub fn emit(&self) {
        tracing::error!(name = self.name, why = self.why, "upload unusable: the version stays");
    }
}
