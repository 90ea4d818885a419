//! `[tenants.NAME]`, their keys, and what clients may ask for and say.

use std::time::SystemTime;

use portcullis_sandbox::Digest;

use super::super::problem::At;
use super::super::read::Table;
use super::super::resolved::{LimitOverrides, Naming};
use super::{limits, words};
use crate::request::Operation;

/// `[clients]`, and what is narrower than it in a tenant and in a key.
#[derive(Default)]
pub(crate) struct Scope {
    pub(crate) may_name: Option<At<Vec<Naming>>>,
    pub(crate) routes: Option<Vec<At<String>>>,
    pub(crate) models: Option<Vec<At<String>>>,
    pub(crate) operations: Option<Vec<Operation>>,
    pub(crate) labels: Option<Vec<String>>,
    pub(crate) private: Option<bool>,
    /// Of tenants and keys.
    pub(crate) uploads: Option<At<bool>>,
}

/// `[tenants.NAME]`.
pub(crate) struct Tenant {
    pub(crate) parent: Option<At<String>>,
    pub(crate) scope: Scope,
    pub(crate) keys: Vec<Key>,
    /// What sandboxes of its own plugins have at most.
    pub(crate) limits: LimitOverrides,
    /// What its own plugins may be granted.
    pub(crate) plugin_grants: Option<At<Vec<At<String>>>>,
}

/// Whose own a provider, a policy or a route is, by its key `tenant`.
#[derive(Default)]
pub(crate) enum Whose {
    /// It has no such key: everybody's.
    #[default]
    Everybodys,
    Tenants(At<String>),
    /// It has one that could not be read, which was reported.
    Unclear,
}

/// One of a tenant's keys.
pub(crate) struct Key {
    pub(crate) id: At<String>,
    pub(crate) digest: At<Digest>,
    pub(crate) expires: Option<SystemTime>,
    pub(crate) scope: Scope,
}

impl Scope {
    pub(crate) fn read(table: &mut Table<'_>) -> Self {
        const NAMES: &str = "\"routes\", \"candidates\" or \"models\"";
        const OPERATIONS: &str = "\"chat\", \"embeddings\", \"count-tokens\" or \"transcription\"";
        let before = table.problems_so_far();
        let may_name = table.list("may_name", "a list of strings", |value| {
            value.parsed(NAMES, |text| {
                Naming::of(text).ok_or_else(|| "is no kind of name".to_owned())
            })
        });
        // What could not be read leaves the list shorter than it was meant to be.
        let misread = table.problems_so_far() > before;
        if !misread && may_name.as_ref().is_some_and(|kinds| kinds.value.is_empty()) {
            table.problem(&format!("`may_name` leaves no name to ask by; expected {NAMES}"));
        }
        let operations = table.list("operations", "a list of strings", |value| {
            value.parsed(OPERATIONS, |text| {
                Operation::of(text).ok_or_else(|| "is not known".to_owned())
            })
        });
        Self {
            may_name,
            routes: table.strings("routes").map(|routes| routes.value),
            models: table.strings("models").map(|models| models.value),
            operations: operations.map(|operations| operations.value),
            labels: words(table, "labels"),
            private: table.boolean("private"),
            uploads: None,
        }
    }

    /// That of somebody: everybody's says nothing of what only few may.
    fn of_somebody(table: &mut Table<'_>) -> Self {
        Self { uploads: table.flag("uploads"), ..Self::read(table) }
    }
}

impl Tenant {
    pub(crate) fn read(table: &mut Table<'_>) -> Self {
        let keys = table.list("keys", "a list of tables", |value| {
            value.table("a table such as { id = \"ci\", digest = \"sha256:…\" }", Key::read)?
        });
        Self {
            parent: table.string("parent"),
            scope: Scope::of_somebody(table),
            keys: keys.map(|keys| keys.value).unwrap_or_default(),
            limits: table.table("limits", limits).unwrap_or_default(),
            plugin_grants: table.strings("plugin_grants"),
        }
    }
}

impl Whose {
    /// To be asked last.
    pub(crate) fn read(table: &mut Table<'_>) -> Self {
        match table.string("tenant") {
            Some(name) => Self::Tenants(name),
            None if table.attempted("tenant") => Self::Unclear,
            None => Self::Everybodys,
        }
    }
}

impl Key {
    fn read(table: &mut Table<'_>) -> Option<Self> {
        const TIME: &str = "a time such as \"2027-01-31T00:00:00Z\"";
        let (id, scope) = (table.string("id"), Scope::of_somebody(table));
        let digest = table.parsed("digest", "\"sha256:\" and 64 hexadecimal digits", |text| {
            text.parse::<Digest>().map_err(|why| why.to_string())
        });
        let expires = table.parsed("expires", TIME, |text| {
            let time = text.parse::<jiff::Timestamp>();
            time.map(SystemTime::from).map_err(|_| "is not a time".to_owned())
        });
        for (name, said) in [("id", id.is_some()), ("digest", digest.is_some())] {
            if !said && !table.attempted(name) {
                let such = "such as { id = \"ci\", digest = \"sha256:…\" }";
                table.problem(&format!("has no `{name}`; expected a key {such}"));
            }
        }
        Some(Self { id: id?, digest: digest?, expires: expires.map(|time| time.value), scope })
    }
}
