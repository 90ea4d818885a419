//! From a component and its manifest to something that sandboxes can be made of.
//!
//! The steps of [`Engine::load`], in order: the manifest names the right world; the settings
//! fit the plugin's schema; the component compiles (or its snapshot is in the cache); it
//! imports nothing but what was asked for and granted; it takes its settings; it says twice
//! the same of itself. All of it happens in sandboxes like any other, within the same limits.

use crate::capability::log::LineBudget;
use crate::capability::metrics::Metrics;
use crate::sandbox::Watch;
use crate::snapshot::{self, Instrumented};
use crate::store::{Identity, State, bounded};
use crate::{Digest, Engine, Fault, Grants, Limits, Manifest, Sandbox, World, linker};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::{Component, InstancePre};

/// Bytes of the largest component that is compiled (a Python runtime is about 20 MiB).
pub const MAX_COMPONENT: usize = 64 << 20;

/// A component and what it says of itself, as they came from a file or a registry.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its `plugin.toml`.
    pub manifest: Manifest,
    /// The component's bytes.
    pub component: Arc<[u8]>,
    /// Their digest.
    pub digest: Digest,
}

impl Package {
    /// A package of a component's bytes.
    pub fn new(manifest: Manifest, component: impl Into<Arc<[u8]>>) -> Self {
        let component = component.into();
        let digest = Digest::of(&component);
        Self { manifest, component, digest }
    }

    /// What tells it from every other: the digest of its component and of its manifest.
    pub fn identity(&self) -> Digest {
        Digest::of_all(&[self.digest.bytes(), self.manifest.digest.bytes()])
    }
}

/// Why a plugin cannot be used. Each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It was made for another world.
    #[error("it is built for `{found}`; here it would have to be for `{expected}`")]
    World {
        /// What its manifest says.
        found: String,
        /// What it would have to be.
        expected: &'static str,
    },
    /// The operator's settings do not fit its schema.
    #[error("its settings are wrong: {}", problems.join("; "))]
    Settings {
        /// Each with its place, as a JSON pointer.
        problems: Vec<String>,
    },
    /// It is too large.
    #[error("it has {bytes} bytes; at most {MAX_COMPONENT} are compiled")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It is no valid component.
    #[error("it does not compile: {why}")]
    Compile {
        /// wasmtime's words.
        why: String,
    },
    /// It imports what it may not have.
    #[error("it imports {}", refused.join("; and "))]
    Imports {
        /// Each import and why it was refused.
        refused: Vec<String>,
    },
    /// It does not export what its world says.
    #[error("it does not fit its world: {why}")]
    Exports {
        /// wasmtime's words.
        why: String,
    },
    /// It failed while it was being loaded.
    #[error("in `{step}`, {fault}")]
    Fault {
        /// `describe` or `configure`.
        step: &'static str,
        /// What it did.
        fault: Fault,
    },
    /// It refused its settings.
    #[error("it refuses its settings: {why}")]
    Refused {
        /// The plugin's words.
        why: String,
    },
    /// It described itself differently the second time.
    #[error("`describe` is not a pure function: asked twice, it answered differently")]
    Unsteady,
}

/// A plugin that is ready to serve: compiled, checked, configured.
pub struct Plugin<W: World> {
    template: Template<W>,
    description: W::Description,
}

/// What sandboxes are made of: linked code, limits, and the settings where they are not in it.
struct Template<W: World> {
    engine: Engine,
    limits: Arc<Limits>,
    identity: Arc<Identity>,
    pre: InstancePre<State<W::Data>>,
    indices: W::Indices,
    /// The settings, where they have to be given to each sandbox anew.
    settings: Option<String>,
    manifest: Manifest,
    /// Where it may not have all that the engine has.
    own: Option<Own>,
}

/// The sandboxes that a plugin may have.
struct Own {
    most: u32,
    places: Arc<Semaphore>,
}

/// A sandbox's place among those of the engine, and among those of its plugin.
pub(crate) struct Place {
    _own: Option<OwnedSemaphorePermit>,
    _place: OwnedSemaphorePermit,
}

