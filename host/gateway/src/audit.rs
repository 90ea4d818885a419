//! What operators do to a gateway, for the audit log of its ledger: they have its configuration
//! read again, put versions of plugins in place of others, empty what is kept. (What they do to
//! tenants and keys the ledger notes itself, in the transaction that does it.)
//!
//! An act is noted when it is over, with what came of it. What it changed ends with the process, so
//! that none is lost of what lasts. One that cannot be noted stays done, since a plugin that does
//! harm has to be taken out of use while the ledger is away, too; the log has it then.

use crate::events::NotAudited;
use crate::gateway::Gateway;
use portcullis_ledger::By;
use serde_json::Value;
use std::borrow::Cow;
use std::time::SystemTime;

/// Whoever reaches the operator's address: it asks nobody who they are.
pub const ADMIN: &str = "admin";
/// Whoever may write the configuration's file, or signal the process.
pub const HOST: &str = "host";

/// An act that is over.
#[derive(Debug)]
pub struct Act {
    /// Who.
    pub actor: Cow<'static, str>,
    /// What, as a word: `reload`.
    pub action: &'static str,
    /// To what: `policies.NAME`.
    pub subject: String,
    /// What came of it; `refused` says why nothing was changed. There is never a secret in it.
    pub detail: Value,
}

impl Act {
    /// Notes it, where there is a ledger. It is noted also if whoever waits for it goes away.
    pub async fn note(self, gateway: &Gateway) {
        let Some(registry) = &gateway.registry else {
            return;
        };
        let ledger = registry.ledger.clone();
        let noting = tokio::spawn(async move {
            let by = By { actor: &self.actor, at: SystemTime::now() };
            let detail = self.detail.to_string();
            if let Err(why) = ledger.note(by, self.action, &self.subject, &detail).await {
                NotAudited { act: &self, why: &why }.emit();
            }
        });
        // It does not panic, and nobody else ends it.
        let _ = noting.await;
    }
}
