//! One value of a table: what it is called, where it stands, and whether it is what was expected.

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::{Document, Table};
use crate::config::problem::{At, Place};

/// One value, and what to call it.
pub(crate) struct Value<'t> {
    pub(super) document: &'t Document<'t>,
    /// "[server] `listen`".
    pub(super) name: String,
    /// "server.listen", for the tables below it.
    pub(super) path: String,
    pub(crate) place: Place,
    pub(super) value: &'t DeValue<'t>,
}

impl<'t> Value<'t> {
    /// The value is of another type than what was expected.
    pub(crate) fn wrong<T>(&self, expected: &str) -> Option<T> {
        let kind = match self.value {
            DeValue::Array(_) => "a list",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Float(_) => "a fraction",
            DeValue::Integer(_) => "a number",
            DeValue::String(_) => "a string",
            DeValue::Table(_) => "a table",
        };
        self.unfit(&format!("is {kind}"), expected)
    }

    /// The value is wrong in some other way.
    pub(crate) fn unfit<T>(&self, why: &str, expected: &str) -> Option<T> {
        self.problem(&format!("{why}; expected {expected}"));
        None
    }

    /// Something is wrong with the value; its name goes before `text`.
    pub(crate) fn problem(&self, text: &str) {
        self.document.report(self.place.clone(), format!("{} {text}", self.name));
    }

    pub(crate) fn as_str(&self) -> Option<&'t str> {
        self.value.as_str()
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        self.value.as_bool()
    }

    pub(crate) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// A string that is not empty.
    pub(crate) fn string(self, expected: &str) -> Option<At<String>> {
        match self.value.as_str() {
            None => self.wrong(expected),
            Some("") => self.unfit("is empty", expected),
            Some(text) => Some(At::new(text.to_owned(), self.place)),
        }
    }

    pub(super) fn count<T: TryFrom<u64>>(&self, least: u64) -> Option<T> {
        let expected = format!("a whole number from {least} on");
        let DeValue::Integer(integer) = self.value else {
            return self.wrong(&expected);
        };
        let number = whole(integer).and_then(|number| u64::try_from(number).ok());
        match number.filter(|number| *number >= least).and_then(|number| T::try_from(number).ok()) {
            Some(number) => Some(number),
            None => self.unfit(&format!("is {}", integer.as_str()), &expected),
        }
    }

    pub(crate) fn parsed<T>(
        &self,
        expected: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Some(text) = self.value.as_str() else {
            return self.wrong(expected);
        };
        match parse(text) {
            Ok(parsed) => Some(parsed),
            Err(why) => self.unfit(&format!("= \"{text}\" {why}"), expected),
        }
    }

    /// A table with known keys.
    pub(crate) fn table<T>(
        &self,
        expected: &str,
        read: impl FnOnce(&mut Table<'t>) -> T,
    ) -> Option<T> {
        match self.value {
            DeValue::Table(entries) => {
                let (path, place) = (self.path.clone(), self.place.clone());
                Some(Table::read(self.document, path, place, entries, read))
            }
            _ => self.wrong(expected),
        }
    }

    /// A list, each item read by `read`; items that cannot be read are reported and left out.
    pub(crate) fn list<T>(
        &self,
        expected: &str,
        read: impl Fn(Value<'t>) -> Option<T>,
    ) -> Option<At<Vec<T>>> {
        let DeValue::Array(items) = self.value else {
            return self.wrong(expected);
        };
        let item = |(index, item): (usize, &'t Spanned<DeValue<'t>>)| Value {
            document: self.document,
            name: format!("{}[{index}]", self.name),
            path: format!("{}[{index}]", self.path),
            place: self.document.place(item.span()),
            value: item.get_ref(),
        };
        let items = items.iter().enumerate().map(item).filter_map(read).collect();
        Some(At::new(items, self.place.clone()))
    }

    pub(super) fn json_object(
        &self,
        entries: &DeTable<'_>,
    ) -> serde_json::Map<String, serde_json::Value> {
        let entry = |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
            (key.get_ref().to_string(), self.json(value))
        };
        entries.iter().map(entry).collect()
    }

    pub(super) fn json(&self, value: &Spanned<DeValue<'_>>) -> serde_json::Value {
        let number = match value.get_ref() {
            DeValue::String(text) => return serde_json::Value::from(text.as_ref()),
            DeValue::Boolean(yes) => return serde_json::Value::from(*yes),
            DeValue::Datetime(date) => return serde_json::Value::from(date.to_string()),
            DeValue::Array(items) => return items.iter().map(|item| self.json(item)).collect(),
            DeValue::Table(entries) => return self.json_object(entries).into(),
            DeValue::Integer(integer) => whole(integer).map(serde_json::Value::from),
            DeValue::Float(float) => float
                .as_str()
                .parse()
                .ok()
                .and_then(serde_json::Number::from_f64)
                .map(serde_json::Value::Number),
        };
        number.unwrap_or_else(|| {
            let text = format!("{} holds a number that JSON has no form for", self.name);
            self.document.report(self.document.place(value.span()), text);
            serde_json::Value::Null
        })
    }
}

pub(super) fn whole(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}
