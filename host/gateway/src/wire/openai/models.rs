//! The list of models, as this dialect shows it.
//!
//! <https://platform.openai.com/docs/api-reference/models>

use serde_json::{Value, json};

/// One model and its owner.
pub fn model(id: &str, owner: &str) -> Value {
    json!({ "id": id, "object": "model", "created": 0, "owned_by": owner })
}

/// All of them.
pub fn list(models: &[(&str, &str)]) -> Value {
    let data: Vec<Value> = models.iter().map(|(id, owner)| model(id, owner)).collect();
    json!({ "object": "list", "data": data })
}