impl Engine {
    /// Makes a plugin of a package.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub async fn load<W: World>(
        &self,
        package: Package,
        settings: &Value,
        grants: &Grants,
        limits: Limits,
    ) -> Result<Arc<Plugin<W>>, LoadError> {
        if package.manifest.world != W::NAME {
            let found = package.manifest.world.clone();
            return Err(LoadError::World { found, expected: W::NAME });
        }
        let problems = package.manifest.problems_of(settings);
        if !problems.is_empty() {
            return Err(LoadError::Settings { problems });
        }
        if package.component.len() > MAX_COMPONENT {
            return Err(LoadError::TooLarge { bytes: package.component.len() });
        }
        let loading = Loading {
            engine: self,
            package: &package,
            grants,
            limits: Arc::new(limits),
            settings: settings.to_string(),
        };
        let template = loading.configured::<W>().await?;
        let description = template.describe_twice().await?;
        Ok(Arc::new(Plugin { template, description }))
    }

    async fn place(&self, patience: Duration) -> Result<OwnedSemaphorePermit, Fault> {
        let place = within(&self.places, patience).await;
        place.ok_or(Fault::Busy { waited: patience, limit: None })
    }
}

async fn within(places: &Arc<Semaphore>, patience: Duration) -> Option<OwnedSemaphorePermit> {
    // Nearly always there is room, and then no timer is set.
    if let Ok(place) = places.clone().try_acquire_owned() {
        return Some(place);
    }
    tokio::time::timeout(patience, places.clone().acquire_owned()).await.ok()?.ok()
}

/// What the steps of loading need.
struct Loading<'a> {
    engine: &'a Engine,
    package: &'a Package,
    grants: &'a Grants,
    limits: Arc<Limits>,
    settings: String,
}

impl Loading<'_> {
    /// The plugin with its settings in it: from the cache, as a new snapshot, or, where the
    /// component cannot be snapshotted, with the settings beside it.
    async fn configured<W: World>(&self) -> Result<Template<W>, LoadError> {
        let key = Digest::of_all(&[
            self.package.digest.bytes(),
            self.settings.as_bytes(),
            snapshot::VERSION,
        ]);
        if let Some(component) = self.cached(&key) {
            return self.template(&component, None);
        }
        let bytes = self.package.component.clone();
        match snapshot::instrument(&bytes) {
            Ok(instrumented) => {
                let snapshot = self.snapshot::<W>(&instrumented).await?;
                let component = self.engine.compile(snapshot.into()).await?;
                self.keep(&key, &component);
                self.template(&component, None)
            }
            Err(why) => {
                tracing::debug!(plugin = self.package.manifest.name, why, "no snapshot");
                let component = match self.cached(&self.package.digest) {
                    Some(component) => component,
                    None => {
                        let component = self.engine.compile(bytes).await?;
                        self.keep(&self.package.digest, &component);
                        component
                    }
                };
                // Settings that it refuses are found by the first sandbox, before it serves.
                self.template(&component, Some(self.settings.clone()))
            }
        }
    }

    /// Configures an instance of the component and takes a snapshot of it.
    async fn snapshot<W: World>(&self, component: &Instrumented<'_>) -> Result<Vec<u8>, LoadError> {
        let compiled = self.engine.compile(component.bytes.clone().into()).await?;
        let template = self.template::<W>(&compiled, None)?;
        let place = self.engine.place(self.limits.deadline).await;
        let _place = place.map_err(|fault| LoadError::Fault { step: "configure", fault })?;
        let mut store =
            bounded(&self.engine.wasmtime, &template.identity, &self.limits, W::nobody());
        let instance = template.instantiate(&mut store, "configure").await?;
        template.configure(&mut store, instance, &self.settings).await?;
        // Reading its state is not the guest's doing and copies more than a guest may.
        store.data_mut().meter.enter();
        store.set_hostcall_fuel(usize::MAX);
        component.take(&mut store, instance).await.map_err(|why| LoadError::Compile { why })
    }

    fn template<W: World>(
        &self,
        component: &Component,
        settings: Option<String>,
    ) -> Result<Template<W>, LoadError> {
        let wasmtime = &self.engine.wasmtime;
        let linker = linker::link::<W>(wasmtime, component, self.package, self.grants)?;
        let exports = |error: wasmtime::Error| LoadError::Exports { why: format!("{error:#}") };
        let pre = linker.instantiate_pre(component).map_err(exports)?;
        let indices = W::indices(&pre).map_err(exports)?;
        Ok(Template {
            engine: self.engine.clone(),
            limits: self.limits.clone(),
            identity: Arc::new(Identity {
                name: self.package.manifest.name.clone(),
                digest: self.package.digest,
                lines: LineBudget::new(),
                metrics: Metrics::default(),
                kv: self.engine.kv.clone().filter(|_| self.has("kv")),
            }),
            pre,
            indices,
            settings,
            manifest: self.package.manifest.clone(),
            own: self.limits.sandboxes.map(|most| {
                let places = Arc::new(Semaphore::new(most as usize));
                Own { most, places }
            }),
        })
    }

    /// Whether the capability was both asked for and granted.
    fn has(&self, capability: &str) -> bool {
        self.package.manifest.asks_for(capability) && self.grants.allows(capability)
    }

    fn cached(&self, key: &Digest) -> Option<Component> {
        self.engine.cache.as_ref()?.get(&self.engine.wasmtime, key)
    }

    /// A full disk makes the next start slower, nothing else.
    fn keep(&self, key: &Digest, component: &Component) {
        if let Some(cache) = &self.engine.cache
            && let Err(error) = cache.put(key, component)
        {
            tracing::warn!(%error, "a compiled component could not be kept");
        }
    }
}

