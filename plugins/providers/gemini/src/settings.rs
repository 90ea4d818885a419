//! What an operator may set; `plugin.toml` describes it to them.

use portcullis_sdk::{Json, object};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The settings, all of them optional.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Categories of harm, and from which probability on they are blocked.
    pub safety: BTreeMap<String, String>,
    /// Ask for summaries of thoughts; unless it is said, so it is.
    pub thoughts: Option<bool>,
    /// Parameters that are left out.
    pub drop: Vec<String>,
}

impl Settings {
    /// The API's `safetySettings`.
    pub(crate) fn safety(&self) -> Json<'_> {
        let setting = |(category, threshold): (&String, &String)| {
            let category = format!("HARM_CATEGORY_{}", category.to_ascii_uppercase());
            object! { "category": category, "threshold": threshold.to_ascii_uppercase() }
        };
        self.safety.iter().map(setting).collect()
    }
}
