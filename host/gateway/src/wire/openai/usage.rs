//! The usage of a chat, written and read.

use crate::contract;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

/// The `usage` object of this dialect.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    total_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prompt_tokens_details: Option<Details>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    completion_tokens_details: Option<Details>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "dollars")]
    cost: Option<f64>,
    /// An upstream's own name of what it read from its cache.
    #[serde(default, skip_serializing)]
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Details {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cached_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_write_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reasoning_tokens: Option<u64>,
}

/// Reads what an upstream says that it charged: a number at most of them, an object with a
/// `total_cost` at others. What is neither says nothing, and takes nothing else with it.
pub fn dollars<'de, D: Deserializer<'de>>(said: D) -> Result<Option<f64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Cost {
        Dollars(f64),
        Parts { total_cost: f64 },
        Other(IgnoredAny),
    }
    Ok(match Cost::deserialize(said)? {
        Cost::Dollars(dollars) | Cost::Parts { total_cost: dollars } => Some(dollars),
        Cost::Other(_) => None,
    })
}

impl Usage {
    /// What the contract says, in this dialect.
    pub fn of(usage: &contract::Usage) -> Self {
        let input = usage.input_tokens.unwrap_or(0);
        let output = usage.output_tokens.unwrap_or(0);
        let (cached, written) = (usage.cached_input_tokens, usage.cache_write_tokens);
        let prompt = cached.or(written).map(|_| Details {
            cached_tokens: cached,
            cache_write_tokens: written,
            reasoning_tokens: None,
        });
        let reasoning = usage.reasoning_tokens;
        let completion =
            reasoning.map(|_| Details { reasoning_tokens: reasoning, ..Details::default() });
        Self {
            prompt_tokens: Some(input),
            completion_tokens: Some(output),
            total_tokens: Some(input.saturating_add(output)),
            prompt_tokens_details: prompt,
            completion_tokens_details: completion,
            cost: usage.cost_usd,
            prompt_cache_hit_tokens: None,
        }
    }

    /// Reads such an object.
    pub fn read(json: &str) -> Option<contract::Usage> {
        let said: Self = serde_json::from_str(json).ok()?;
        let prompt = said.prompt_tokens_details.unwrap_or_default();
        let reasoning_tokens = said.completion_tokens_details.and_then(|d| d.reasoning_tokens);
        // Some upstreams count reasoning beside the rest of the answer, and only the total shows it.
        let beside = reasoning_tokens.unwrap_or(0);
        let all = [said.prompt_tokens, said.completion_tokens, Some(beside)];
        let all = all.into_iter().flatten().fold(0, u64::saturating_add);
        let apart = if said.total_tokens == Some(all) { beside } else { 0 };
        Some(contract::Usage {
            input_tokens: said.prompt_tokens,
            output_tokens: said.completion_tokens.map(|answer| answer.saturating_add(apart)),
            cached_input_tokens: prompt.cached_tokens.or(said.prompt_cache_hit_tokens),
            cache_write_tokens: prompt.cache_write_tokens,
            reasoning_tokens,
            cost_usd: said.cost,
            ..contract::Usage::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Usage;

    #[test]
    fn what_an_upstream_charged_is_read_in_either_form() {
        for (cost, expected) in [
            ("0.25", Some(0.25)),
            (r#"{"input_tokens_cost": 0.05, "total_cost": 0.25}"#, Some(0.25)),
            ("null", None),
            (r#""a quarter""#, None),
            ("{}", None),
        ] {
            let usage = format!(r#"{{"prompt_tokens": 7, "cost": {cost}}}"#);
            let usage = Usage::read(&usage).unwrap();
            assert_eq!((usage.cost_usd, usage.input_tokens), (expected, Some(7)), "{cost}");
        }
    }
}
