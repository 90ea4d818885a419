//! What an operator may set; `plugin.toml` describes it to them.

use serde::Deserialize;
use serde_json::value::RawValue;

/// The settings, all of them optional.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How a chat request is asked.
    pub api: Api,
    /// How long the model stays in memory: "10m", or seconds. Passed on as it was written.
    pub keep_alive: Option<Box<RawValue>>,
    /// The context in tokens.
    pub num_ctx: Option<u32>,
    /// Cut what does not fit the context.
    pub truncate: Option<bool>,
    /// Say only whether to reason, and not how much.
    pub think_switch: bool,
    /// Allow models that are not on the machine that is asked.
    pub cloud: bool,
}

/// One of the ways of asking.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Api {
    /// `/api/chat`: message for message.
    #[default]
    Chat,
    /// `/api/generate`: one prompt.
    Generate,
}
