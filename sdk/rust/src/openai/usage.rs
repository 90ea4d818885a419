//! What an answer used.

use serde::Deserialize;

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
    /// OpenRouter's word for what it charged, in US dollars.
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
