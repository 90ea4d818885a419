//! What JSON is made of.

use super::Json;
use std::borrow::Cow;

impl<'a> From<&'a str> for Json<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(escaped(Cow::Borrowed(text)))
    }
}

impl From<String> for Json<'_> {
    fn from(text: String) -> Self {
        Self::Text(escaped(Cow::Owned(text)))
    }
}

impl<'a> From<Cow<'a, str>> for Json<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(escaped(text))
    }
}

/// Text as it stands between quotes.
fn escaped(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')) {
        return text;
    }
    // Writing a string to a string does not fail.
    let mut quoted = serde_json::to_string(&text).unwrap_or_default();
    quoted.pop();
    quoted.remove(0);
    Cow::Owned(quoted)
}

impl From<bool> for Json<'_> {
    fn from(truth: bool) -> Self {
        Self::Raw(Cow::Borrowed(if truth { "true" } else { "false" }))
    }
}

impl From<u32> for Json<'_> {
    fn from(number: u32) -> Self {
        Self::Raw(Cow::Owned(number.to_string()))
    }
}

impl From<u64> for Json<'_> {
    fn from(number: u64) -> Self {
        Self::Raw(Cow::Owned(number.to_string()))
    }
}

impl<'a, T: Into<Self>> From<Vec<T>> for Json<'a> {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl<'a, T: Into<Self>> From<Option<T>> for Json<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a> From<&Json<'a>> for Json<'a> {
    fn from(value: &Json<'a>) -> Self {
        value.clone()
    }
}

impl<'a> FromIterator<Json<'a>> for Json<'a> {
    fn from_iter<I: IntoIterator<Item = Json<'a>>>(items: I) -> Self {
        Self::List(items.into_iter().collect())
    }
}
