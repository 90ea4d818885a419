//! What a guest may ask of the machine. Each capability is one file; `kv` and `inference`
//! of the contract come with the parts of the host that own what they reach.

mod clock;
pub(crate) mod log;
pub(crate) mod metrics;
mod random;
mod wasi;
