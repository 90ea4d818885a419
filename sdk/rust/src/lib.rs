//! What authors of Portcullis plugins depend on, and all that they depend on.
//!
//! A plugin implements [`provider::Provider`] or [`policy::Policy`] and names itself in
//! [`export!`]. It enables exactly one of the features `provider` and `policy`: the generated
//! code of a world marks the compiled plugin as one of that world.
//!
//! Everything but the generated bindings also runs natively, without a sandbox: a
//! [`Request`] can be made from plain data, and with the feature `harness` a provider is
//! driven against recorded exchanges, cut at every byte. So a plugin's tests are ordinary
//! `cargo test`s.

#[cfg(all(target_arch = "wasm32", feature = "provider", feature = "policy"))]
compile_error!(
    "a plugin is a provider or a policy: enable one of these features of portcullis-sdk"
);

#[cfg(feature = "policy")]
pub mod policy;
#[cfg(feature = "provider")]
pub mod provider;

#[cfg(any(feature = "provider", feature = "policy"))]
pub mod capabilities;
#[cfg(any(feature = "provider", feature = "policy"))]
mod request;
#[cfg(any(feature = "provider", feature = "policy"))]
pub use request::*;

pub mod json;
#[cfg(feature = "provider")]
pub mod openai;
#[cfg(feature = "provider")]
pub mod prelude;
pub mod schema;
pub use json::Json;

#[cfg(all(feature = "provider", feature = "harness", not(target_arch = "wasm32")))]
pub mod harness;

#[doc(hidden)]
pub mod bindings;
#[doc(hidden)]
pub mod export;
