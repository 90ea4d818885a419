//! Embeddings: the request, and the answer in its two encodings.

use super::Usage;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `POST /embeddings`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EmbeddingsRequest {
    /// The sender's name of the model.
    pub model: String,
    /// A text, a list of texts, or tokens in place of either.
    pub input: Value,
    /// "float" or "base64".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding_format: Option<String>,
    /// The length of the vectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<u32>,
    /// Everything else, as it came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The answer to `POST /embeddings`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EmbeddingsResponse {
    /// "list".
    pub object: String,
    /// The vectors.
    pub data: Vec<Embedding>,
    /// The upstream's name of the model.
    pub model: String,
    /// What was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// One vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Embedding {
    /// "embedding".
    #[serde(default)]
    pub object: String,
    /// Which of the inputs it is of.
    #[serde(default)]
    pub index: u32,
    /// Its values.
    pub embedding: Vector,
}

/// The values of a vector, as the request's `encoding_format` asked for them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Vector {
    /// Numbers.
    Floats(Vec<f32>),
    /// Little-endian single-precision numbers, in base64.
    Base64(String),
}
