//! Embeddings: one text, or several in one batch.

use crate::answer;
use crate::model::Name;
use crate::request::{object, unsupported, wrong};
use portcullis_sdk::Request;
use portcullis_sdk::provider::{Event, Failure};
use serde::Deserialize;
use serde_json::{Value, json};

/// The vector of one text, or those of several.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    #[serde(default)]
    embedding: Option<Vector>,
    #[serde(default)]
    embeddings: Vec<Vector>,
    #[serde(default)]
    usage_metadata: Value,
}

#[derive(Deserialize)]
struct Vector {
    values: Vec<f32>,
}

/// The method to call, what it is sent, and which of the sender's fields have no place in it.
pub(crate) fn request(
    request: &Request,
    model: &Name,
) -> Result<(&'static str, Value, Vec<String>), Failure> {
    let mut said = object(request)?;
    let mut take = |name: &str| said.remove(name).unwrap_or_default();
    let (input, dimensions) = (take("input"), take("dimensions"));
    // The gateway's own: it has read them.
    let _ = (take("model"), take("encoding_format"));
    let embed = |text: Value| match text {
        Value::String(_) => {
            let mut embed = json!({"model": model.path, "content": {"parts": [{"text": text}]}});
            if !dimensions.is_null() {
                embed["outputDimensionality"] = dimensions.clone();
            }
            Ok(embed)
        }
        Value::Number(_) | Value::Array(_) => {
            Err(unsupported("input", "tokens in place of a text"))
        }
        _ => Err(wrong("input", "is neither a text nor a list of texts")),
    };
    let (method, body) = match input {
        Value::Array(texts) => {
            let requests: Vec<Value> = texts.into_iter().map(embed).collect::<Result<_, _>>()?;
            ("batchEmbedContents", json!({ "requests": requests }))
        }
        text => ("embedContent", embed(text)?),
    };
    let dropped = said.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name);
    Ok((method, body, dropped.collect()))
}

/// The events of an embeddings answer.
pub(crate) fn read(text: &str, events: &mut Vec<Event>) -> Result<(), Failure> {
    let reply: Reply = answer::read(text)?;
    let vectors = reply.embedding.into_iter().chain(reply.embeddings);
    let vectors = (0..).zip(vectors).map(|(index, vector)| (index, vector.values));
    events.extend(vectors.map(Event::Embedding));
    events.extend(answer::usage(&reply.usage_metadata));
    Ok(())
}
