//! Reads the list of models, `/api/tags`.

use crate::malformed;
use crate::request::Fields;
use portcullis_sdk::provider::{Failure, Model};
use serde::Deserialize;

#[derive(Deserialize)]
struct List {
    models: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    /// Its family, its size, its quantization and the like.
    #[serde(default)]
    details: Fields,
    /// Older versions do not say.
    #[serde(default)]
    capabilities: Vec<String>,
}

pub(crate) fn read(body: &[u8]) -> Result<Vec<Model>, Failure> {
    let list = std::str::from_utf8(body).ok().and_then(|text| serde_json::from_str(text).ok());
    let List { models } =
        list.ok_or_else(|| malformed("the upstream's list of models is not one"))?;
    Ok(models.into_iter().map(model).collect())
}

fn model(Entry { name, details, capabilities: able }: Entry) -> Model {
    let can = |it: &str, word: &str| able.iter().any(|one| one == it).then(|| word.to_owned());
    let operations = [can("completion", "chat"), can("embedding", "embeddings")];
    let features = [
        can("tools", "tools"),
        can("vision", "vision"),
        can("thinking", "reasoning"),
        // Whatever a model has learnt, Ollama holds it to JSON and to schemas.
        can("completion", "json-object"),
        can("completion", "json-schema"),
    ];
    let context = details.get("context_length").and_then(|tokens| tokens.get().parse().ok());
    Model {
        id: name,
        context_tokens: context.filter(|&tokens| tokens > 0),
        max_output_tokens: None,
        operations: operations.into_iter().flatten().collect(),
        features: features.into_iter().flatten().collect(),
        extra: details.into_iter().map(|(name, json)| (name, json.get().to_owned())).collect(),
    }
}
