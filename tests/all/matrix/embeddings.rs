//! Vectors, as a client of OpenAI's reads them.
//! <https://platform.openai.com/docs/api-reference/embeddings>

use super::{Dialect, json_body, openai};
use crate::caller::JSON;
use anyhow::{Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

pub(super) const DIALECT: Dialect = Dialect {
    name: "openai-embeddings",
    path: "/v1/embeddings",
    headers: &[JSON],
    body: json_body,
    stream: None,
    whole: |reply| whole(reply.json()?),
    refusal: openai::refusal,
    fold: |_| bail!("vectors do not come piece by piece"),
    essence,
};

fn whole(answer: Value) -> Result<Value> {
    ensure!(answer["object"] == "list" && answer["model"].is_string(), "{answer}");
    ensure!(answer["usage"]["prompt_tokens"].is_u64(), "{answer}");
    for (index, item) in answer["data"].as_array().into_iter().flatten().enumerate() {
        ensure!(item["object"] == "embedding" && item["index"] == index, "{item}");
        ensure!(!vector(item).is_empty(), "{item}");
    }
    Ok(answer)
}

/// The vectors as numbers, in their order.
fn essence(answer: &Value) -> Value {
    answer["data"].as_array().into_iter().flatten().map(vector).collect()
}

/// The numbers of one, in either encoding: base64 is that of little-endian floats.
fn vector(item: &Value) -> Vec<f64> {
    let embedding = &item["embedding"];
    let Some(text) = embedding.as_str() else {
        return embedding.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    };
    let bytes = STANDARD.decode(text).unwrap_or_default();
    let numbers = bytes.chunks_exact(4).filter_map(|four| four.try_into().ok());
    numbers.map(|four| f32::from_le_bytes(four).into()).collect()
}
