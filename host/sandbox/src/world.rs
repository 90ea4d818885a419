//! What an embedder adds: its own WIT world, and the host's half of it.

use crate::store::{State, Tags};
use std::fmt::Debug;
use std::future::Future;
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre, Linker};

/// An interface that the embedder's world lets a guest import.
#[derive(Clone, Copy, Debug)]
pub struct Import {
    /// As the component names it, without its version: `namespace:package/interface`.
    pub interface: &'static str,
    /// The capability that it takes; `None` where it belongs to the world as such.
    pub capability: Option<&'static str>,
}

/// A kind of plugin: the typed view of a WIT world, as `wasmtime::component::bindgen!` makes it.
///
/// Every world has the exports `describe` and `configure`: what the plugin is, as a pure
/// function, and the operator's settings, taken once.
pub trait World: Send + Sync + Sized + 'static {
    /// The world in full, as manifests name it: `namespace:package/world@version`.
    const NAME: &'static str;
    /// What the embedder's host functions find in the store.
    type Data: Tags;
    /// The exports of one instance.
    type Guest: Send + Sync;
    /// Where the exports are, looked up once a component.
    type Indices: Send + Sync;
    /// What `describe` returns.
    type Description: Clone + PartialEq + Debug + Send + Sync;

    /// What a guest may import beside the capabilities of `wit/deps/host`.
    fn imports() -> &'static [Import];

    /// Adds the host's half of one of [`Self::imports`].
    ///
    /// # Errors
    ///
    /// As wasmtime's linker, if something was added before.
    fn link(linker: &mut Linker<State<Self::Data>>, interface: &str) -> wasmtime::Result<()>;

    /// Looks up the exports.
    ///
    /// # Errors
    ///
    /// If an export is missing or of another type than the world says.
    fn indices(pre: &InstancePre<State<Self::Data>>) -> wasmtime::Result<Self::Indices>;

    /// The exports of one instance.
    fn guest(indices: &Self::Indices, instance: Instance) -> Self::Guest;

    /// The data of a sandbox that serves nobody: while a plugin is loaded.
    fn nobody() -> Self::Data;

    /// Calls `describe`.
    fn describe(
        guest: &Self::Guest,
        store: &mut Store<State<Self::Data>>,
    ) -> impl Future<Output = wasmtime::Result<Self::Description>> + Send;

    /// Calls `configure` with the settings as JSON; the inner error is the plugin's own.
    fn configure(
        guest: &Self::Guest,
        store: &mut Store<State<Self::Data>>,
        settings: &str,
    ) -> impl Future<Output = wasmtime::Result<Result<(), String>>> + Send;
}
