//! What differs between two JSON values.

use serde_json::{Map, Value};

/// What has to be merged into `from` to have `to` (RFC 7396); null where they are equal.
pub(super) fn of(from: &Value, to: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (from, to) else {
        return if from == to { Value::Null } else { to.clone() };
    };
    let mut patch = Map::new();
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    for (name, value) in after {
        let old = before.get(name).unwrap_or(&Value::Null);
        if old != value {
            patch.insert(name.clone(), of(old, value));
        }
    }
    if patch.is_empty() { Value::Null } else { Value::Object(patch) }
}

/// The value without what says nothing: nulls, and empty texts and lists.
pub(super) fn pruned(value: &Value) -> Value {
    let says = |value: &Value| !matches!(value, Value::Null) && value != "" && !is_empty(value);
    match value {
        Value::Array(items) => items.iter().map(pruned).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| says(value));
            fields.map(|(name, value)| (name.clone(), pruned(value))).collect()
        }
        other => other.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}
