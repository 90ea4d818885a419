//! A whole chat answer, for who writes or keeps one. What only turns it into events reads it
//! as a [`super::Chunk`].

use super::ToolCall;
use serde::{Deserialize, Serialize};

/// The answer to `POST /chat/completions`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChatResponse {
    /// The upstream's id of it.
    pub id: String,
    /// "chat.completion".
    pub object: String,
    /// When it was made, in seconds since the Unix epoch.
    pub created: u64,
    /// The upstream's name of the model.
    pub model: String,
    /// The answers.
    pub choices: Vec<Choice>,
    /// What was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// One answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// Which of the answers asked for.
    pub index: u32,
    /// What the model said.
    pub message: ResponseMessage,
    /// Why it ended: "stop", "length", "tool_calls", "content_filter".
    pub finish_reason: Option<String>,
}

/// What the model said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResponseMessage {
    /// "assistant".
    pub role: String,
    /// Its text; `null` where it only calls tools.
    pub content: Option<String>,
    /// Words in which it declines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Its reasoning, where the upstream shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    /// The tools that it calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
}

/// What was used, in tokens. Every vendor leaves something out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Of the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<u64>,
    /// Of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_tokens: Option<u64>,
    /// Of both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_tokens: Option<u64>,
    /// More about the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_tokens_details: Option<PromptDetails>,
    /// More about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek's word for the cached tokens of the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_cache_hit_tokens: Option<u64>,
    /// OpenRouter's word for what it charged, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

/// More about the tokens of the prompt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PromptDetails {
    /// Read from the upstream's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// Written to the upstream's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
}

/// More about the tokens of the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CompletionDetails {
    /// Spent on reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
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
