//! A JSON object, its members unread: what is in a body, and what goes into one. They keep
//! their order, for a schema is filled in from top to bottom.
//!
//! Lists, because an object has a dozen members, and a map's code would be a tenth of this
//! plugin.

use crate::invalid;
use portcullis_sdk::provider::Failure;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::fmt;

/// Names and JSON texts.
#[derive(Default)]
pub(crate) struct Fields(pub(crate) Vec<(String, String)>);

impl Fields {
    /// Sets a member, in place of the one of that name.
    pub(crate) fn set(&mut self, name: &str, json: String) {
        drop(self.take(name));
        self.0.push((name.to_owned(), json));
    }

    /// Takes a member out.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// The object with the members of one of its own in that one's place.
    pub(crate) fn raised(mut self, name: &str) -> Result<Self, Failure> {
        if let Some(inner) = self.take(name) {
            let Self(inner) = read(name, &inner)?;
            inner.into_iter().for_each(|(name, json)| self.set(&name, json));
        }
        Ok(self)
    }

    /// The object as JSON.
    pub(crate) fn written(&self) -> String {
        // Room for all of it: an image is most of a sandbox's memory, and a text that grows
        // needs twice that.
        let room = self.0.iter().map(|(name, json)| name.len() + json.len() + 8).sum();
        let mut text = String::with_capacity(room);
        let mut before = '{';
        for (name, json) in &self.0 {
            text.push(before);
            text += &written(&name.as_str().into());
            text.push(':');
            text += json;
            before = ',';
        }
        text + if self.0.is_empty() { "{}" } else { "}" }
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some((name, json)) = map.next_entry::<String, &RawValue>()? {
                    fields.0.push((name, json.get().to_owned()));
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// Reads a part of the request. The error names the place and not what stood there.
pub(crate) fn read<T: DeserializeOwned>(what: &str, json: &str) -> Result<T, Failure> {
    serde_json::from_str(json).map_err(|error| {
        invalid(format!("the request's {what} cannot be read (column {})", error.column()))
    })
}

/// A value as JSON.
pub(crate) fn written(value: &Value) -> String {
    // Writing to a string does not fail.
    serde_json::to_string(value).unwrap_or_default()
}

/// An object with the members of one of its own at the top.
pub(crate) fn flat(mut object: Map<String, Value>, name: &str) -> Value {
    if let Some(Value::Object(inner)) = object.remove(name) {
        inner.into_iter().for_each(|(name, value)| drop(object.insert(name, value)));
    }
    object.into()
}
