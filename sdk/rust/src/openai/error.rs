//! Errors, in OpenAI's shape and in those that pass for it.

use serde_json::Value;

/// What an error says, wherever it stood. Only for the path that failed, so it is read
/// through [`Value`]: leniency is worth more there than speed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorBody {
    /// The upstream's words.
    pub message: Option<String>,
    /// Its `type`.
    pub kind: Option<String>,
    /// Its `code`, a number as text.
    pub code: Option<String>,
    /// The request's field that it is about.
    pub param: Option<String>,
}

impl ErrorBody {
    /// Reads a whole error reply; `None` where it is not JSON.
    pub fn read(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_str(std::str::from_utf8(body).ok()?).ok()?;
        Some(Self::from_value(&value))
    }

    /// Reads `{"error": {…}}`, `{"error": "…"}`, `{"message": …}`, `{"detail": …}`, the inner
    /// object by itself, and any of these as the only element of a list.
    pub fn from_value(value: &Value) -> Self {
        match value {
            Value::Array(list) => list.first().map(Self::from_value).unwrap_or_default(),
            Value::String(message) => Self {
                message: Some(message.clone()),
                ..Self::default()
            },
            Value::Object(object) => match object.get("error") {
                Some(error @ (Value::Object(_) | Value::String(_))) => Self::from_value(error),
                _ => Self {
                    message: text(object.get("message")).or_else(|| text(object.get("detail"))),
                    kind: text(object.get("type")),
                    code: text(object.get("code")),
                    param: text(object.get("param")),
                },
            },
            _ => Self::default(),
        }
    }
}

/// A string as it is, a number as its digits, a structure as its JSON.
fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
