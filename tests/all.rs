//! Tests of the whole gateway, from outside: everything that a client, an upstream or a plugin
//! can do to it.

#[path = "all/hostile.rs"]
mod hostile;
