//! `POST /v1/embeddings`, by <https://platform.openai.com/docs/api-reference/embeddings/create>:
//! vectors that depend on the input and on nothing else, whichever vendor is asked.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::failures::Failure;
use crate::request::tokens;

const DIMENSIONS: usize = 8;

/// Answers a request for vectors; `float_only` servers know of no other encoding.
pub(crate) fn embeddings(body: &Value, float_only: bool) -> Result<Value, Failure> {
    let invalid = |message: &str| Failure::invalid(message);
    let inputs = inputs(&body["input"])
        .ok_or_else(|| invalid("`input` has to be a string, or an array that is not empty."))?;
    let base64 = match body["encoding_format"].as_str() {
        Some(_) if float_only => {
            return Err(invalid("scripted 400: `encoding_format` is not a known parameter."));
        }
        None | Some("float") => false,
        Some("base64") => true,
        Some(other) => {
            let message = format!("`encoding_format` is float or base64, not {other}.");
            return Err(Failure::invalid(message));
        }
    };
    let vectors = inputs.iter().map(|input| vector(input, &body["dimensions"]));
    let data = vectors.enumerate().map(|(index, vector)| {
        let embedding = if base64 { encode(&vector).into() } else { json!(vector) };
        json!({"object": "embedding", "index": index, "embedding": embedding})
    });
    let data: Vec<Value> = data.collect();
    let count: usize = inputs.iter().map(|input| length(input)).sum();
    let usage = json!({"prompt_tokens": count, "total_tokens": count});
    Ok(json!({"object": "list", "data": data, "model": body["model"], "usage": usage}))
}

/// One text, many, one list of tokens, or many: an array of numbers is a single input.
fn inputs(input: &Value) -> Option<Vec<&Value>> {
    match input {
        Value::String(_) => Some(vec![input]),
        Value::Array(items) if items.first()?.is_number() => Some(vec![input]),
        Value::Array(items) => Some(items.iter().collect()),
        _ => None,
    }
}

/// How many tokens an input has.
pub(crate) fn length(input: &Value) -> usize {
    match input {
        Value::Array(tokens) => tokens.len(),
        text => text.as_str().map_or(0, tokens),
    }
}

/// The vector of an input, of so many numbers where that is said.
pub(crate) fn vector(input: &Value, dimensions: &Value) -> Vec<f32> {
    let dimensions = dimensions.as_u64().map_or(DIMENSIONS, |it| it as usize);
    hashed(&input.to_string(), dimensions)
}

/// Multiples of 1/256 within one half of zero: exact as `f32` and in decimal, so the two
/// encodings give equal values. The bytes are those of FNV-1a (RFC 9923) over the input.
fn hashed(input: &str, dimensions: usize) -> Vec<f32> {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut step = |byte: u8| {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        hash
    };
    input.bytes().for_each(|byte| {
        step(byte);
    });
    (0..dimensions).map(|_| f32::from((step(0) >> 32) as u8) / 256.0 - 0.5).collect()
}

fn encode(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_depend_on_the_input_only() {
        assert_eq!(hashed("a", 8), hashed("a", 8));
        assert_ne!(hashed("a", 8), hashed("b", 8));
        assert!(hashed("a", 64).iter().all(|value| value.abs() <= 0.5));
    }

    #[test]
    fn base64_is_of_little_endian_floats() {
        assert_eq!(encode(&[1.0, -0.5]), "AACAPwAAAL8=");
    }

    #[test]
    fn an_array_of_tokens_is_one_input() {
        assert_eq!(inputs(&json!([1, 2, 3])).unwrap().len(), 1);
        assert_eq!(inputs(&json!([[1, 2], [3]])).unwrap().len(), 2);
        assert_eq!(inputs(&json!(["a", "b"])).unwrap().len(), 2);
        assert!(inputs(&json!([])).is_none());
    }
}
