//! A version of a plugin that a configuration names: the component, and what goes with it.

use crate::conduct::Conduct;
use crate::config::LimitOverrides;
use crate::memory::{Memory, Weigh};
use portcullis_sandbox::{
    Engine, Grants, LoadError, Manifest, Package, Pinned, Plugin, Slot, World,
};
use serde_json::Value;
use std::sync::Arc;

/// A kind of plugin that a configuration can name.
pub trait Kind: World {
    /// The table of the configuration where they stand.
    const TABLE: &'static str;
    /// What the operator says of one.
    type Configured;
    /// What it answers, as far as that can be remembered.
    type Answer: Weigh + Send + Sync + 'static;
    /// What its manifest decides, together with what the operator says.
    type Facts: Clone + Send + Sync + 'static;

    /// What it is made with.
    fn making(configured: &Self::Configured) -> Making<'_>;

    /// What its manifest decides.
    ///
    /// # Errors
    ///
    /// In words, if it does not fit what the operator says.
    fn facts(configured: &Self::Configured, manifest: &Manifest) -> Result<Self::Facts, String>;

    /// That a version can take the place of another without losing anything.
    ///
    /// # Errors
    ///
    /// In words, if it cannot.
    fn fits(_old: &Self::Description, _new: &Self::Description) -> Result<(), String> {
        Ok(())
    }
}

/// What every kind of plugin is made with.
pub struct Making<'a> {
    /// The operator's name.
    pub name: &'a str,
    /// For `configure`.
    pub settings: &'a Value,
    /// What its manifest asks for and may have.
    pub grants: &'a [String],
    /// Where its sandboxes differ from the default limits.
    pub limits: &'a LimitOverrides,
    /// Whether what it answers is remembered.
    pub remember: bool,
}

/// One version of a plugin.
pub struct Version<K: Kind> {
    /// The plugin.
    pub plugin: Arc<Plugin<K>>,
    /// What it answered; `None` where the operator wants a sandbox for every request.
    pub memory: Option<Memory<K::Answer>>,
    /// How its latest calls ended.
    pub conduct: Conduct,
    /// What its manifest decides.
    pub facts: K::Facts,
}

/// A version in use.
pub type Generation<K> = Pinned<Version<K>>;

/// Why there is no version.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// Its component cannot be used.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its manifest does not fit what the operator says.
    #[error("{0}")]
    Facts(String),
}

impl<K: Kind> Version<K> {
    /// Makes a version of a package, as the operator configured it.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub async fn load(
        engine: &Engine,
        configured: &K::Configured,
        package: Package,
    ) -> Result<Self, VersionError> {
        let Making { settings, grants, limits, remember, .. } = K::making(configured);
        let grants: Grants = grants.iter().cloned().collect();
        let plugin = engine.load::<K>(package, settings, &grants, limits.limits()).await?;
        let facts = K::facts(configured, plugin.manifest()).map_err(VersionError::Facts)?;
        let memory = remember.then(Memory::default);
        Ok(Self { plugin, memory, conduct: Conduct::default(), facts })
    }
}

impl<K: Kind> Version<K> {
    /// The same plugin, to be asked without anybody's being served: nothing is remembered, and
    /// how it does counts for nobody.
    pub fn aside(&self) -> Generation<K> {
        let (plugin, facts) = (self.plugin.clone(), self.facts.clone());
        let aside = Self { plugin, memory: None, conduct: Conduct::default(), facts };
        Slot::new(0, self.plugin.digest(), aside, 0).pin()
    }
}
