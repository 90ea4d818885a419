//! Answers to a request for embeddings.
//!
//! <https://platform.openai.com/docs/api-reference/embeddings>

use crate::contract::{Event, Usage};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The whole answer, by a model of that name unless the upstream calls it otherwise.
pub fn whole(events: Vec<Event>, model: &str, base64: bool) -> (String, Option<Usage>) {
    let (mut data, mut model, mut usage) = (Vec::new(), model.to_owned(), None);
    for event in events {
        match event {
            Event::Started((_, name)) if !name.is_empty() => model = name,
            Event::Usage(said) => usage = Some(said),
            Event::Embedding((index, values)) => data.push(json!({
                "object": "embedding",
                "index": index,
                "embedding": vector(&values, base64),
            })),
            _ => {}
        }
    }
    let tokens = usage.as_ref().and_then(|usage| usage.input_tokens).unwrap_or(0);
    let answer = json!({
        "object": "list",
        "data": data,
        "model": model,
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    });
    (answer.to_string(), usage)
}

/// Little-endian 32-bit floats in base64, which SDKs ask for by default, or numbers.
fn vector(values: &[f32], base64: bool) -> Value {
    if base64 {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        return STANDARD.encode(bytes).into();
    }
    values.iter().map(|value| f64::from(*value)).collect::<Vec<f64>>().into()
}
