//! The usage of a response, written and read.

use crate::contract;
use crate::wire::openai::usage::dollars;
use serde::{Deserialize, Serialize};

/// The `usage` object of this dialect.
#[derive(Debug, Serialize, Deserialize)]
pub struct Usage {
    input_tokens: u64,
    #[serde(default)]
    input_tokens_details: Input,
    output_tokens: u64,
    #[serde(default)]
    output_tokens_details: Output,
    #[serde(default)]
    total_tokens: u64,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "dollars")]
    cost: Option<f64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Input {
    #[serde(default)]
    cached_tokens: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Output {
    #[serde(default)]
    reasoning_tokens: u64,
}

impl Usage {
    /// What the contract says, in this dialect.
    pub fn of(usage: &contract::Usage) -> Self {
        let (input_tokens, output_tokens) =
            (usage.input_tokens.unwrap_or(0), usage.output_tokens.unwrap_or(0));
        Self {
            input_tokens,
            input_tokens_details: Input { cached_tokens: usage.cached_input_tokens.unwrap_or(0) },
            output_tokens,
            output_tokens_details: Output { reasoning_tokens: usage.reasoning_tokens.unwrap_or(0) },
            total_tokens: input_tokens.saturating_add(output_tokens),
            cost: usage.cost_usd,
        }
    }

    /// What the contract says of it.
    pub fn contract(&self) -> contract::Usage {
        contract::Usage {
            input_tokens: Some(self.input_tokens),
            output_tokens: Some(self.output_tokens),
            cached_input_tokens: Some(self.input_tokens_details.cached_tokens),
            reasoning_tokens: Some(self.output_tokens_details.reasoning_tokens),
            cost_usd: self.cost,
            ..contract::Usage::default()
        }
    }
}
