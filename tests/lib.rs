//! What tests of the whole gateway share: a gateway with its upstream, a client, the log, and
//! the process that all of it runs in.

pub mod client;
pub mod guest;
pub mod logs;
pub mod process;
pub mod scene;
