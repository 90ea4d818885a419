//! The dialect that is canonical between clients, gateway and plugins: what OpenAI publishes as
//! its Chat Completions, Embeddings and Models API.
//!
//! Only the fields that the gateway has to understand have a type here; everything else passes
//! through as it came.

pub mod answer;
pub mod error;
pub mod head;
pub mod text;

/// The dialect's name in the contract.
pub const DIALECT: &str = "openai";
