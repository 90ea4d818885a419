//! From a configuration to a gateway that is ready: the engine, every plugin, every client.
//!
//! Nothing listens yet. What is wrong is reported all at once, so that an operator does not
//! mend one plugin only to hear of the next.

use crate::bundle;
use crate::config::{Config, LimitOverrides, PluginSource, RateLimitHeaders};
use crate::deployment::Deployment;
use crate::events::{CommandMissing, PluginLoaded};
use crate::gateway::Gateway;
use crate::memory::Version;
use crate::policy::{Policy, PolicyWorld};
use crate::provider::{Provider, ProviderWorld};
use crate::upstream::command::Commands;
use crate::upstream::http::{Client, ClientError, Target};
use http::HeaderName;
use portcullis_sandbox::{
    Engine, Grants, Limits, Manifest, Package, Plugin, Settings, Slot, World,
};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;
use url::Url;

/// Generations of a plugin that stay at hand for going back.
const KEEP: usize = 3;

/// Why there is no gateway: everything that is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{}", problems.join("\n"))]
pub struct LoadProblems {
    /// A line each.
    pub problems: Vec<String>,
}

/// Makes a gateway of a configuration.
///
/// # Errors
///
/// Everything that keeps it from starting.
pub async fn gateway(config: Config) -> Result<Gateway, LoadProblems> {
    let engine = Engine::new(&Settings {
        instances: u32::try_from(config.sandbox.instances).unwrap_or(u32::MAX),
        stack: config.sandbox.stack,
        cache: cache_folder(&config),
    })
    .map_err(|error| LoadProblems { problems: vec![error.to_string()] })?;
    let deployment = deployment(&engine, config, None).await?;
    Ok(Gateway::new(engine, deployment))
}

/// Makes what runs of a configuration. Of what ran `before`, providers and policies of which
/// nothing changed go on: their connections, what they remember, and how their candidates did.
///
/// # Errors
///
/// Everything that keeps it from running.
pub async fn deployment(
    engine: &Engine,
    config: Config,
    before: Option<&Deployment>,
) -> Result<Deployment, LoadProblems> {
    let loading = Loading { engine, config: &config, before };
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
        let plugin = self
            .plugin::<ProviderWorld>(
                &name,
                package,
                &configured.settings,
                &configured.grants,
                &configured.limits,
            )
            .await?;
        let client = configured.base_url.clone().map(|base_url| client(&configured, base_url));
        let client = client.transpose().map_err(|error| format!("{name}: {error}"))?;
        if !configured.commands.is_empty() && !plugin.manifest().asks_for("command") {
            return Err(format!(
                "{name}: its plugin runs no commands; remove `commands`, or name a plugin whose \
                 plugin.toml has \"command\" in `capabilities`"
            ));
        }
        let commands = Commands::new(&configured.commands);
        for (command, why) in commands.missing() {
            CommandMissing { provider: &configured.name, command, why: &why }.emit();
        }
        let rate_limits = match &configured.rate_limits {
            Some(names) => names.clone(),
            None => rate_limits(plugin.manifest()).map_err(|why| format!("{name}: {why}"))?,
        };
        let calls = configured.concurrency.map(|most| Arc::new(Semaphore::new(most)));
        let (digest, version) = (plugin.digest(), Version::new(plugin, configured.remember));
        let plugin = Slot::new(digest, version, KEEP);
        let package = identity;
        Ok(Arc::new(Provider { configured, package, plugin, client, commands, rate_limits, calls }))
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
        let plugin = self
            .plugin::<PolicyWorld>(
                &name,
                package,
                &configured.settings,
                &configured.grants,
                &configured.limits,
            )
            .await?;
        let grants: Grants = configured.grants.iter().cloned().collect();
        let readable = plugin.manifest().asks_for("read-prompt") && grants.allows("read-prompt");
        let (digest, version) = (plugin.digest(), Version::new(plugin, configured.remember));
        let plugin = Slot::new(digest, version, KEEP);
        Ok(Arc::new(Policy { configured, package: identity, plugin, readable }))
    }

    fn fetch(&self, name: &str, source: &PluginSource) -> Result<Package, String> {
        bundle::fetch(source, self.config.plugins.directory.as_deref())
            .map_err(|why| format!("{name}: {why}"))
    }

    async fn plugin<W: World>(
        &self,
        name: &str,
        package: Package,
        settings: &Value,
        grants: &[String],
        limits: &LimitOverrides,
    ) -> Result<Arc<Plugin<W>>, String> {
        let began = Instant::now();
        let plugin = format!("plugin `{}` ({})", package.manifest.name, package.digest);
        let grants = grants.iter().cloned().collect();
        let loaded = self.engine.load::<W>(package, settings, &grants, limited(limits)).await;
        let loaded = loaded.map_err(|error| format!("{name}: {plugin}: {error}"))?;
        PluginLoaded { name, digest: loaded.digest(), took: began.elapsed() }.emit();
        Ok(loaded)
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

/// The default limits, where the operator set no others.
fn limited(overrides: &LimitOverrides) -> Limits {
    let default = Limits::default();
    Limits {
        memory: overrides.memory.unwrap_or(default.memory),
        cpu: overrides.cpu.unwrap_or(default.cpu),
        table_elements: overrides.table_elements.unwrap_or(default.table_elements),
        handles: overrides.handles.unwrap_or(default.handles),
        host_calls: overrides.host_calls.unwrap_or(default.host_calls),
        output: overrides.output.unwrap_or(default.output),
        log_lines_per_second: overrides
            .log_lines_per_second
            .unwrap_or(default.log_lines_per_second),
        deadline: overrides.deadline.unwrap_or(default.deadline),
    }
}

/// The names of the rate limits' headers, from the manifest's `[metadata.rate_limits]`.
fn rate_limits(manifest: &Manifest) -> Result<RateLimitHeaders, String> {
    let named = |key: &str| -> Result<Option<HeaderName>, String> {
        let table = manifest.metadata.get("rate_limits").and_then(|limits| limits.as_table());
        let Some(name) = table.and_then(|limits| limits.get(key)) else {
            return Ok(None);
        };
        let name = name.as_str().and_then(|name| name.parse().ok());
        name.map(Some).ok_or_else(|| format!("its plugin.toml: {key:?} is no name of a header"))
    };
    Ok(RateLimitHeaders {
        remaining_requests: named("remaining_requests")?,
        remaining_tokens: named("remaining_tokens")?,
        reset_requests: named("reset_requests")?,
        reset_tokens: named("reset_tokens")?,
        remaining_input_tokens: named("remaining_input_tokens")?,
        remaining_output_tokens: named("remaining_output_tokens")?,
        reset_input_tokens: named("reset_input_tokens")?,
        reset_output_tokens: named("reset_output_tokens")?,
    })
}
