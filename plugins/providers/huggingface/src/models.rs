//! Reads the list of models: the router's, which says who serves each of them and what they
//! can, or that of a server of one model.

use crate::malformed;
use portcullis_sdk::provider::{Failure, Model};
use serde_json::Value;

pub(crate) fn read(body: &[u8]) -> Result<Vec<Model>, Failure> {
    let list = std::str::from_utf8(body).ok().and_then(|text| serde_json::from_str(text).ok());
    let list: Value = list.unwrap_or_default();
    let entries = list["data"].as_array();
    let entries = entries.ok_or_else(|| malformed("the upstream's list of models is not one"))?;
    Ok(entries.iter().map(model).collect())
}

fn model(entry: &Value) -> Model {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (sees, serving) =
        (list(&entry["architecture"]["input_modalities"]), list(&entry["providers"]));
    let any = |name: &str| serving.iter().any(|provider| provider[name] == true);
    let features = [
        (any("supports_tools"), "tools"),
        (any("supports_structured_output"), "json-schema"),
        (sees.iter().any(|kind| kind == "image"), "vision"),
    ];
    // The router chooses who serves; what the best of them takes can be asked for.
    let context = serving.iter().filter_map(|it| it["context_length"].as_u64()).max();
    let owner = entry.get("owned_by").map(|owner| ("owned_by".to_owned(), owner.to_string()));
    Model {
        id: entry["id"].as_str().unwrap_or_default().to_owned(),
        context_tokens: context.and_then(|tokens| tokens.try_into().ok()),
        max_output_tokens: None,
        operations: Vec::new(),
        features: features.iter().filter(|it| it.0).map(|it| it.1.to_owned()).collect(),
        extra: owner.into_iter().collect(),
    }
}
