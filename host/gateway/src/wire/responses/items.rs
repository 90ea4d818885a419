//! The items that a response is made of, and their parts.

use serde_json::{Value, json};

/// A message; `parts` are its content.
pub fn message(id: &str, status: &str, parts: Vec<Value>) -> Value {
    json!({ "id": id, "type": "message", "status": status, "role": "assistant", "content": parts })
}

/// What a model thought, as far as it is shown.
pub fn reasoning(id: &str, text: Option<&str>) -> Value {
    let summary: Vec<Value> = text.map(summary).into_iter().collect();
    json!({ "id": id, "type": "reasoning", "summary": summary })
}

/// A part of what a model thought.
pub fn summary(text: &str) -> Value {
    json!({ "type": "summary_text", "text": text })
}

/// A call of a tool.
pub fn call(id: &str, status: &str, call_id: &str, name: &str, arguments: &str) -> Value {
    json!({
        "id": id,
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    })
}

/// A text, and where it comes from.
pub fn text(text: &str, annotations: Vec<Value>) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": annotations, "logprobs": [] })
}

/// A text in which the model declines to answer.
pub fn refusal(text: &str) -> Value {
    json!({ "type": "refusal", "refusal": text })
}

/// An annotation of a chat, whose fields lie a floor deeper there.
pub fn annotation(annotation: Value) -> Value {
    let kind = annotation["type"].as_str().unwrap_or_default().to_owned();
    match &annotation[&kind] {
        Value::Object(fields) => {
            let mut flat = fields.clone();
            flat.insert("type".to_owned(), kind.into());
            Value::Object(flat)
        }
        _ => annotation,
    }
}
