//! What a key may be used for. The ledger keeps it and knows nothing of what the names mean.

use serde::{Deserialize, Serialize};

/// What a key may be used for, as far as its tenant and the gateway let it. Of a list, `None` is
/// everything and an empty one nothing; what is in it, a name or a pattern, is the gateway's to
/// understand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scopes {
    /// By which kinds of names it may ask.
    pub may_name: Option<Vec<String>>,
    /// The routes that it may ask.
    pub routes: Option<Vec<String>>,
    /// The models that it may ask for, by whatever name.
    pub models: Option<Vec<String>>,
    /// What it may have done.
    pub operations: Option<Vec<String>>,
    /// The labels that it may set.
    pub labels: Option<Vec<String>>,
    /// Whether all that it asks for stays on the operator's machines.
    pub private: bool,
    /// Whether it may put files in its tenant's own places.
    #[serde(skip_serializing_if = "is_not")]
    pub uploads: bool,
}

/// What an earlier version does not know is said only where it matters.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn is_not(flag: &bool) -> bool {
    !flag
}

impl Scopes {
    /// As the store has it.
    pub(crate) fn stored(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// From the store. What cannot be read was written by a newer version, and may be a
    /// restriction that this one would not keep: such a key may nothing.
    pub(crate) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|_| Self::nothing())
    }

    fn nothing() -> Self {
        let none = || Some(Vec::new());
        Self {
            may_name: none(),
            routes: none(),
            models: none(),
            operations: none(),
            labels: none(),
            private: true,
            uploads: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Scopes;

    #[test]
    fn what_a_newer_version_restricts_is_not_allowed_by_this_one() {
        let some = Scopes { models: Some(vec!["m".to_owned()]), ..Scopes::default() };
        assert_eq!(Scopes::read(&some.stored()), some);
        assert_eq!(Scopes::read("{}"), Scopes::default());
        for text in ["", "{\"regions\": [\"eu\"]}", "{\"models\": 1}"] {
            assert_eq!(Scopes::read(text), Scopes::nothing(), "{text}");
        }
    }
}
