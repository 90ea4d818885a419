//! Guests that misbehave, one behaviour a program (`examples/`, and `wat/` for what Rust
//! cannot say). This library is the well-behaved rest of each.
//!
//! They are written against the bindings alone, not against our SDK: an enemy uses none, and
//! what the SDK would prevent is what the host has to withstand. A program is one macro,
//! [`provider!`] or [`policy!`], and an `impl` of the one function in which it misbehaves.
//!
//! The macros generate the bindings in each program, because generated code carries its world
//! into the compiled guest, and a guest with two worlds is neither.
//!
//! `tests/all/hostile.rs` has a test of the same name for each of them, or does not compile.

mod policy;
mod provider;
