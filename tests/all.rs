//! Tests of the whole gateway, from outside: everything that a client, an upstream or a plugin
//! can do to it.

#[path = "all/caller.rs"]
mod caller;
#[path = "all/house.rs"]
mod house;

#[path = "all/execution.rs"]
mod execution;
#[path = "all/hostile.rs"]
mod hostile;
#[path = "all/input.rs"]
mod input;
