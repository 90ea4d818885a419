//! Keys that operators make while the gateway runs. The ledger has them; what they may be used for
//! is what they leave of their tenant's scope.
//!
//! A tenant of the configuration and one of the ledger that have one name are one tenant: who is
//! suspended in the ledger is so with the keys that the configuration gives them.

use super::{Caller, scopes};
use crate::config::{self, Scope};
use moka::sync::Cache;
use portcullis_ledger::{AdminError, KeyRefused, Keys, Known, Ledger};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

/// Callers that are kept between their requests. Another one costs the joining of two scopes.
const MOST_CALLERS: u64 = 10_000;

/// The tenants and keys of a ledger. One a process, whatever is configured meanwhile.
#[derive(Debug)]
pub struct Registry {
    /// Where they are.
    pub ledger: Ledger,
    /// As they are in memory.
    pub keys: Keys,
}

impl Registry {
    /// Reads all keys of a ledger, and follows what becomes of them.
    ///
    /// # Errors
    ///
    /// If the ledger does not answer.
    pub async fn of(ledger: Ledger) -> Result<Self, AdminError> {
        let keys = Keys::follow(&ledger).await?;
        Ok(Self { ledger, keys })
    }
}

/// Whoever shows a key of the ledger, under one configuration.
#[derive(Debug)]
pub(super) struct Issued {
    clients: Scope,
    tenants: HashMap<Arc<str>, Configured>,
    /// By the ids of their keys.
    callers: Cache<String, Found>,
}

/// A tenant of the configuration.
#[derive(Debug)]
struct Configured {
    scope: Scope,
    /// Itself, and all that it is part of.
    lineage: Vec<Arc<str>>,
}

#[derive(Clone, Debug)]
struct Found {
    known: Known,
    caller: Arc<Caller>,
}

impl Issued {
    /// With these scopes around their own. A tenant stands behind the one that it is part of.
    pub(super) fn within(clients: &Scope, tenants: &[config::Tenant]) -> Self {
        let mut known: HashMap<Arc<str>, Configured> = HashMap::new();
        for tenant in tenants {
            let parent = tenant.parent.as_ref().and_then(|parent| known.get(parent));
            let above = parent.map(|parent| parent.lineage.clone()).unwrap_or_default();
            let lineage = [tenant.name.clone()].into_iter().chain(above).collect();
            known.insert(tenant.name.clone(), Configured { scope: tenant.scope.clone(), lineage });
        }
        let callers = Cache::new(MOST_CALLERS);
        Self { clients: clients.clone(), tenants: known, callers }
    }

    /// Whoever shows this key of the ledger's. It waits for nothing.
    pub(super) fn find(
        &self,
        keys: &Keys,
        secret: &[u8],
        now: SystemTime,
    ) -> Result<Arc<Caller>, KeyRefused> {
        let secret = std::str::from_utf8(secret).map_err(|_| KeyRefused::Unknown)?;
        let known = keys.look_up(secret, now)?;
        let nearest = known.tenants.iter().find_map(|tenant| self.tenants.get(&*tenant.id));
        nearest.map_or(Ok(()), |tenant| tenant.check(keys))?;
        Ok(self.caller(known, nearest))
    }

    /// That a tenant of the configuration is not suspended in the ledger.
    pub(super) fn check(&self, keys: &Keys, tenant: &str) -> Result<(), KeyRefused> {
        self.tenants.get(tenant).map_or(Ok(()), |tenant| tenant.check(keys))
    }

    /// A tenant of the configuration, and all that it is part of.
    pub(super) fn lineage(&self, tenant: &str) -> Arc<[Arc<str>]> {
        self.tenants.get(tenant).map(|tenant| tenant.lineage.as_slice().into()).unwrap_or_default()
    }

    fn caller(&self, known: Known, nearest: Option<&Configured>) -> Arc<Caller> {
        let same = |found: &Found| {
            Arc::ptr_eq(&found.known.key, &known.key)
                && Arc::ptr_eq(&found.known.tenants, &known.tenants)
        };
        if let Some(found) = self.callers.get(&known.key.id).filter(same) {
            return found.caller;
        }
        let around = nearest.map_or(&self.clients, |tenant| &tenant.scope);
        let scope = around.narrowed(scopes::narrowing(&known.key.scopes));
        let nobodys = Caller::unknown(&known.key.tenant, scope);
        let mut lineage: Vec<Arc<str>> =
            known.tenants.iter().map(|it| it.id.as_str().into()).collect();
        for above in nearest.iter().flat_map(|tenant| &tenant.lineage) {
            if !lineage.contains(above) {
                lineage.push(above.clone());
            }
        }
        let (key, lineage) = (Some(known.key.id.as_str().into()), lineage.into());
        let caller = Arc::new(Caller { key, lineage, ..nobodys });
        self.callers.insert(known.key.id.clone(), Found { known, caller: caller.clone() });
        caller
    }
}

impl Configured {
    /// That neither it nor one that it is part of is suspended in the ledger.
    fn check(&self, keys: &Keys) -> Result<(), KeyRefused> {
        let suspended = keys.is_suspended(self.lineage.iter().map(|name| &**name));
        if suspended { Err(KeyRefused::Suspended) } else { Ok(()) }
    }
}
