//! Runs WebAssembly components that nobody has to trust.
//!
//! An [`Engine`] loads a [`Package`] (a component and its manifest) for a [`World`] of the
//! embedder's: it compares what the component imports with what its manifest asks and what
//! the operator grants, links that and nothing else, and keeps a snapshot of it as it is after
//! it was configured. From the [`Plugin`] that results, [`Plugin::sandbox`] makes one fresh
//! instance after another, each within its [`Limits`]; every way in which a call can go wrong
//! comes back as a [`Fault`]. Dropping a [`Sandbox`], or a call into it at any `await`, frees
//! all that it held.
//!
//! Nothing here knows what a plugin is for: the words of the trade that it is used in live in
//! the embedder and in the WIT packages that it adds through [`World::link`].

mod bindings;
mod cache;
mod capability;
mod compile;
mod digest;
mod engine;
mod fault;
mod generation;
mod grant;
mod limits;
mod linker;
mod manifest;
mod plugin;
mod sandbox;
mod snapshot;
mod store;
mod world;

pub use capability::kv::{Kv, KvError, KvQuota, Pending};
pub use compile::{Compiler, compile};
pub use digest::{Digest, NotADigest};
pub use engine::{Engine, EngineError, Settings, TICK};
pub use fault::Fault;
pub use generation::{Generation, Pinned, Share, Slot};
pub use grant::Grants;
pub use limits::Limits;
pub use manifest::{Manifest, ManifestError};
pub use plugin::{LoadError, MAX_COMPONENT, Package, Plugin};
pub use sandbox::{Sandbox, Watch};
pub use store::{State, Tags};
pub use world::{Import, World};
