//! What a guest may ask of the machine. Each capability is one file; `inference` of the contract
//! comes with the part of the host that owns what it reaches.

mod clock;
pub(crate) mod kv;
pub(crate) mod log;
pub(crate) mod metrics;
mod random;
mod wasi;
