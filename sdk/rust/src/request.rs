//! The request being served: the host's own in a sandbox, plain data in a test.

#[cfg(target_arch = "wasm32")]
mod guest;
#[cfg(feature = "provider")]
mod messages;
#[cfg(not(target_arch = "wasm32"))]
mod recorded;

#[cfg(target_arch = "wasm32")]
pub use guest::Request;
#[cfg(not(target_arch = "wasm32"))]
pub use recorded::{Recording, Request};
