//! What the operator may set; `plugin.toml` describes it.

use serde::Deserialize;

/// The settings.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// For senders that give none.
    pub(crate) instructions: Option<String>,
    /// Instructions go before the conversation.
    pub(crate) instructions_on_stdin: bool,
}
