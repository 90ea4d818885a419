//! The dialect that is canonical between clients, gateway and plugins: what OpenAI publishes as
//! its Chat Completions, Embeddings and Models API.
//!
//! Only the fields that the gateway has to understand have a type here; everything else passes
//! through as it came.

pub mod along;
pub mod answer;
pub mod embeddings;
pub mod error;
pub mod head;
pub mod models;
pub mod read;
pub mod text;
pub mod usage;
