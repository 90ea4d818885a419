//! What an answer used.

use crate::Json;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// What was used, in tokens. Every vendor leaves something out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Of the prompt.
    pub prompt_tokens: Option<u64>,
    /// Of the answer.
    pub completion_tokens: Option<u64>,
    /// Of both.
    pub total_tokens: Option<u64>,
    /// More about the prompt.
    pub prompt_tokens_details: Option<PromptDetails>,
    /// More about the answer.
    pub completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek's word for the cached tokens of the prompt.
    pub prompt_cache_hit_tokens: Option<u64>,
    /// What was charged, in US dollars: a number at OpenRouter, at Perplexity its parts and their
    /// `total_cost`.
    #[serde(deserialize_with = "read_cost")]
    pub cost: Option<f64>,
}

/// More about the tokens of the prompt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PromptDetails {
    /// Read from the upstream's cache.
    pub cached_tokens: Option<u64>,
    /// Written to the upstream's cache.
    pub cache_write_tokens: Option<u64>,
}

/// More about the tokens of the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct CompletionDetails {
    /// Spent on reasoning.
    pub reasoning_tokens: Option<u64>,
}

#[cfg(feature = "provider")]
impl From<Usage> for crate::provider::Usage {
    fn from(usage: Usage) -> Self {
        let prompt = usage.prompt_tokens_details.unwrap_or_default();
        let completion = usage.completion_tokens_details.unwrap_or_default();
        // xAI counts reasoning beside the rest of the answer, and only the total shows it.
        let beside = completion.reasoning_tokens.unwrap_or(0);
        let all = [usage.prompt_tokens, usage.completion_tokens, Some(beside)];
        let all = all.into_iter().flatten().fold(0, u64::saturating_add);
        let apart = if usage.total_tokens == Some(all) { beside } else { 0 };
        Self {
            input_tokens: usage.prompt_tokens,
            output_tokens: usage.completion_tokens.map(|answer| answer.saturating_add(apart)),
            cached_input_tokens: prompt.cached_tokens.or(usage.prompt_cache_hit_tokens),
            cache_write_tokens: prompt.cache_write_tokens,
            reasoning_tokens: completion.reasoning_tokens,
            cost_usd: usage.cost,
            ..Self::default()
        }
    }
}

fn read_cost<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let json = <&RawValue>::deserialize(deserializer)?.get();
    Ok(cost(&Json::read(json).unwrap_or_default()))
}

/// What was charged, whichever of its forms it has.
pub(super) fn cost(said: &Json<'_>) -> Option<f64> {
    said.as_f64().or_else(|| said["total_cost"].as_f64())
}

#[cfg(test)]
mod tests {
    use super::Usage;

    #[test]
    fn what_was_charged_is_read_in_each_form() {
        for (cost, expected) in [
            ("0.5", Some(0.5)),
            (r#"{"currency": "USD", "input_cost": 0.25, "total_cost": 0.5}"#, Some(0.5)),
            (r#"{"currency": "USD"}"#, None),
            ("null", None),
            (r#""free""#, None),
        ] {
            let usage = format!(r#"{{"prompt_tokens": 3, "cost": {cost}}}"#);
            let usage: Usage = serde_json::from_str(&usage).unwrap();
            assert_eq!((usage.prompt_tokens, usage.cost), (Some(3), expected), "{cost}");
        }
    }
}
