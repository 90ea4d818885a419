//! The generated half of the capabilities in `wit/deps/host`, fenced in one file.
//!
//! `inference` is part of the contract but not linked by this version: a plugin that imports it
//! is refused when it is loaded (see [`crate::linker`]).
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "generated from WIT, which holds the documentation"
)]

wasmtime::component::bindgen!({
    path: "../../wit/deps/host",
    world: "capabilities",
    imports: { "portcullis:host/kv": async | trappable, default: trappable },
});
