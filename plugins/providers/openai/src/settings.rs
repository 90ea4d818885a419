//! What an operator may set; `plugin.toml` describes it to them.

use crate::quirks::Quirk;
use serde::Deserialize;

/// The settings, all of them optional.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Hand the answer on as it is.
    pub passthrough: bool,
    /// Ask for usage at the end of a stream.
    pub stream_usage: bool,
    /// The encoding of vectors to ask for.
    pub embeddings_encoding: Encoding,
    /// The one name of the limit that the upstream takes, whatever the model.
    pub max_tokens_field: Option<MaxTokensField>,
    /// The upstream has `/responses`.
    pub responses: bool,
    /// What differs from model to model; without it, what does at OpenAI.
    pub quirks: Option<Vec<Quirk>>,
    /// On behalf of this organization.
    pub organization: Option<String>,
    /// On behalf of this project.
    pub project: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            passthrough: true,
            stream_usage: true,
            embeddings_encoding: Encoding::Pass,
            max_tokens_field: None,
            responses: false,
            quirks: None,
            organization: None,
            project: None,
        }
    }
}

/// Which encoding of vectors the upstream is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// The sender's.
    Pass,
    /// Numbers.
    Float,
}

/// A name of the limit of the answer's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensField {
    /// The newer name, which OpenAI's reasoning models insist on.
    MaxCompletionTokens,
    /// The older name, which is all that many servers know.
    MaxTokens,
}
