//! The usage of a message, written and read. What was read from a cache or written to one is not
//! among its input tokens; the contract counts them all.

use crate::contract::{self, CACHE_WRITE_1H};
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_creation: Option<CacheCreation>,
}

/// What was written to a cache, by how long it stays there.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct CacheCreation {
    #[serde(default)]
    ephemeral_5m_input_tokens: u64,
    #[serde(default)]
    ephemeral_1h_input_tokens: u64,
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
            cache_creation: usage.count(CACHE_WRITE_1H).map(|hour| CacheCreation {
                ephemeral_5m_input_tokens: written.unwrap_or(0).saturating_sub(hour),
                ephemeral_1h_input_tokens: hour,
            }),
        }
    }

    /// What the contract says of it.
    pub fn contract(self) -> contract::Usage {
        let (read, written) = (self.cache_read_input_tokens, self.cache_creation_input_tokens);
        let cached = read.unwrap_or(0).saturating_add(written.unwrap_or(0));
        let hour = self.cache_creation.map(|written| written.ephemeral_1h_input_tokens);
        let hour = hour.filter(|tokens| *tokens > 0);
        contract::Usage {
            input_tokens: self.input_tokens.map(|input| input.saturating_add(cached)),
            output_tokens: self.output_tokens,
            cached_input_tokens: read,
            cache_write_tokens: written,
            extra: hour.map(|it| (CACHE_WRITE_1H.to_owned(), it.to_string())).into_iter().collect(),
            ..contract::Usage::default()
        }
    }

    /// The same, where the end of a stream leaves out what its beginning said.
    pub fn after(mut self, before: Option<&contract::Usage>) -> contract::Usage {
        let Some(before) = before else { return self.contract() };
        self.cache_read_input_tokens = self.cache_read_input_tokens.or(before.cached_input_tokens);
        self.cache_creation_input_tokens =
            self.cache_creation_input_tokens.or(before.cache_write_tokens);
        let mut usage = self.contract();
        if usage.extra.is_empty() {
            usage.extra.clone_from(&before.extra);
        }
        contract::Usage { input_tokens: usage.input_tokens.or(before.input_tokens), ..usage }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Usage {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_stays_in_a_cache_for_an_hour_is_told_apart() {
        let start = r#"{"input_tokens":10,"output_tokens":1,"cache_creation_input_tokens":300,
            "cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200}}"#;
        let start = read(start).contract();
        assert_eq!((start.input_tokens, start.cache_write_tokens), (Some(310), Some(300)));
        assert_eq!(start.count(CACHE_WRITE_1H), Some(200));
        // The end of a stream need not say it again.
        let end = read(r#"{"output_tokens":20}"#).after(Some(&start));
        assert_eq!((end.output_tokens, end.count(CACHE_WRITE_1H)), (Some(20), Some(200)));
        let written = serde_json::to_value(Usage::of(Some(&end))).unwrap();
        let expected = serde_json::json!({
            "ephemeral_5m_input_tokens": 100,
            "ephemeral_1h_input_tokens": 200,
        });
        assert_eq!(written["cache_creation"], expected);
    }

    #[test]
    fn who_says_nothing_of_an_hour_is_told_nothing() {
        let plain = read(r#"{"input_tokens":10,"cache_creation_input_tokens":3}"#).contract();
        assert_eq!(plain.extra, []);
        let written = serde_json::to_value(Usage::of(Some(&plain))).unwrap();
        assert!(written.get("cache_creation").is_none(), "{written}");
    }
}
