//! An AI gateway whose providers and routing policies are sandboxed WebAssembly components.

pub mod config;
pub mod upstream;
pub mod wire;