impl<W: World> Plugin<W> {
    /// A fresh instance that serves `data`.
    ///
    /// # Errors
    ///
    /// [`Fault::Busy`] if none is free within the plugin's deadline; otherwise what the guest
    /// did while it started.
    pub async fn sandbox(self: &Arc<Self>, data: W::Data) -> Result<Sandbox<W>, Fault> {
        match self.template.make(data, "start").await {
            Ok((store, guest, place)) => Ok(Sandbox {
                store,
                guest,
                limits: self.template.limits.clone(),
                _place: place,
                _plugin: self.clone(),
            }),
            Err(LoadError::Fault { fault, .. }) => Err(fault),
            Err(error) => Err(Fault::Malformed { message: error.to_string() }),
        }
    }

    /// What it says of itself.
    pub fn description(&self) -> &W::Description {
        &self.description
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.template.manifest
    }

    /// The digest of its component.
    pub fn digest(&self) -> Digest {
        self.template.identity.digest
    }

    /// What it counted and sampled of itself so far.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        self.template.identity.metrics.read()
    }
}

impl<W: World> Template<W> {
    async fn make(&self, data: W::Data, step: &'static str) -> Result<Parts<W>, LoadError> {
        let failed = |fault| LoadError::Fault { step, fault };
        let place = self.place().await.map_err(failed)?;
        let mut store = bounded(&self.engine.wasmtime, &self.identity, &self.limits, data);
        let instance = self.instantiate(&mut store, step).await?;
        if let Some(settings) = &self.settings {
            self.configure(&mut store, instance, settings).await?;
        }
        Ok((store, W::guest(&self.indices, instance), place))
    }

    /// Its own first: who has none of these left is in nobody else's way.
    async fn place(&self) -> Result<Place, Fault> {
        let patience = self.limits.deadline;
        let own = match &self.own {
            None => None,
            Some(Own { most, places }) => {
                let busy = Fault::Busy { waited: patience, limit: Some(*most) };
                Some(within(places, patience).await.ok_or(busy)?)
            }
        };
        Ok(Place { _own: own, _place: self.engine.place(patience).await? })
    }

    async fn instantiate(
        &self,
        store: &mut wasmtime::Store<State<W::Data>>,
        step: &'static str,
    ) -> Result<wasmtime::component::Instance, LoadError> {
        store.set_epoch_deadline(1);
        let watch = Watch { limits: self.limits.clone() };
        let made = watch.over(self.pre.instantiate_async(store)).await;
        made.map_err(|fault| LoadError::Fault { step, fault })
    }

    async fn configure(
        &self,
        store: &mut wasmtime::Store<State<W::Data>>,
        instance: wasmtime::component::Instance,
        settings: &str,
    ) -> Result<(), LoadError> {
        const STEP: &str = "configure";
        let guest = W::guest(&self.indices, instance);
        store.data_mut().meter.enter();
        store.set_epoch_deadline(1);
        let watch = Watch { limits: self.limits.clone() };
        match watch.over(W::configure(&guest, store, settings)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(LoadError::Refused { why }),
            Err(fault) => Err(LoadError::Fault { step: STEP, fault }),
        }
    }

    /// A pure function answers the same in two fresh sandboxes.
    async fn describe_twice(&self) -> Result<W::Description, LoadError> {
        let first = self.describe().await?;
        if self.describe().await? == first { Ok(first) } else { Err(LoadError::Unsteady) }
    }

    async fn describe(&self) -> Result<W::Description, LoadError> {
        const STEP: &str = "describe";
        let (mut store, guest, _place) = self.make(W::nobody(), STEP).await?;
        store.data_mut().meter.enter();
        store.set_epoch_deadline(1);
        let watch = Watch { limits: self.limits.clone() };
        let described = watch.over(W::describe(&guest, &mut store)).await;
        described.map_err(|fault| LoadError::Fault { step: STEP, fault })
    }
}

type Parts<W> = (wasmtime::Store<State<<W as World>::Data>>, <W as World>::Guest, Place);
