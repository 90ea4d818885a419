//! What tenants put in the places of their own plugins, by the API (`uploads/asked`).
//!
//! It is in the ledger, so that every gateway of it has the same in place, and has it again after a
//! restart. The operator's version stays behind it: what is uploaded comes as any other version
//! does that takes the place of one, is on probation, and is taken back by itself where it does
//! harm. It has the operator's settings, limits, grants, address and credential; a tenant decides
//! of the code alone.

mod asked;

pub use asked::{Asked, answer};

use crate::bundle;
use crate::config::{Config, PluginSource};
use crate::deployment::Deployment;
use crate::events::{LedgerFailed, UploadUnusable};
use crate::gateway::Gateway;
use crate::installed::Installed;
use crate::version::{Kind, Version};
use futures_util::future::{join, join_all};
use portcullis_ledger::{AdminError, Ledger, Upload};
use portcullis_sandbox::{Manifest, Package};
use std::sync::Arc;

/// Whether plugins of a tenant's own may be put in place by it.
fn may(config: &Config, tenant: &str) -> bool {
    config.tenants.iter().any(|it| *it.name == *tenant && it.scope.uploads)
}

/// Brings what was uploaded into its places of a deployment, and what is there no longer out of
/// them. What cannot be used leaves in place what is there.
pub async fn settle(gateway: &Gateway, deployment: &Deployment) {
    let Some((ledger, uploads)) = due(gateway, deployment).await else { return };
    let settling = Settling { gateway, deployment, ledger, uploads: &uploads };
    let policies = deployment.policies.iter().map(|policy| {
        let configured = &policy.configured;
        let tenant = configured.tenant.as_deref();
        settling.place(&policy.plugin, configured, &configured.plugin, tenant)
    });
    let providers = deployment.providers.iter().map(|provider| {
        let configured = &provider.configured;
        let tenant = configured.tenant.as_deref();
        settling.place(&provider.plugin, configured, &configured.plugin, tenant)
    });
    join(join_all(policies), join_all(providers)).await;
}

/// Follows what is uploaded at any gateway of the ledger, for as long as it is polled.
pub async fn follow(gateway: Arc<Gateway>) {
    let Some(registry) = &gateway.registry else { return };
    loop {
        registry.keys.updated().await;
        // Whoever wants to change something finds nobody doing so for nothing.
        if due(&gateway, &gateway.deployment()).await.is_some() {
            let _turn = gateway.changing.lock().await;
            settle(&gateway, &gateway.deployment()).await;
        }
    }
}

/// What is uploaded, where some place has not what it should.
async fn due<'a>(
    gateway: &'a Gateway,
    deployment: &Deployment,
) -> Option<(&'a Ledger, Vec<Upload>)> {
    let policies = deployment.policies.iter();
    let policies = policies.map(|it| (&it.plugin.name, it.plugin.upload(), &it.configured.tenant));
    let providers = deployment.providers.iter();
    let providers =
        providers.map(|it| (&it.plugin.name, it.plugin.upload(), &it.configured.tenant));
    let own = |tenant: &str| may(&deployment.config, tenant);
    let concerned = policies
        .chain(providers)
        .filter(|(_, has, tenant)| *has != 0 || tenant.as_deref().is_some_and(own));
    let concerned: Vec<_> = concerned.collect();
    if concerned.is_empty() {
        return None;
    }
    let ledger = &gateway.registry.as_ref()?.ledger;
    let uploads = match ledger.uploads().await {
        Ok(uploads) => uploads,
        Err(why) => {
            LedgerFailed { why: &why }.emit();
            return None;
        }
    };
    let differs = concerned.iter().any(|(place, has, tenant)| {
        let upload = found(deployment, &uploads, place, tenant.as_deref());
        upload.map_or(0, |upload| upload.act) != *has
    });
    differs.then_some((ledger, uploads))
}

/// What a tenant may have uploaded in that place of its own, if it has.
fn found<'a>(
    deployment: &Deployment,
    uploads: &'a [Upload],
    place: &str,
    tenant: Option<&str>,
) -> Option<&'a Upload> {
    let tenant = tenant.filter(|tenant| may(&deployment.config, tenant))?;
    uploads.iter().find(|it| it.place == place && it.tenant == tenant)
}

struct Settling<'a> {
    gateway: &'a Gateway,
    deployment: &'a Deployment,
    ledger: &'a Ledger,
    uploads: &'a [Upload],
}

/// Why a place has not what it should.
enum Unsettled {
    /// It cannot be used: it is not tried again.
    Unusable(String),
    /// It cannot be had: it is tried again.
    Away(AdminError),
}

impl Settling<'_> {
    async fn place<K: Kind>(
        &self,
        installed: &Arc<Installed<K>>,
        configured: &K::Configured,
        source: &PluginSource,
        tenant: Option<&str>,
    ) {
        let upload = found(self.deployment, self.uploads, &installed.name, tenant);
        let act = upload.map_or(0, |upload| upload.act);
        if act == installed.upload() {
            return;
        }
        match self.version::<K>(configured, source, upload).await {
            Ok(version) => {
                let reason = match upload {
                    Some(_) => "its tenant uploaded it",
                    None => "what its tenant uploaded is there no longer",
                };
                installed.publish(version, None, reason);
                installed.uploaded(act);
            }
            Err(Unsettled::Unusable(why)) => {
                UploadUnusable { name: &installed.name, why: &why }.emit();
                installed.uploaded(act);
            }
            Err(Unsettled::Away(why)) => LedgerFailed { why: &why }.emit(),
        }
    }

    /// The version that should be there.
    async fn version<K: Kind>(
        &self,
        configured: &K::Configured,
        source: &PluginSource,
        upload: Option<&Upload>,
    ) -> Result<Version<K>, Unsettled> {
        let package = match upload {
            Some(upload) => self.uploaded(upload).await?,
            None => bundle::fetch(source, self.deployment.config.plugins.directory.as_deref())
                .map_err(Unsettled::Unusable)?,
        };
        let checked = self.gateway.quarantine.check(&package.digest);
        checked.map_err(Unsettled::Unusable)?;
        let version = Version::<K>::load(&self.gateway.engine, configured, package).await;
        version.map_err(|why| Unsettled::Unusable(why.to_string()))
    }

    async fn uploaded(&self, upload: &Upload) -> Result<Package, Unsettled> {
        let found = self.ledger.uploaded(&upload.place).await.map_err(Unsettled::Away)?;
        // Another one that came meanwhile is another act, which the next look sees.
        let found = found.filter(|found| found.upload == *upload);
        let gone = || Unsettled::Unusable("it was taken away meanwhile".to_owned());
        let found = found.ok_or_else(gone)?;
        let manifest = Manifest::parse(&found.description);
        let manifest = manifest.map_err(|why| Unsettled::Unusable(why.to_string()))?;
        Ok(Package::new(manifest, found.content))
    }
}
