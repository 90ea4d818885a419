//! JSON that is read and not changed: a look at a value on a tape.

use super::Json;
use super::tape::{Kind, Node, Span, children, tree};
use std::borrow::Cow;

/// A value of JSON that was read. What is asked of it and is not there is null.
#[derive(Debug, Clone, Copy, Default)]
pub struct View<'a> {
    pub(super) text: &'a str,
    /// The value itself and those in it; nothing of what is not there.
    pub(super) nodes: &'a [Node],
}

impl<'a> View<'a> {
    fn kind(self) -> Kind {
        self.nodes.first().map_or(Kind::Null, |node| node.kind)
    }

    /// What stands in the text: of a text, what is between its quotes.
    fn raw(self) -> &'a str {
        self.nodes.first().map_or("", |node| node.value.of(self.text))
    }

    /// Whether it is `null`, or is not there.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// Whether it is a string.
    pub fn is_text(self) -> bool {
        matches!(self.kind(), Kind::Plain | Kind::Escaped)
    }

    /// Whether it is a list.
    pub fn is_list(self) -> bool {
        self.kind() == Kind::List
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        self.kind() == Kind::Object
    }

    /// What a string says; "" where it is none.
    pub fn text(self) -> Cow<'a, str> {
        match self.kind() {
            Kind::Plain => Cow::Borrowed(self.raw()),
            Kind::Escaped => Json::Text(Cow::Borrowed(self.raw())).into_text(),
            _ => Cow::Borrowed(""),
        }
    }

    /// What a string says; `None` where it is none, or empty.
    pub fn some_text(self) -> Option<String> {
        Some(self.text().into_owned()).filter(|text| !text.is_empty())
    }

    /// A whole number, if it is one.
    pub fn as_u64(self) -> Option<u64> {
        self.scalar()?.parse().ok()
    }

    /// A whole number that is not too large, if it is one.
    pub fn as_u32(self) -> Option<u32> {
        self.scalar()?.parse().ok()
    }

    /// A number, if it is one.
    pub fn as_f64(self) -> Option<f64> {
        self.scalar()?.parse().ok()
    }

    /// The sum of those members that are whole numbers; `None` where none is.
    pub fn sum(self, names: &[&str]) -> Option<u64> {
        names.iter().filter_map(|name| self.get(name).as_u64()).reduce(u64::saturating_add)
    }

    /// How a number, `true` or `false` is written.
    pub(crate) fn scalar(self) -> Option<&'a str> {
        (self.kind() == Kind::Scalar).then(|| self.raw())
    }

    /// The member of an object by its name.
    // Not inlined: a plugin has hundreds of these.
    #[inline(never)]
    pub fn get(self, name: &str) -> Self {
        // Most names differ in their length.
        let named =
            |place: Span| place.to - place.from == name.len() && place.of(self.text) == name;
        let nodes = if self.is_object() { self.nodes } else { &[] };
        let mut members = children(nodes);
        let found = members.find(|(place, _)| named(*place));
        found.map_or(Self::default(), |(_, nodes)| Self { nodes, ..self })
    }

    /// The first of these members that is there.
    pub fn first<const N: usize>(self, names: [&str; N]) -> Self {
        let mut there = names.iter().map(|name| self.get(name)).filter(|value| !value.is_null());
        there.next().unwrap_or_default()
    }

    /// This, or if it is null the other.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self.is_null() { other } else { self }
    }

    /// The items of a list; of anything else, none.
    pub fn items(self) -> impl Iterator<Item = Self> {
        let nodes = if self.is_list() { self.nodes } else { &[] };
        children(nodes).map(move |(_, nodes)| Self { nodes, ..self })
    }

    /// The item of a list by its place, counted from 0.
    pub fn item(self, place: usize) -> Self {
        self.items().nth(place).unwrap_or_default()
    }

    /// The first member of this name that is there, of the objects in a list.
    pub fn find(self, name: &str) -> Self {
        let mut said = self.items().map(|item| item.get(name));
        said.find(|value| !value.is_null()).unwrap_or_default()
    }

    /// The members of an object; of anything else, none.
    pub fn fields(self) -> impl Iterator<Item = (&'a str, Self)> {
        let nodes = if self.is_object() { self.nodes } else { &[] };
        let field = move |(name, nodes): (Span, _)| (name.of(self.text), Self { nodes, ..self });
        children(nodes).map(field)
    }

    /// It as a value that can be changed, and written as JSON.
    pub fn to_json(self) -> Json<'a> {
        tree(self.text, self.nodes)
    }
}

impl<'a> From<View<'a>> for Json<'a> {
    fn from(value: View<'a>) -> Self {
        value.to_json()
    }
}

/// Whether it is a string that says this.
impl PartialEq<&str> for View<'_> {
    fn eq(&self, text: &&str) -> bool {
        self.is_text() && self.text() == *text
    }
}

impl PartialEq<bool> for View<'_> {
    fn eq(&self, truth: &bool) -> bool {
        self.scalar() == Some(if *truth { "true" } else { "false" })
    }
}
