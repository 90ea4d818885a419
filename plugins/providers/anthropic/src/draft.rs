//! A request on its way from OpenAI's dialect into this vendor's: fields are taken from what was
//! asked and set in what is sent.
//!
//! What is asked is not read as the SDK's `ChatRequest`, for two reasons. What is left of it at
//! the end is what nothing was made of, and the sender is told. And a schema that nobody takes
//! apart keeps the order of its members, which is the order in which a model answers.

use crate::failure::invalid;
use portcullis_sdk::provider::Failure;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// An object, its values unread.
pub(crate) type Raw<'a> = BTreeMap<String, &'a RawValue>;

/// Both sides.
pub(crate) struct Draft<'a> {
    asked: Raw<'a>,
    /// A JSON object but for its end.
    sent: Vec<u8>,
    /// The names of fields that were taken and cannot be honoured.
    dropped: Vec<String>,
}

impl<'a> Draft<'a> {
    pub(crate) fn of(body: &'a str) -> Result<Self, Failure> {
        let asked = serde_json::from_str(body);
        let asked = asked.map_err(|_| invalid("the body is not a JSON object"))?;
        // Room for all of it at once: growing would hold a large image twice.
        let mut sent = Vec::with_capacity(body.len() + 1024);
        sent.push(b'{');
        Ok(Self { asked, sent, dropped: Vec::new() })
    }

    /// A field, which is dealt with now; `None` where it is absent or null. The error names
    /// the place and not what stood there.
    pub(crate) fn take<T: Deserialize<'a>>(&mut self, name: &str) -> Result<Option<T>, Failure> {
        let Some(value) = self.asked.remove(name) else { return Ok(None) };
        serde_json::from_str(value.get()).map_err(|error| {
            let place = error.column();
            invalid(format!("`{name}` does not have the form that it should (its column {place})"))
        })
    }

    /// Sets a field, if there is anything to be said.
    pub(crate) fn set(&mut self, name: &str, value: Option<Value>) {
        if let Some(value) = value.filter(|value| value.as_array() != Some(&Vec::new())) {
            self.set_raw(name, &value);
        }
    }

    /// Sets a field to what may hold text of the sender's as it came.
    pub(crate) fn set_raw(&mut self, name: &str, value: &impl Serialize) {
        let before = if self.sent.len() > 1 { ",\"" } else { "\"" };
        for text in [before, name, "\":"] {
            self.sent.extend_from_slice(text.as_bytes());
        }
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(&mut self.sent, value);
    }

    /// Notes that a field cannot be honoured, where that is so.
    pub(crate) fn leave_out(&mut self, name: &str, lost: bool) {
        self.dropped.extend(lost.then(|| name.to_owned()));
    }

    /// The body to send, and the names of what the sender asked for and does not get.
    pub(crate) fn finish(mut self) -> (Vec<u8>, Vec<String>) {
        self.sent.push(b'}');
        let left = self.asked.into_iter().filter(|(name, value)| asks(name, value.get()));
        self.dropped.extend(left.map(|(name, _)| name));
        (self.sent, self.dropped)
    }
}

/// Whether a field asks for anything that would not happen anyway.
fn asks(name: &str, value: &str) -> bool {
    match name {
        // The gateway deals with these.
        "model" | "stream" | "stream_options" | "metadata" => false,
        "frequency_penalty" | "presence_penalty" => value.parse() != Ok(0.0),
        "service_tier" => !matches!(value, r#""auto""# | r#""default""#),
        _ => !matches!(value, "null" | "false" | "[]" | "{}"),
    }
}
