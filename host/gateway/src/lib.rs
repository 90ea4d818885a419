//! An AI gateway whose providers and routing policies are sandboxed WebAssembly components.

pub mod upstream;
pub mod wire;
