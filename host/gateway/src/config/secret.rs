//! Secrets: where they come from, and a value that cannot be printed by mistake.
//!
//! A configuration never holds a secret, only its source. It is read once, when the
//! configuration is resolved, so that a missing key is found before a port is bound.

use std::fmt;
use std::path::PathBuf;

/// Where a secret was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A variable of the environment.
    Env(String),
    /// A file; one newline at its end does not count.
    File(PathBuf),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => f.write_str(name),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A secret. Printing it says where it came from and nothing else; only `expose` gives it away,
/// which makes every use of it easy to find.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: String,
    source: SecretSource,
}

impl Secret {
    pub(crate) fn new(text: String, source: SecretSource) -> Self {
        Self { text, source }
    }

    #[cfg(test)]
    pub(crate) fn of_test(text: &str) -> Self {
        Self::new(text.to_owned(), SecretSource::Env("TEST".to_owned()))
    }

    /// The secret itself. It goes into a request to the upstream, and nowhere else.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Where it was read from.
    pub fn source(&self) -> &SecretSource {
        &self.source
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret(from {})", self.source)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
