//! What Anthropic publishes as its Messages API, as a dialect of clients.
//!
//! A client that speaks it is passed on to an upstream that speaks it as well, and translated for
//! every other: its request once, into the canonical dialect; its answer from the events of
//! whoever answers.

pub mod along;
pub mod answer;
pub mod error;
pub mod head;
pub mod models;
pub mod request;
pub mod unsigned;
pub mod usage;
