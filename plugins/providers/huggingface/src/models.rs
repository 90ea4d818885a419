//! Reads the list of models: the router's, which says who serves each of them and what they
//! can, or that of a server of one model.

use portcullis_sdk::prelude::*;

/// A model of the list.
pub(crate) fn listed(entry: View<'_>) -> Model {
    let serving = entry.get("providers");
    let any = |name: &str| serving.items().any(|provider| provider.get(name) == true);
    let sees = entry.get("architecture").get("input_modalities");
    let model = Model {
        // The router chooses who serves; what the best of them takes can be asked for.
        context_tokens: serving.items().filter_map(|it| it.get("context_length").as_u32()).max(),
        extra: extra([("owned_by", entry.get("owned_by").into())]),
        ..Model::named(entry.get("id").text())
    };
    model.with([
        ("tools", any("supports_tools")),
        ("json-schema", any("supports_structured_output")),
        ("vision", sees.items().any(|kind| kind == "image")),
    ])
}
