//! Reads the list of models, `/api/tags`.

use portcullis_sdk::prelude::*;

/// A model of the list.
pub(crate) fn listed(entry: &Json<'_>) -> Option<Model> {
    // Older versions do not say.
    let able = entry["capabilities"].items();
    let can = |word: &str| able.iter().any(|present| *present == word);
    // Its family, its size, its quantization and the like.
    let details = entry["details"].fields();
    let model = Model {
        context_tokens: entry["details"]["context_length"].as_u32().filter(|&tokens| tokens > 0),
        extra: details.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        ..Model::named(entry["name"].some_text()?)
    };
    let operations = [("chat", can("completion")), ("embeddings", can("embedding"))];
    Some(model.serving(operations).with([
        ("tools", can("tools")),
        ("vision", can("vision")),
        ("reasoning", can("thinking")),
        // Whatever a model has learnt, Ollama holds it to JSON and to schemas.
        ("json-object", can("completion")),
        ("json-schema", can("completion")),
    ]))
}
