//! The second of the two keys that open a capability: the manifest asks, the operator grants.

use std::collections::BTreeSet;

/// Capabilities that a plugin has without anybody's word, if its manifest asks for them: they
/// reach nothing outside the sandbox but its own log and numbers. `wasi` is a WASI with nothing
/// in it, which guests of other languages import because their runtime does.
pub(crate) const BASE: [&str; 5] = ["log", "clock", "random", "metrics", "wasi"];

/// What an operator lets one plugin have, beside what every plugin has.
///
/// A grant is a capability's name, with an argument after a colon where it has one
/// (`inference:router-small`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(BTreeSet<String>);

impl Grants {
    /// Whether the capability is open, with or without an argument.
    pub fn allows(&self, capability: &str) -> bool {
        BASE.contains(&capability) || self.0.iter().any(|grant| name(grant) == capability)
    }

    /// Whether exactly this is granted, argument included.
    pub fn holds(&self, grant: &str) -> bool {
        self.0.contains(grant)
    }
}

impl<S: Into<String>> FromIterator<S> for Grants {
    fn from_iter<I: IntoIterator<Item = S>>(grants: I) -> Self {
        Self(grants.into_iter().map(Into::into).collect())
    }
}

/// A grant or a wish without its argument.
pub(crate) fn name(grant: &str) -> &str {
    grant.split_once(':').map_or(grant, |(name, _)| name)
}
