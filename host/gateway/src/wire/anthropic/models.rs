//! The list of models, as this dialect shows it.
//!
//! <https://platform.claude.com/docs/en/api/models/list>

use serde_json::{Value, json};

/// One model.
pub fn model(id: &str) -> Value {
    // Nobody knows when a route was made; SDKs read a time.
    json!({ "type": "model", "id": id, "display_name": id, "created_at": "1970-01-01T00:00:00Z" })
}

/// All of them, as one page.
pub fn list(ids: &[&str]) -> Value {
    let data: Vec<Value> = ids.iter().map(|id| model(id)).collect();
    json!({
        "data": data,
        "has_more": false,
        "first_id": ids.first(),
        "last_id": ids.last(),
    })
}
