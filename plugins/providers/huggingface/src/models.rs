//! Reads the list of models: the router's, which says who serves each of them and what they
//! can, or that of a server of one model.

use portcullis_sdk::prelude::*;

/// A model of the list.
pub(crate) fn listed(entry: &Json<'_>) -> Model {
    let serving = entry["providers"].items();
    let any = |name: &str| serving.iter().any(|provider| provider[name] == true);
    let sees = entry["architecture"]["input_modalities"].items();
    let model = Model {
        // The router chooses who serves; what the best of them takes can be asked for.
        context_tokens: serving.iter().filter_map(|it| it["context_length"].as_u32()).max(),
        extra: extra([("owned_by", (&entry["owned_by"]).into())]),
        ..Model::named(entry["id"].text())
    };
    model.with([
        ("tools", any("supports_tools")),
        ("json-schema", any("supports_structured_output")),
        ("vision", sees.iter().any(|kind| *kind == "image")),
    ])
}
