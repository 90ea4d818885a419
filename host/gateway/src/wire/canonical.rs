//! A chat in the canonical dialect, as it is written from one of another.
//!
//! Texts are the senders' own JSON, which is put in its new place without being read: an image of
//! some megabytes is copied once, into the body that is made.

use crate::contract::FailureKind;
use crate::failure::Failure;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// A request.
#[derive(Serialize)]
pub struct Chat<'a> {
    /// The model that was asked for.
    pub model: &'a str,
    /// The conversation so far.
    pub messages: Vec<Message<'a>>,
    /// What the model may call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool<'a>>,
    /// Further fields, by their names.
    #[serde(flatten)]
    pub fields: Extra<'a>,
}

/// Fields that are values of their own, in the order in which they are written.
#[derive(Default)]
pub struct Extra<'a>(Vec<(&'static str, Field<'a>)>);

/// The value of a field.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Field<'a> {
    /// As it came.
    Raw(&'a RawValue),
    /// Made here.
    Made(Value),
}

impl<'a> Extra<'a> {
    /// Adds a field as it came, if it came.
    pub fn raw(&mut self, name: &'static str, value: Option<&'a RawValue>) {
        self.0.extend(value.map(|value| (name, Field::Raw(value))));
    }

    /// Adds a field.
    pub fn made(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push((name, Field::Made(value.into())));
    }
}

impl Serialize for Extra<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// One message.
#[derive(Serialize)]
pub struct Message<'a> {
    /// "system", "user", "assistant" or "tool".
    pub role: &'static str,
    /// What it says; null where it only calls tools.
    pub content: Option<Content<'a>>,
    /// The calls that it makes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall<'a>>,
    /// Which call it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
    /// A message of nothing but content.
    pub fn of(role: &'static str, content: Content<'a>) -> Self {
        Self { role, content: Some(content), tool_calls: Vec::new(), tool_call_id: None }
    }
}

/// What a message says.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Content<'a> {
    /// A string, as it came.
    Raw(&'a RawValue),
    /// A string.
    Text(String),
    /// Texts, images, files.
    Parts(Vec<Part<'a>>),
}

impl<'a> Content<'a> {
    /// One text is said as a string, which every upstream understands.
    pub fn of(parts: Vec<Part<'a>>) -> Self {
        match parts.as_slice() {
            [Part::Text { text }] => Self::Raw(text),
            _ => Self::Parts(parts),
        }
    }
}

/// A part of a message.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part<'a> {
    /// A text, as it came.
    Text {
        /// A JSON string.
        text: &'a RawValue,
    },
    /// An image.
    ImageUrl {
        /// Where it is.
        image_url: ImageUrl<'a>,
    },
    /// A document.
    File {
        /// What it holds.
        file: File<'a>,
    },
}

/// An image by its address.
#[derive(Serialize)]
pub struct ImageUrl<'a> {
    /// `data:` or `https:`.
    pub url: Address<'a>,
    /// "low", "high" or "auto", as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'a RawValue>,
}

/// A document by its address.
#[derive(Serialize)]
pub struct File<'a> {
    /// Its name, as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<&'a RawValue>,
    /// `data:` or `https:`.
    pub file_data: Address<'a>,
}

/// Where bytes are.
pub enum Address<'a> {
    /// Where the sender says.
    Url(&'a RawValue),
    /// Here: their media type, and themselves in base64.
    Data(std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>),
}

impl Serialize for Address<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Url(url) => url.serialize(serializer),
            // https://www.rfc-editor.org/rfc/rfc2397
            Self::Data(media, data) => {
                serializer.collect_str(&format_args!("data:{media};base64,{data}"))
            }
        }
    }
}

/// A call that a model made.
#[derive(Serialize)]
pub struct ToolCall<'a> {
    /// Its id.
    pub id: &'a RawValue,
    /// Always "function".
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What is called.
    pub function: Called<'a>,
}

/// What a model called.
#[derive(Serialize)]
pub struct Called<'a> {
    /// The tool's name.
    pub name: &'a RawValue,
    /// The arguments, as JSON in a string.
    pub arguments: Arguments<'a>,
}

/// The arguments of a call.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Arguments<'a> {
    /// A value, which is written as the string of its JSON.
    Value(&'a str),
    /// A string of JSON, as it came.
    Raw(&'a RawValue),
}

/// A tool that a model may call.
#[derive(Serialize)]
pub struct Tool<'a> {
    /// Always "function".
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its name, `description`, `parameters`, `strict`.
    pub function: Extra<'a>,
}

/// Whether a value is a string.
pub fn is_string(value: &RawValue) -> bool {
    value.get().starts_with('"')
}

/// What only the vendor whose dialect it is can do. Another candidate may be one of its models.
pub fn vendors_own(field: &str, what: &str) -> Failure {
    let message = format!("This model cannot be asked with {what}.");
    Failure::about(FailureKind::Unsupported, message, field)
}

/// What is made of a request of another dialect.
#[derive(Debug)]
pub struct Canonical {
    /// The body.
    pub body: bytes::Bytes,
    /// What the canonical dialect has no word for, by the names of its fields.
    pub dropped: Vec<String>,
}

impl Canonical {
    /// A request and what it leaves out.
    pub fn of(chat: &Chat<'_>, mut dropped: Vec<String>) -> Self {
        dropped.sort_unstable();
        dropped.dedup();
        // Texts and maps with names that are strings can be written.
        Self { body: serde_json::to_vec(chat).unwrap_or_default().into(), dropped }
    }
}
