//! From a configuration to a gateway that is ready: the engine, every plugin, every client.
//!
//! Nothing listens yet. What is wrong is reported all at once, so that an operator does not
//! mend one plugin only to hear of the next.

use crate::bookkeeper::Bookkeeper;
use crate::checks::Newest;
use crate::config::{Config, PluginSource};
use crate::deployment::Deployment;
use crate::events::{CommandMissing, KeptInMemory, PluginLoaded};
use crate::gateway::Gateway;
use crate::installed::Installed;
use crate::keeping::Keeper;
use crate::observe::Observer;
use crate::policy::{Policy, PolicyWorld};
use crate::provider::{Provider, ProviderWorld};
use crate::quarantine::Quarantine;
use crate::record::Kept;
use crate::tenant::Registry;
use crate::upstream::command::Commands;
use crate::upstream::http::{Client, ClientError, Target};
use crate::version::{Kind, Version};
use crate::{bundle, cli};
use portcullis_ledger::{Ledger, LedgerError};
use portcullis_sandbox::{Compiler, Engine, Package, Settings};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;
use url::Url;

/// Why there is no gateway: everything that is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{}", problems.join("\n"))]
pub struct LoadProblems {
    /// A line each.
    pub problems: Vec<String>,
}

/// What a configuration amounts to.
pub struct Loaded {
    /// What serves.
    pub gateway: Gateway,
    /// What looks after its accounts, if it has any.
    pub bookkeeper: Option<Bookkeeper>,
}

/// Makes a gateway of a configuration, and what looks after its accounts, if it has any.
///
/// # Errors
///
/// Everything that keeps it from starting.
pub async fn gateway(config: Config) -> Result<Loaded, LoadProblems> {
    let failed = |why: String| LoadProblems { problems: vec![why] };
    let ledger = ledger(&config).await.map_err(|why| failed(why.to_string()))?;
    let engine = Engine::new(&Settings {
        instances: u32::try_from(config.sandbox.instances).unwrap_or(u32::MAX),
        stack: config.sandbox.stack,
        cache: cache_folder(&config),
        compiler: config.plugins.compiler.clone().map(|program| Compiler {
            program,
            arguments: vec![cli::COMPILE.into(), config.sandbox.stack.to_string().into()],
        }),
        kv: Some(Arc::new(Keeper::over(ledger.clone()))),
    })
    .map_err(|error| failed(error.to_string()))?;
    let quarantine = Quarantine::default();
    let bookkeeper = match &ledger {
        Some(ledger) => Bookkeeper::of(&config, ledger).map_err(failed)?,
        None => None,
    };
    let deployment = deployment(&engine, &quarantine, config, None).await?;
    let registry = match ledger {
        Some(ledger) => Some(Registry::of(ledger).await.map_err(|why| failed(why.to_string()))?),
        None => None,
    };
    let accounting = bookkeeper.as_ref().map(Bookkeeper::accounting);
    let records = Arc::new(accounting.map(Kept::counting).unwrap_or_default());
    let gateway = Gateway::new(engine, quarantine, registry, records, deployment);
    Ok(Loaded { gateway, bookkeeper })
}

/// The database, if one is configured.
async fn ledger(config: &Config) -> Result<Option<Ledger>, LedgerError> {
    match &config.ledger.at {
        Some(location) => Ledger::open(location).await.map(Some),
        None => Ok(None),
    }
}

/// Makes what runs of a configuration. Of what ran `before`, providers and policies of which
/// nothing changed go on: their connections, what they remember, and how their candidates did.
///
/// # Errors
///
/// Everything that keeps it from running.
pub async fn deployment(
    engine: &Engine,
    quarantine: &Quarantine,
    config: Config,
    before: Option<&Deployment>,
) -> Result<Deployment, LoadProblems> {
    let loading = Loading { engine, quarantine, config: &config, before };
    // All at once: compiling is what takes time at a first start.
    let providers = config.providers.iter().map(|configured| loading.provider(configured.clone()));
    let policies = config.policies.iter().map(|configured| loading.policy(configured.clone()));
    let (providers, policies) = futures_util::future::join(
        futures_util::future::join_all(providers),
        futures_util::future::join_all(policies),
    )
    .await;
    let mut problems = Vec::new();
    let providers = sound(providers, &mut problems);
    let policies = sound(policies, &mut problems);
    if !problems.is_empty() {
        return Err(LoadProblems { problems });
    }
    Ok(Deployment::new(config, providers, policies, before))
}

