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
    pub fn sum<const N: usize>(self, names: &[&str; N]) -> Option<u64> {
        self.pick(*names).into_iter().filter_map(Self::as_u64).reduce(u64::saturating_add)
    }

    /// How a number, `true` or `false` is written.
    pub(crate) fn scalar(self) -> Option<&'a str> {
        (self.kind() == Kind::Scalar).then(|| self.raw())
    }

    /// The member of an object by its name.
    // Not inlined: a plugin has hundreds of these.
    #[inline(never)]
    pub fn get(self, name: &str) -> Self {
        let [member] = self.pick([name]);
        member
    }

    /// The members of an object by their names, in one pass over it: what is read of every frame
    /// of an answer is best asked for together.
    pub fn pick<const N: usize>(self, names: [&str; N]) -> [Self; N] {
        let mut picked = [Self::default(); N];
        let nodes = if self.is_object() { self.nodes } else { &[] };
        let mut at = 1;
        while let Some(node) = nodes.get(at) {
            let length = node.name.to - node.name.from;
            for (picked, name) in picked.iter_mut().zip(names) {
                // Most names differ in their length; of two members of one name the first counts.
                if length == name.len() && picked.nodes.is_empty() && self.is_named(node, name) {
                    picked.text = self.text;
                    picked.nodes = nodes.get(at..at + node.count).unwrap_or_default();
                }
            }
            at += node.count;
        }
        picked
    }

    /// Whether a member is of this name, which is as long as its own.
    fn is_named(self, node: &Node, name: &str) -> bool {
        let own = self.text.as_bytes().get(node.name.from..node.name.to);
        own.is_some_and(|own| same(own, name.as_bytes()))
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

/// Whether two texts of the same length are the same. What WebAssembly compares by itself goes a
/// byte at a time; names are short, and two words that overlap cover most of them.
#[inline]
fn same(one: &[u8], other: &[u8]) -> bool {
    match one.len() {
        0..4 => one.iter().eq(other),
        4..9 => ends::<4>(one) == ends::<4>(other),
        9..17 => ends::<8>(one) == ends::<8>(other),
        17..33 => ends::<16>(one) == ends::<16>(other),
        _ => one == other,
    }
}

fn ends<const N: usize>(text: &[u8]) -> Option<(&[u8; N], &[u8; N])> {
    text.first_chunk().zip(text.last_chunk())
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
