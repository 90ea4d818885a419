//! What an operator may set; `plugin.toml` describes it to them.

use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The settings, all of them optional.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Categories of harm, and from which probability on they are blocked.
    pub safety: BTreeMap<String, String>,
    /// Ask for summaries of thoughts.
    pub thoughts: bool,
    /// Parameters that are left out.
    pub drop: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { safety: BTreeMap::new(), thoughts: true, drop: Vec::new() }
    }
}

impl Settings {
    /// The API's `safetySettings`, where there are any.
    pub(crate) fn safety(&self) -> Option<Value> {
        let setting = |(category, threshold): (&String, &String)| {
            let category = format!("HARM_CATEGORY_{}", category.to_ascii_uppercase());
            json!({"category": category, "threshold": threshold.to_ascii_uppercase()})
        };
        (!self.safety.is_empty()).then(|| self.safety.iter().map(setting).collect())
    }
}
