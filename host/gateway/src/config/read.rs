//! Reads a TOML document table by table and collects everything that is wrong with it.
//!
//! serde's derive would be shorter, but it stops at the first key that it does not know and
//! forgets where a value stood. Here every key that a table may have is asked for by name; what
//! is left at the end was not asked for, and is therefore unknown. So the list of known keys
//! cannot drift from the code that reads them.

mod value;

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{At, Place, Problem, Problems, hint, nearest};
use super::units;
pub(crate) use value::Value;
use value::whole;

/// Reads a document. `standing_for` is where everything in it is said to stand; for a text that
/// the operator cannot edit, such as a preset, that is the place that asked for it.
///
/// A document that is not TOML is not read at all: what it seems to say after the first mistake
/// is a guess, and problems found in a guess are no help.
pub(crate) fn document<T>(
    file: &str,
    text: &str,
    standing_for: Option<&Place>,
    read: impl FnOnce(&mut Table<'_>) -> T,
) -> Result<(T, Vec<Problem>), Problems> {
    let line_starts = text.match_indices('\n').map(|(at, _)| at + 1);
    let document = Document {
        file: file.into(),
        lines: std::iter::once(0).chain(line_starts).collect(),
        text,
        standing_for,
        problems: RefCell::default(),
    };
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let place = document.place(error.span().unwrap_or(0..0));
        let message = error.message().replace('\n', "; ");
        document.report(place, format!("not TOML: {message}"));
    }
    if let Some(problems) = Problems::of(document.problems.take()) {
        return Err(problems);
    }
    let start = document.place(0..0);
    let said = Table::read(&document, String::new(), start, root.get_ref(), read);
    Ok((said, document.problems.take()))
}

/// The text being read, and what was found wrong with it so far.
struct Document<'d> {
    file: Arc<str>,
    text: &'d str,
    /// The byte at which each line begins.
    lines: Vec<usize>,
    standing_for: Option<&'d Place>,
    problems: RefCell<Vec<Problem>>,
}

impl Document<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        if let Some(place) = self.standing_for {
            return place.clone();
        }
        let line = self.lines.partition_point(|start| *start <= span.start).max(1);
        let begin = self.lines[line - 1];
        let column = self.text.get(begin..span.start).map_or(0, |before| before.chars().count());
        Place { file: self.file.clone(), line, column: column + 1 }
    }

    fn report(&self, place: Place, text: impl Into<String>) {
        self.problems.borrow_mut().push(Problem { place, text: text.into() });
    }
}

/// One table, while it is being read.
pub(crate) struct Table<'t> {
    document: &'t Document<'t>,
    /// "providers.house", or nothing for the document itself.
    path: String,
    place: Place,
    entries: &'t DeTable<'t>,
    known: Vec<&'static str>,
}

