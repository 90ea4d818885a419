//! What OpenAI publishes as its Audio API, as far as it writes down what was said: a dialect of
//! its own, since its requests are forms and its answers may be no JSON.
//!
//! <https://platform.openai.com/docs/api-reference/audio/createTranscription>

pub mod along;
pub mod answer;
pub mod format;

use crate::refusal::Refusal;
use crate::wire::form::{self, Attachment};
use bytes::Bytes;
use serde_json::Value;

/// Reads the form of a request: its fields as JSON, and its file.
///
/// # Errors
///
/// What the body is instead, what it lacks, or which field holds what it cannot.
pub async fn read(content_type: &str, body: Bytes) -> Result<(Bytes, Option<Attachment>), Refusal> {
    let mut form = form::read(content_type, body).await?;
    if form.file.name != "file" {
        return Err(Refusal::missing("file"));
    }
    for (name, expected) in [("stream", "true or false"), ("temperature", "a number")] {
        if let Some(value) = form.fields.get_mut(name) {
            let text = value.as_str().unwrap_or_default().to_ascii_lowercase();
            let read: Option<Value> = serde_json::from_str(&text).ok();
            let fits = |read: &Value| match name {
                "stream" => read.is_boolean(),
                _ => read.is_number(),
            };
            *value = read.filter(fits).ok_or_else(|| {
                let message = format!("`{name}` is {value}; expected {expected}.");
                Refusal::invalid(message, Some(name))
            })?;
        }
    }
    // Maps whose names are strings can be written.
    let fields = serde_json::to_vec(&form.fields).unwrap_or_default();
    Ok((Bytes::from(fields), Some(form.file)))
}
