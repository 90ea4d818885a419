//! The wire formats of clients and upstreams, below the level at which anybody knows what
//! the bytes are about.

pub mod json_edit;
pub mod lines;
pub mod sse;
