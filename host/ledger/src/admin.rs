//! Why an administrative act was not done.

use crate::store::{AsConflict, StoreError};

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// There is no tenant of this id.
    #[error("there is no tenant \"{0}\"")]
    UnknownTenant(String),
    /// There is one already.
    #[error("there is a tenant \"{0}\" already")]
    TenantExists(String),
    /// It would be within itself.
    #[error("tenant \"{0}\" would be within itself")]
    Cycle(String),
    /// There is no key of this id.
    #[error("there is no key \"{0}\"")]
    UnknownKey(String),
    /// The tenant has a key of this name that is neither revoked nor replaced.
    #[error("there is a key \"{0}\" already; rotate it, or revoke it first")]
    KeyExists(String),
    /// It is revoked, replaced or over its time, and cannot become anything else.
    #[error("key \"{0}\" is revoked, replaced or over its time")]
    KeyEnded(String),
    /// There is no file in this place, or it is another tenant's.
    #[error("there is nothing in the place of \"{0}\"")]
    NoUpload(String),
    /// It is no name, or no id.
    #[error("{0:?} is no name: {1}")]
    Name(String, &'static str),
    /// The store did not do it.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl AsConflict for AdminError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(why) if why.is_conflict())
    }
}

/// What people call something: any text of a line.
pub(crate) fn name(text: &str) -> Result<&str, AdminError> {
    let fits = !text.trim().is_empty() && text.len() <= 200 && !text.chars().any(char::is_control);
    let why = "expected up to 200 bytes without control characters";
    if fits { Ok(text) } else { Err(AdminError::Name(text.to_owned(), why)) }
}

/// What an operator calls something for programs: it is part of headers, paths and namespaces.
pub(crate) fn id(text: &str) -> Result<&str, AdminError> {
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let why = "expected up to 64 letters, digits, \"-\", \"_\" and \".\"";
    if fits { Ok(text) } else { Err(AdminError::Name(text.to_owned(), why)) }
}
