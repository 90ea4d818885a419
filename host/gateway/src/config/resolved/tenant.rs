//! Whose requests are served, and what they may ask for and say.

use crate::request::Operation;
use portcullis_sandbox::Digest;
use std::sync::Arc;
use std::time::SystemTime;

/// What clients may ask for and say: in `[clients]` all of them; less than that a tenant's, and
/// less again those who show one of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// By which kinds of names they may ask; never empty.
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
    /// By which its clients show that they are its own.
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
