//! A provider: its plugin, its connections, what it may use.

use crate::config::{Provider as Configured, RateLimitHeaders};
use crate::contract::{ProviderPlugin, provider, providers, requests};
use crate::request::Serving;
use crate::upstream::http::Client;
use portcullis_sandbox::{Import, Pinned, Plugin, Slot, State, World};
use std::sync::Arc;
use tokio::sync::Semaphore;
use wasmtime::Store;
use wasmtime::component::{HasSelf, Instance, InstancePre, Linker};

/// The world of providers.
pub struct ProviderWorld;

impl World for ProviderWorld {
    const NAME: &'static str = "portcullis:plugin/provider-plugin@0.1.0";
    type Data = Serving;
    type Guest = ProviderPlugin;
    type Indices = provider::ProviderPluginIndices;
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
        provider::ProviderPluginIndices::new(pre)
    }

    fn guest(
        indices: &Self::Indices,
        store: &mut Store<State<Serving>>,
        instance: &Instance,
    ) -> wasmtime::Result<ProviderPlugin> {
        indices.load(store, instance)
    }

    fn nobody() -> Serving {
        Serving { request: None }
    }

    async fn describe(
        guest: &ProviderPlugin,
        store: &mut Store<State<Serving>>,
    ) -> wasmtime::Result<providers::Description> {
        guest.portcullis_plugin_provider().call_describe(store).await
    }

    async fn configure(
        guest: &ProviderPlugin,
        store: &mut Store<State<Serving>>,
        settings: &str,
    ) -> wasmtime::Result<Result<(), String>> {
        guest.portcullis_plugin_provider().call_configure(store, &settings.to_owned()).await
    }
}

/// A version of a provider's plugin, held for as long as a request needs it.
pub type Generation = Pinned<Arc<Plugin<ProviderWorld>>>;

/// A provider that is ready to be called.
pub struct Provider {
    /// As the operator configured it.
    pub configured: Configured,
    /// Its plugin, which can be replaced while requests are under way.
    pub plugin: Slot<Arc<Plugin<ProviderWorld>>>,
    /// Its connections, shared with nobody.
    pub client: Client,
    /// What its upstream calls the headers of its rate limits.
    pub rate_limits: RateLimitHeaders,
    /// Calls that may be under way at once, where the operator set a bound.
    pub calls: Option<Arc<Semaphore>>,
}
