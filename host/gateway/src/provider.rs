//! A provider: its plugin, its connections, what it may use.

use crate::checks::Newest;
use crate::conduct::Ended;
use crate::config::{Provider as Configured, RateLimitHeaders};
use crate::contract::{self, ProviderPlugin, Reported, provider, providers, requests};
use crate::failure::Failure;
use crate::installed::Installed;
use crate::request::{Lent, Serving};
use crate::upstream::command::Commands;
use crate::upstream::http::Client;
use crate::version::{self, Kind, Making};
use http::HeaderName;
use portcullis_sandbox::{Digest, Import, Manifest, State, World};
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;
use wasmtime::Store;
use wasmtime::component::{
    ComponentExportIndex, HasSelf, Instance, InstancePre, Linker, Resource, ResourceAny,
};

const INTERFACE: &str = "portcullis:plugin/provider@0.1.0";

/// The world of providers.
pub struct ProviderWorld;

impl World for ProviderWorld {
    const NAME: &'static str = "portcullis:plugin/provider-plugin@0.1.0";
    type Data = Serving;
    type Guest = Guest;
    type Indices = Arc<Indices>;
    type Description = providers::Description;

    fn imports() -> &'static [Import] {
        const fn free(interface: &'static str) -> Import {
            Import { interface, capability: None }
        }
        const IMPORTS: &[Import] = &[
            free("portcullis:plugin/types"),
            free("portcullis:plugin/events"),
            free("portcullis:plugin/requests"),
        ];
        IMPORTS
    }

    fn link(linker: &mut Linker<State<Serving>>, interface: &str) -> wasmtime::Result<()> {
        match interface {
            "portcullis:plugin/requests" => {
                requests::add_to_linker::<_, HasSelf<State<Serving>>>(linker, |state| state)
            }
            // Types alone: there is nothing to link.
            _ => Ok(()),
        }
    }

    fn indices(pre: &InstancePre<State<Serving>>) -> wasmtime::Result<Self::Indices> {
        let all = provider::ProviderPluginIndices::new(pre)?;
        let start = contract::index(pre.component(), INTERFACE, "[static]exchange.start")?;
        Ok(Arc::new(Indices { all, start }))
    }

    fn guest(indices: &Self::Indices, instance: Instance) -> Guest {
        Guest { instance, indices: indices.clone(), all: OnceLock::new() }
    }

    fn nobody() -> Serving {
        Serving::default()
    }

    async fn describe(
        guest: &Guest,
        store: &mut Store<State<Serving>>,
    ) -> wasmtime::Result<providers::Description> {
        guest.all(store)?.call_describe(store).await
    }

    async fn configure(
        guest: &Guest,
        store: &mut Store<State<Serving>>,
        settings: &str,
    ) -> wasmtime::Result<Result<(), String>> {
        guest.all(store)?.call_configure(store, &settings.to_owned()).await
    }
}

/// Where a provider's exports are.
pub struct Indices {
    all: provider::ProviderPluginIndices,
    start: ComponentExportIndex,
}

/// A provider's exports in one sandbox.
///
/// wasmtime compares the type of every export with ours before it hands it out, in each
/// instance anew. Of most sandboxes only `start` is ever called, so that only that is looked up
/// until another is wanted.
pub struct Guest {
    instance: Instance,
    indices: Arc<Indices>,
    all: OnceLock<ProviderPlugin>,
}

impl Guest {
    /// Asks which call to make for a request.
    ///
    /// # Errors
    ///
    /// What ended the guest; inside, its own failure.
    pub async fn start(
        &self,
        store: &mut Store<State<Serving>>,
        request: Resource<Lent>,
    ) -> wasmtime::Result<Result<(ResourceAny, providers::Call), Reported>> {
        type Started = Result<(ResourceAny, providers::Call), Reported>;
        let start = self
            .instance
            .get_typed_func::<(Resource<Lent>,), (Started,)>(&mut *store, self.indices.start)?;
        let (started,) = start.call_async(store, (request,)).await?;
        Ok(started)
    }

    /// All exports.
    ///
    /// # Errors
    ///
    /// If one has not the type that the world says.
    pub fn all(&self, store: &mut Store<State<Serving>>) -> wasmtime::Result<&providers::Guest> {
        if let Some(all) = self.all.get() {
            return Ok(all.portcullis_plugin_provider());
        }
        let all = self.indices.all.load(store, &self.instance)?;
        Ok(self.all.get_or_init(|| all).portcullis_plugin_provider())
    }
}

impl Kind for ProviderWorld {
    const TABLE: &'static str = "providers";
    type Configured = Configured;
    /// Calls whose reply is passed on can be made again: nothing of a sandbox is needed for them.
    type Answer = Arc<providers::Call>;
    /// What its upstream calls the headers of its rate limits.
    type Facts = RateLimitHeaders;

    fn making(configured: &Configured) -> Making<'_> {
        Making {
            name: &configured.name,
            settings: &configured.settings,
            grants: &configured.grants,
            limits: &configured.limits,
            remember: configured.remember,
        }
    }

    fn facts(configured: &Configured, manifest: &Manifest) -> Result<RateLimitHeaders, String> {
        if !configured.commands.is_empty() && !manifest.asks_for("command") {
            return Err("its plugin runs no commands; remove `commands`, or name a plugin whose \
                        plugin.toml has \"command\" in `capabilities`"
                .to_owned());
        }
        match &configured.rate_limits {
            Some(names) => Ok(names.clone()),
            None => rate_limits(manifest),
        }
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

/// A version of a provider's plugin, held for as long as a request needs it.
pub type Generation = version::Generation<ProviderWorld>;

/// A provider that is ready to be called.
pub struct Provider {
    /// As the operator configured it.
    pub configured: Configured,
    /// The package that it was configured with.
    pub package: Digest,
    /// Its plugin, which can be replaced while requests are under way.
    pub plugin: Arc<Installed<ProviderWorld>>,
    /// Its connections, shared with nobody; `None` where it has no address.
    pub client: Option<Client>,
    /// The programs that its plugin may run.
    pub commands: Commands,
    /// Calls that may be under way at once, where the operator set a bound.
    pub calls: Option<Arc<Semaphore>>,
    /// What its newest check found, where it is checked.
    pub checked: Newest,
}

impl Provider {
    /// Notes how an attempt with this version of its plugin ended, and draws the conclusion.
    pub fn noted(&self, generation: &Generation, failure: Option<&Failure>) {
        let conduct = &generation.value.conduct;
        match failure {
            None => conduct.note(Ended::Well),
            // A fault is noted where it happened; the others never came as far as the plugin.
            Some(Failure::Plugin { .. } | Failure::PassedOver { .. } | Failure::OutOfTime) => {}
            Some(_) => conduct.note(Ended::Failed),
        }
        self.plugin.judge(generation);
    }
}
