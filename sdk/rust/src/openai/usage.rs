//! What an answer used.

use crate::Json;
use crate::provider::Usage;

/// The `usage` of an answer; `None` where there is none. Every vendor leaves something out, and
/// some have words of their own: `prompt_cache_hit_tokens` is DeepSeek's for tokens of its cache.
pub fn usage(said: &Json<'_>) -> Option<Usage> {
    let prompt = &said["prompt_tokens_details"];
    let reasoning = said["completion_tokens_details"]["reasoning_tokens"].as_u64();
    let [input, output, total, hit] =
        ["prompt_tokens", "completion_tokens", "total_tokens", "prompt_cache_hit_tokens"]
            .map(|name| said[name].as_u64());
    // xAI counts reasoning beside the rest of the answer, and only the total shows it.
    let beside = reasoning.unwrap_or(0);
    let all = [input, output, reasoning].into_iter().flatten().fold(0, u64::saturating_add);
    let apart = if total == Some(all) { beside } else { 0 };
    said.is_object().then(|| Usage {
        input_tokens: input,
        output_tokens: output.map(|answer| answer.saturating_add(apart)),
        cached_input_tokens: prompt["cached_tokens"].as_u64().or(hit),
        cache_write_tokens: prompt["cache_write_tokens"].as_u64(),
        reasoning_tokens: reasoning,
        cost_usd: cost(&said["cost"]),
        ..Usage::default()
    })
}

/// What was charged, in US dollars: a number at OpenRouter, at Perplexity its parts and their
/// `total_cost`.
pub(super) fn cost(said: &Json<'_>) -> Option<f64> {
    said.as_f64().or_else(|| said["total_cost"].as_f64())
}

#[cfg(test)]
mod tests {
    use super::usage;
    use crate::Json;

    #[test]
    fn what_was_charged_is_read_in_each_form() {
        for (cost, expected) in [
            ("0.5", Some(0.5)),
            (r#"{"currency": "USD", "input_cost": 0.25, "total_cost": 0.5}"#, Some(0.5)),
            (r#"{"currency": "USD"}"#, None),
            ("null", None),
            (r#""free""#, None),
        ] {
            let said = format!(r#"{{"prompt_tokens": 3, "cost": {cost}}}"#);
            let usage = usage(&Json::read(&said).unwrap()).unwrap();
            assert_eq!((usage.input_tokens, usage.cost_usd), (Some(3), expected), "{cost}");
        }
        assert_eq!(usage(&Json::Null), None);
    }

    #[test]
    fn reasoning_beside_the_answer_is_part_of_it() {
        for (total, expected) in [(15, 12), (8, 5)] {
            let said = format!(
                r#"{{"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": {total},
                    "completion_tokens_details": {{"reasoning_tokens": 7}}}}"#
            );
            let usage = usage(&Json::read(&said).unwrap()).unwrap();
            assert_eq!((usage.output_tokens, usage.reasoning_tokens), (Some(expected), Some(7)));
        }
    }
}
