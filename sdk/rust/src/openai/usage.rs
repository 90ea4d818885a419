//! What an answer used.

use crate::json::View;
use crate::provider::Usage;

/// The `usage` of an answer; `None` where there is none. Every vendor leaves something out, and
/// some have words of their own: `prompt_cache_hit_tokens` is DeepSeek's for tokens of its cache.
pub fn usage(said: View<'_>) -> Option<Usage> {
    if !said.is_object() {
        return None;
    }
    let prompt = said.get("prompt_tokens_details");
    let reasoning = said.get("completion_tokens_details").get("reasoning_tokens").as_u64();
    let [input, output, total, hit] =
        ["prompt_tokens", "completion_tokens", "total_tokens", "prompt_cache_hit_tokens"]
            .map(|name| said.get(name).as_u64());
    // xAI counts reasoning beside the rest of the answer, and only the total shows it.
    let beside = reasoning.unwrap_or(0);
    let all = [input, output, reasoning].into_iter().flatten().fold(0, u64::saturating_add);
    let apart = if total == Some(all) { beside } else { 0 };
    Some(Usage {
        input_tokens: input,
        output_tokens: output.map(|answer| answer.saturating_add(apart)),
        cached_input_tokens: prompt.get("cached_tokens").as_u64().or(hit),
        cache_write_tokens: prompt.get("cache_write_tokens").as_u64(),
        reasoning_tokens: reasoning,
        cost_usd: cost(said.get("cost")),
        ..Usage::default()
    })
}

/// What was charged, in US dollars: a number at OpenRouter, at Perplexity its parts and their
/// `total_cost`.
pub(super) fn cost(said: View<'_>) -> Option<f64> {
    said.as_f64().or_else(|| said.get("total_cost").as_f64())
}

#[cfg(test)]
mod tests {
    use super::usage;
    use crate::json::{Tape, View};

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
            let usage = usage(Tape::default().read(&said).unwrap()).unwrap();
            assert_eq!((usage.input_tokens, usage.cost_usd), (Some(3), expected), "{cost}");
        }
        assert_eq!(usage(View::default()), None);
    }

    #[test]
    fn reasoning_beside_the_answer_is_part_of_it() {
        for (total, expected) in [(15, 12), (8, 5)] {
            let said = format!(
                r#"{{"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": {total},
                    "completion_tokens_details": {{"reasoning_tokens": 7}}}}"#
            );
            let usage = usage(Tape::default().read(&said).unwrap()).unwrap();
            assert_eq!((usage.output_tokens, usage.reasoning_tokens), (Some(expected), Some(7)));
        }
    }
}