impl<'t> Table<'t> {
    fn read<T>(
        document: &'t Document<'t>,
        path: String,
        place: Place,
        entries: &'t DeTable<'t>,
        read: impl FnOnce(&mut Table<'t>) -> T,
    ) -> T {
        let mut table = Table { document, path, place, entries, known: Vec::new() };
        let said = read(&mut table);
        table.report_unknown();
        said
    }

    fn report_unknown(&self) {
        for key in self.entries.keys() {
            let name: &str = key.get_ref();
            if self.known.contains(&name) {
                continue;
            }
            let whereabouts = match self.path.as_str() {
                "" => String::new(),
                path => format!(" in [{path}]"),
            };
            let hint = hint(name, "known keys", &self.known);
            self.document.report(
                self.document.place(key.span()),
                format!("unknown key `{name}`{whereabouts}{hint}"),
            );
        }
    }

    /// Something is wrong with the table as a whole.
    pub(crate) fn problem(&self, text: &str) {
        self.document.report(self.place.clone(), format!("{}{text}", self.label()));
    }

    /// Whether the key was said at all, however badly.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Whether the key was said, however badly, or another that looks like it. To be asked last.
    /// What was attempted and came to nothing was reported already; it is not missing.
    pub(crate) fn attempted(&self, key: &str) -> bool {
        let unknown =
            self.entries.keys().map(|key| &**key.get_ref()).filter(|key| !self.known.contains(key));
        self.has(key)
            || unknown
                .map(|said| nearest(said, self.known.iter().copied()))
                .any(|meant| meant == Some(key))
    }

    /// Whether there are keys that nobody has asked for yet. To be asked last: what seems to be
    /// missing is then likely there, misspelt.
    pub(crate) fn has_unknown(&self) -> bool {
        self.entries.keys().any(|key| !self.known.contains(&&**key.get_ref()))
    }

    /// How many problems the document has so far; whether a table read well shows in this.
    pub(crate) fn problems_so_far(&self) -> usize {
        self.document.problems.borrow().len()
    }

    fn label(&self) -> String {
        if self.path.is_empty() { String::new() } else { format!("[{}] ", self.path) }
    }

    fn child(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn entry(
        &self,
        key: &Spanned<std::borrow::Cow<'t, str>>,
        value: &'t Spanned<DeValue<'t>>,
    ) -> Value<'t> {
        let name: &str = key.get_ref();
        // A table is pointed at by its name; other values by themselves.
        let span = if value.get_ref().is_table() { key.span() } else { value.span() };
        Value {
            document: self.document,
            name: format!("{}`{name}`", self.label()),
            path: self.child(name),
            place: self.document.place(span),
            value: value.get_ref(),
        }
    }

    /// The value of a key, whatever its type.
    pub(crate) fn value(&mut self, key: &'static str) -> Option<Value<'t>> {
        self.known.push(key);
        let (name, value) = self.entries.get_key_value(key)?;
        Some(self.entry(name, value))
    }

    /// A key that a later version will know. To ignore it would be unsafe.
    pub(crate) fn unsupported(&mut self, key: &'static str, instead: &str) {
        // It is no use to offer it as the nearest known key, so it joins them only if it is there.
        if let Some((name, _)) = self.entries.get_key_value(key) {
            self.known.push(key);
            let text =
                format!("{}`{key}` is not yet supported by this version; {instead}", self.label());
            self.document.report(self.document.place(name.span()), text);
        }
    }

    pub(crate) fn string(&mut self, key: &'static str) -> Option<At<String>> {
        self.value(key)?.string("a string")
    }

    pub(crate) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        value.value.as_bool().or_else(|| value.wrong("true or false"))
    }

    /// The same, with its place.
    pub(crate) fn flag(&mut self, key: &'static str) -> Option<At<bool>> {
        let said = self.entries.get_key_value(key);
        let place = said.map(|(name, _)| self.document.place(name.span()));
        Some(At::new(self.boolean(key)?, place?))
    }

    /// A whole number from `least` on.
    pub(crate) fn count<T: TryFrom<u64>>(&mut self, key: &'static str, least: u64) -> Option<T> {
        self.value(key)?.count(least)
    }

    /// An amount of US dollars, for what is expected: a number from 0 on.
    pub(crate) fn dollars(&mut self, key: &'static str, expected: &str) -> Option<f64> {
        let value = self.value(key)?;
        let amount = match value.value {
            DeValue::Float(float) => float.as_str().parse().ok(),
            DeValue::Integer(integer) => whole(integer).map(|integer| integer as f64),
            _ => return value.wrong(expected),
        };
        match amount {
            Some(amount) if f64::is_finite(amount) && amount >= 0.0 => Some(amount),
            _ => value.unfit("is not an amount of money", expected),
        }
    }

    /// A share: a number from 0 to 1.
    pub(crate) fn fraction(&mut self, key: &'static str) -> Option<f64> {
        const EXPECTED: &str = "a share from 0.0 to 1.0";
        let value = self.value(key)?;
        let share = match value.value {
            DeValue::Float(float) => float.as_str().parse().ok(),
            DeValue::Integer(integer) => whole(integer).map(|integer| integer as f64),
            _ => return value.wrong(EXPECTED),
        };
        match share {
            Some(share) if (0.0..=1.0).contains(&share) => Some(share),
            _ => value.unfit("is no share", EXPECTED),
        }
    }

    pub(crate) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.value(key)?.parsed(units::DURATION, units::duration)
    }

    /// A size: a string with a unit, or a number of bytes.
    pub(crate) fn size(&mut self, key: &'static str) -> Option<usize> {
        let value = self.value(key)?;
        match value.value {
            DeValue::Integer(integer) => {
                let bytes = whole(integer).and_then(|bytes| u64::try_from(bytes).ok());
                match bytes.ok_or_else(|| "is below 0".to_owned()).and_then(units::at_least_a_byte)
                {
                    Ok(size) => Some(size),
                    Err(why) => value.unfit(&why, units::SIZE),
                }
            }
            _ => value.parsed(units::SIZE, units::size),
        }
    }

    /// A string that means something.
    pub(crate) fn parsed<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<At<T>> {
        let value = self.value(key)?;
        let place = value.place.clone();
        value.parsed(expected, parse).map(|parsed| At::new(parsed, place))
    }

    pub(crate) fn strings(&mut self, key: &'static str) -> Option<At<Vec<At<String>>>> {
        self.list(key, "a list of strings", |value| value.string("a string"))
    }

    /// A list, each item read by `read`; items that cannot be read are reported and left out.
    pub(crate) fn list<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl Fn(Value<'t>) -> Option<T>,
    ) -> Option<At<Vec<T>>> {
        self.value(key)?.list(expected, read)
    }

    /// A table with known keys.
    pub(crate) fn table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Table<'t>) -> T,
    ) -> Option<T> {
        self.value(key)?.table("a table", read)
    }

    /// A table whose keys are names that the operator chose, in the order of the file.
    pub(crate) fn named<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(Value<'t>) -> Option<T>,
    ) -> Vec<(At<String>, T)> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let DeValue::Table(entries) = value.value else {
            value.wrong::<()>("a table");
            return Vec::new();
        };
        let table = Table {
            document: value.document,
            path: value.path,
            place: value.place,
            entries,
            known: Vec::new(),
        };
        // The parser sorts by name; routes and candidates go by the order of the file.
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let read =
            |(key, value): (&'t Spanned<std::borrow::Cow<'t, str>>, &'t Spanned<DeValue<'t>>)| {
                let name = At::new(key.get_ref().to_string(), self.document.place(key.span()));
                Some((name, read(table.entry(key, value))?))
            };
        entries.into_iter().filter_map(read).collect()
    }

    /// A table that belongs to somebody else, such as the settings of a plugin.
    pub(crate) fn json(
        &mut self,
        key: &'static str,
    ) -> Option<serde_json::Map<String, serde_json::Value>> {
        let value = self.value(key)?;
        match value.value {
            DeValue::Table(entries) => Some(value.json_object(entries)),
            _ => value.wrong("a table"),
        }
    }
}
