//! JSON that is read to be passed on: a [`View`] of what is only looked at, and a tree of what is
//! changed or made, both borrowed from the text that they were read from.
//!
//! A provider of another dialect takes a request apart and sends most of it on, which may be an
//! image of megabytes, a schema, or a number that fits no double. `serde_json::Value` copies each
//! string, sorts the members of objects (a model fills a schema in in their order) and reads
//! numbers into doubles; raw values keep all that, but are gone through once for each object that
//! they stand in. Here texts and numbers stay what they are, slices of the text, and it is gone
//! through once.

mod from;
mod tape;
#[cfg(test)]
mod tests;
mod view;
mod write;

pub use tape::{Tape, Unreadable};
pub use view::View;

use std::borrow::Cow;
use std::ops::Index;

/// A value of JSON that can be changed. Its clone copies no text that is borrowed.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Json<'a> {
    /// `null`, and what is not there.
    #[default]
    Null,
    /// A number, `true` or `false`; or any JSON that is passed on unread.
    Raw(Cow<'a, str>),
    /// What stands between the quotes of a string, escapes included.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Json<'a>>),
    /// An object: its members in their order, a name's escapes included.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// An object of the named values: `object! { "type": "text", "text": words }`. A field that is
/// null is left out.
#[macro_export]
macro_rules! object {
    ($($name:literal: $value:expr),* $(,)?) => {
        $crate::Json::object([$(($name, $crate::Json::from($value))),*])
    };
}

impl<'a> Json<'a> {
    /// An object of these fields, but for those that are null.
    pub fn object(fields: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        let mut object = Self::Object(Vec::new());
        for (name, value) in fields {
            object.put(Cow::Borrowed(name), value);
        }
        object
    }

    /// What is JSON already, unread.
    pub fn raw(json: impl Into<Cow<'a, str>>) -> Self {
        Self::Raw(json.into())
    }

    /// Whether it is `null`, or is not there.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether it is a string.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// Whether it says nothing: null, false, or empty.
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Raw(json) => json == "false",
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Object(fields) => fields.is_empty(),
        }
    }

    /// What a string says; "" where it is none.
    pub fn text(&self) -> Cow<'_, str> {
        let Self::Text(text) = self else { return Cow::Borrowed("") };
        if !text.contains('\\') {
            return Cow::Borrowed(text);
        }
        // What no reader of JSON can make sense of is shown as it is.
        serde_json::from_str(&format!("\"{text}\"")).map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// What a string says, as [`Json::text`] has it, borrowed for longer.
    pub fn into_text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) if !text.contains('\\') => text,
            other => Cow::Owned(other.text().into_owned()),
        }
    }

    /// What a string says; `None` where it is none, or empty.
    pub fn some_text(&self) -> Option<String> {
        Some(self.text().into_owned()).filter(|text| !text.is_empty())
    }

    /// A whole number, if it is one.
    pub fn as_u64(&self) -> Option<u64> {
        self.scalar()?.parse().ok()
    }

    /// A number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        self.scalar()?.parse().ok()
    }

    fn scalar(&self) -> Option<&str> {
        if let Self::Raw(json) = self { Some(json) } else { None }
    }

    /// The items of a list; of anything else, none.
    pub fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// The items of a list, something else as the only one, and none of nothing.
    pub fn into_items(self) -> Vec<Self> {
        match self {
            Self::Null => Vec::new(),
            Self::List(items) => items,
            other => vec![other],
        }
    }

    /// The members of an object; of anything else, none.
    pub fn fields(&self) -> &[(Cow<'a, str>, Self)] {
        if let Self::Object(fields) = self { fields } else { &[] }
    }

    /// Takes a member out of an object; null where it is not there.
    // Not inlined, as what sets and reads a member: a plugin has hundreds of these.
    #[inline(never)]
    pub fn take(&mut self, name: &str) -> Self {
        let Self::Object(fields) = self else { return Self::Null };
        let place = fields.iter().position(|(present, _)| present == name);
        place.map_or(Self::Null, |place| fields.remove(place).1)
    }

    /// Sets a member of an object, in place of one of that name or behind all. Null changes
    /// nothing: what is not said is left as it was.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Self>) {
        self.put(name.into(), value.into());
    }

    #[inline(never)]
    fn put(&mut self, name: Cow<'a, str>, value: Self) {
        let Self::Object(fields) = self else { return };
        match fields.iter_mut().find(|(present, _)| *present == name) {
            _ if value.is_null() => {}
            Some((_, present)) => *present = value,
            None => fields.push((name, value)),
        }
    }

    /// With a member set, as [`Json::set`] does.
    #[must_use]
    pub fn with(mut self, name: &'a str, value: impl Into<Self>) -> Self {
        self.set(name, value);
        self
    }

    /// This, or if it is null the other.
    #[must_use]
    pub fn or(self, other: impl Into<Self>) -> Self {
        if self.is_null() { other.into() } else { self }
    }

    /// Itself, but null where the test fails.
    #[must_use]
    pub fn filter(self, test: impl FnOnce(&Self) -> bool) -> Self {
        if test(&self) { self } else { Self::Null }
    }

    /// Itself, but null where it says nothing.
    #[must_use]
    pub fn something(self) -> Self {
        self.filter(|value| !value.is_nothing())
    }
}

/// The member of an object by its name; null where there is none.
impl<'a> Index<&str> for Json<'a> {
    type Output = Json<'a>;

    #[inline(never)]
    fn index(&self, name: &str) -> &Json<'a> {
        let found = self.fields().iter().find(|(present, _)| present == name);
        found.map_or(&Json::Null, |(_, value)| value)
    }
}

/// The item of a list by its place, counted from 0; null where there is none.
impl<'a> Index<usize> for Json<'a> {
    type Output = Json<'a>;

    fn index(&self, place: usize) -> &Json<'a> {
        self.items().get(place).unwrap_or(&Json::Null)
    }
}

/// Whether it is a string that says this.
impl PartialEq<str> for Json<'_> {
    fn eq(&self, text: &str) -> bool {
        self.is_text() && self.text() == text
    }
}

impl PartialEq<&str> for Json<'_> {
    fn eq(&self, text: &&str) -> bool {
        *self == **text
    }
}

impl PartialEq<bool> for Json<'_> {
    fn eq(&self, truth: &bool) -> bool {
        self.scalar() == Some(if *truth { "true" } else { "false" })
    }
}