fn sound<T>(made: Vec<Result<Arc<T>, String>>, problems: &mut Vec<String>) -> Vec<Arc<T>> {
    let mut sound = Vec::with_capacity(made.len());
    for made in made {
        match made {
            Ok(value) => sound.push(value),
            Err(problem) => problems.push(problem),
        }
    }
    sound
}

/// Where compiled plugins are kept: as configured, or in the user's cache folder.
fn cache_folder(config: &Config) -> Option<PathBuf> {
    use etcetera::BaseStrategy as _;
    let configured = config.plugins.cache.clone();
    configured
        .or_else(|| Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("portcullis")))
}

struct Loading<'a> {
    engine: &'a Engine,
    quarantine: &'a Quarantine,
    config: &'a Config,
    before: Option<&'a Deployment>,
}

impl Loading<'_> {
    async fn provider(&self, configured: crate::config::Provider) -> Result<Arc<Provider>, String> {
        let name = format!("[providers.{}]", configured.name);
        let package = self.fetch(&name, &configured.plugin)?;
        let identity = package.identity();
        let known = self.before.and_then(|before| before.provider(&configured.name));
        if let Some(known) = known
            && known.configured == configured
            && known.package == identity
        {
            return Ok(known.clone());
        }
        let before = known.map(|known| &known.plugin);
        let plugin = self.plugin::<ProviderWorld>(&name, &configured, package, before).await?;
        let client = configured.base_url.clone().map(|base_url| client(&configured, base_url));
        let client = client.transpose().map_err(|error| format!("{name}: {error}"))?;
        let commands = Commands::new(&configured.commands);
        for (command, why) in commands.missing() {
            CommandMissing { provider: &configured.name, command, why: &why }.emit();
        }
        let calls = configured.concurrency.map(|most| Arc::new(Semaphore::new(most)));
        let (package, checked) = (identity, Newest::default());
        Ok(Arc::new(Provider { configured, package, plugin, client, commands, calls, checked }))
    }

    async fn policy(&self, configured: crate::config::Policy) -> Result<Arc<Policy>, String> {
        let name = format!("[policies.{}]", configured.name);
        let package = self.fetch(&name, &configured.plugin)?;
        let identity = package.identity();
        let known = self.before.and_then(|before| before.policy(&configured.name));
        if let Some(known) = known
            && known.configured == configured
            && known.package == identity
        {
            return Ok(known.clone());
        }
        let before = known.map(|known| &known.plugin);
        let plugin = self.plugin::<PolicyWorld>(&name, &configured, package, before).await?;
        if plugin.pin().value.facts.keeps && self.config.ledger.at.is_none() {
            KeptInMemory { policy: &configured.name }.emit();
        }
        let (name, observer) = (Arc::from(configured.name.as_str()), Observer::default());
        let asks = configured.grants.iter().any(|grant| grant.starts_with("ask:"));
        let asks = asks.then(|| Arc::new(configured.grants.iter().cloned().collect()));
        Ok(Arc::new(Policy { name, configured, package: identity, plugin, asks, observer }))
    }

    fn fetch(&self, name: &str, source: &PluginSource) -> Result<Package, String> {
        let package = bundle::fetch(source, self.config.plugins.directory.as_deref());
        let package = package.map_err(|why| format!("{name}: {why}"))?;
        self.quarantine.check(&package.digest).map_err(|why| format!("{name}: {why}"))?;
        Ok(package)
    }

    async fn plugin<K: Kind>(
        &self,
        name: &str,
        configured: &K::Configured,
        package: Package,
        before: Option<&Arc<Installed<K>>>,
    ) -> Result<Arc<Installed<K>>, String> {
        let began = Instant::now();
        let (plugin, digest) = (package.manifest.name.clone(), package.digest);
        let loaded = Version::<K>::load(self.engine, configured, package).await;
        let loaded =
            loaded.map_err(|error| format!("{name}: plugin `{plugin}` ({digest}): {error}"))?;
        PluginLoaded { name, digest, took: began.elapsed() }.emit();
        let called = K::making(configured).name;
        Ok(Installed::new(called, loaded, self.quarantine.clone(), before.map(Arc::as_ref)))
    }
}

/// The connections of a provider that has an address.
fn client(configured: &crate::config::Provider, base_url: Url) -> Result<Client, ClientError> {
    Client::new(Target {
        base_url,
        credential: configured.credential.clone(),
        headers: configured.headers.clone(),
        private_addresses: configured.private_addresses,
        ca: configured.ca.clone(),
        connect_timeout: configured.timeouts.connect,
        first_byte_timeout: configured.timeouts.first_byte,
        between_chunks_timeout: configured.timeouts.between_chunks,
    })
}
