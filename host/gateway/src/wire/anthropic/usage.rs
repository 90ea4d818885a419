//! The usage of a message, written and read. What was read from a cache or written to one is not
//! among its input tokens; the contract counts them all.

use crate::contract;
use serde::{Deserialize, Serialize};

/// The `usage` object of this dialect.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_read_input_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_creation_input_tokens: Option<u64>,
}

impl Usage {
    /// What the contract says, in this dialect.
    pub fn of(usage: Option<&contract::Usage>) -> Self {
        let Some(usage) = usage else {
            return Self { input_tokens: Some(0), output_tokens: Some(0), ..Self::default() };
        };
        let (read, written) = (usage.cached_input_tokens, usage.cache_write_tokens);
        let cached = read.unwrap_or(0).saturating_add(written.unwrap_or(0));
        Self {
            input_tokens: Some(usage.input_tokens.unwrap_or(0).saturating_sub(cached)),
            output_tokens: Some(usage.output_tokens.unwrap_or(0)),
            cache_read_input_tokens: read,
            cache_creation_input_tokens: written,
        }
    }

    /// What the contract says of it.
    pub fn contract(self) -> contract::Usage {
        let (read, written) = (self.cache_read_input_tokens, self.cache_creation_input_tokens);
        let cached = read.unwrap_or(0).saturating_add(written.unwrap_or(0));
        contract::Usage {
            input_tokens: self.input_tokens.map(|input| input.saturating_add(cached)),
            output_tokens: self.output_tokens,
            cached_input_tokens: read,
            cache_write_tokens: written,
            reasoning_tokens: None,
            audio_seconds: None,
            cost_usd: None,
            extra: Vec::new(),
        }
    }

    /// The same, where the end of a stream leaves out what its beginning said.
    pub fn after(mut self, before: Option<&contract::Usage>) -> contract::Usage {
        let Some(before) = before else { return self.contract() };
        self.cache_read_input_tokens = self.cache_read_input_tokens.or(before.cached_input_tokens);
        self.cache_creation_input_tokens =
            self.cache_creation_input_tokens.or(before.cache_write_tokens);
        let usage = self.contract();
        contract::Usage { input_tokens: usage.input_tokens.or(before.input_tokens), ..usage }
    }
}
