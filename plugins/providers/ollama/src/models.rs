//! Reads the list of models, `/api/tags`.

use portcullis_sdk::prelude::*;

/// A model of the list.
pub(crate) fn listed(entry: View<'_>) -> Option<Model> {
    // Older versions do not say.
    let able = entry.get("capabilities");
    let can = |word: &str| able.items().any(|present| present == word);
    // Its family, its size, its quantization and the like.
    let details = entry.get("details").fields();
    let model = Model {
        context_tokens: entry
            .get("details")
            .get("context_length")
            .as_u32()
            .filter(|&tokens| tokens > 0),
        extra: details.map(|(name, it)| (name.to_owned(), it.to_json().to_string())).collect(),
        ..Model::named(entry.get("name").some_text()?)
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
