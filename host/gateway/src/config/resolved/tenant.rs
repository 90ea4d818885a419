//! Whose requests are served, and what they may ask for and say.

use crate::request::Operation;
use portcullis_sandbox::Digest;
use std::sync::Arc;
use std::time::SystemTime;

/// What clients may ask for and say: in `[clients]` all of them; less than that a tenant's, and
/// less again those who show one of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// By which kinds of names they may ask; of a configuration never empty.
    pub may_name: Vec<Naming>,
    /// The routes that they may ask for; `None`: any.
    pub routes: Option<Vec<String>>,
    /// Patterns of "provider/model". A candidate has to match one of each list.
    pub models: Vec<Vec<String>>,
    /// What they may have done; `None`: anything.
    pub operations: Option<Vec<Operation>>,
    /// The labels that they may set; `None`: any.
    pub labels: Option<Vec<String>>,
    /// All that they ask for goes to local candidates only.
    pub private: bool,
    /// They may put other plugins in the place of their tenant's own.
    pub uploads: bool,
}

/// What a scope within another leaves of it; of a list, `None` leaves all.
#[derive(Clone, Debug, Default)]
pub struct Narrowing {
    /// See [`Scope::may_name`].
    pub may_name: Option<Vec<Naming>>,
    /// See [`Scope::routes`].
    pub routes: Option<Vec<String>>,
    /// One more list of [`Scope::models`].
    pub models: Option<Vec<String>>,
    /// See [`Scope::operations`].
    pub operations: Option<Vec<Operation>>,
    /// See [`Scope::labels`].
    pub labels: Option<Vec<String>>,
    /// See [`Scope::private`].
    pub private: bool,
    /// See [`Scope::uploads`]: who may has to be said.
    pub uploads: bool,
}

impl Scope {
    /// What is left of it. Whatever is said, it is never more.
    pub fn narrowed(&self, by: Narrowing) -> Self {
        let may_name = by.may_name.map(|kinds| both(&self.may_name, kinds));
        Self {
            may_name: may_name.unwrap_or_else(|| self.may_name.clone()),
            routes: within(self.routes.as_ref(), by.routes),
            models: self.models.iter().cloned().chain(by.models).collect(),
            operations: within(self.operations.as_ref(), by.operations),
            labels: within(self.labels.as_ref(), by.labels),
            private: self.private || by.private,
            uploads: self.uploads && by.uploads,
        }
    }
}

/// What both lists have, in the order of the second.
fn both<T: PartialEq>(around: &[T], said: Vec<T>) -> Vec<T> {
    said.into_iter().filter(|one| around.contains(one)).collect()
}

/// The same, where no list is a list of everything.
fn within<T: PartialEq + Clone>(around: Option<&Vec<T>>, said: Option<Vec<T>>) -> Option<Vec<T>> {
    match (around, said) {
        (Some(around), Some(said)) => Some(both(around, said)),
        (around, said) => said.or_else(|| around.cloned()),
    }
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            may_name: Naming::ALL.to_vec(),
            routes: None,
            models: Vec::new(),
            operations: None,
            labels: None,
            private: false,
            uploads: true,
        }
    }
}

/// A kind of name that stands for where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// A route, or "auto".
    Routes,
    /// "provider/model".
    Candidates,
    /// A model without its provider.
    Models,
}

impl Naming {
    /// All of them, in the order in which a name is looked up.
    pub const ALL: [Self; 3] = [Self::Routes, Self::Candidates, Self::Models];

    /// The one that an operator calls so.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// What an operator calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Routes => "routes",
            Self::Candidates => "candidates",
            Self::Models => "models",
        }
    }
}

/// `[tenants.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its name.
    pub name: Arc<str>,
    /// The tenant that it is a part of.
    pub parent: Option<Arc<str>>,
    /// What holds for it, all that it is part of included.
    pub scope: Scope,
    /// By which its clients show that they are its own; a ledger may have more.
    pub keys: Vec<Key>,
}

/// A key, of which only the digest is known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Names it in records; it is no secret.
    pub id: Arc<str>,
    /// Of its secret.
    pub digest: Digest,
    /// From when on it is nobody's.
    pub expires: Option<SystemTime>,
    /// What holds for it, its tenant's included.
    pub scope: Scope,
}
