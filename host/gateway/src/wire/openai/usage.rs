//! The usage of a chat, written and read.

use crate::contract;
use serde::{Deserialize, Serialize};

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
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
