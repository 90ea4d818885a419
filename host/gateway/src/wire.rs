//! The wire formats of clients and upstreams.

pub mod json_edit;
pub mod lines;
pub mod openai;
pub mod sse;
