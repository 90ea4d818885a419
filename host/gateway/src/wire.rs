//! The wire formats of clients and upstreams.

pub mod along;
pub mod answer;
pub mod anthropic;
pub mod canonical;
pub mod dialect;
pub mod fields;
pub mod form;
pub mod head;
pub mod json_edit;
pub mod lines;
pub mod message;
pub mod openai;
pub mod rates;
pub mod responses;
pub mod said;
pub mod sorted;
pub mod sse;
pub mod transcript;
