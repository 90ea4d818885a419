//! What a plugin may ask of the machine that runs it. In a sandbox these are the host's;
//! natively they do as little as a test needs.
//!
//! A plugin can only call what its manifest asks for and its operator grants: a call of a
//! function here is an import of the compiled plugin, and loading it fails without the grant.

#[cfg(not(target_arch = "wasm32"))]
mod native;

#[cfg(target_arch = "wasm32")]
pub use crate::bindings::either::portcullis::host::{clock, log, random};
#[cfg(all(target_arch = "wasm32", feature = "policy"))]
pub use crate::bindings::policy::portcullis::{
    host::{inference, kv, metrics},
    plugin::completions,
};

#[cfg(all(not(target_arch = "wasm32"), feature = "policy"))]
pub use native::policy::{completions, inference, kv, metrics};
#[cfg(not(target_arch = "wasm32"))]
pub use native::{clock, log, random};
