//! The calls that the host makes for plugins.
//!
//! A plugin says what should be asked; here it is asked, at the address that the operator wrote
//! down and with the credential that the operator keeps. Nothing of either is ever shown to a
//! plugin, and nothing that a plugin says can change them.

pub mod address;
pub mod authorize;
pub mod command;
mod connect;
pub mod failure;
pub mod http;
mod oauth;
mod pool;
mod redact;
mod reply;
mod vet;
