//! How much the model may think and say, and how freely it draws.
//!
//! Newer models decide for themselves how much to think, take a word for how hard to work, and
//! draw as they please. Older ones take a budget of tokens, and refuse the word; they can be
//! told how to draw while they do not think. Each refuses the other's way.

use crate::settings::{Settings, lists};
use portcullis_sdk::prelude::*;

/// Writes limits and draw, and gives the word for the effort. `without_budget`: the rest of the
/// request rules a budget out.
pub(crate) fn write(
    draft: &mut Draft<'_>,
    settings: &Settings,
    model: &str,
    without_budget: bool,
) -> Result<Option<String>, Failure> {
    let older = draft.take_number("max_tokens")?;
    let given = draft.take_number("max_completion_tokens")?.or(older);
    let mut most = given.unwrap_or(settings.max_tokens.into());
    let word = draft.take_text("reasoning_effort")?;
    // The vendor documents its own form for senders of this dialect as well.
    let own = draft.take("thinking");
    let (thinking, effort) = match word {
        None => (own, None),
        Some(word) if lists(&settings.budget_models, model) => {
            let tokens = budget(&word, given).filter(|_| !without_budget && own.is_null());
            if tokens.is_none() && word != "none" {
                draft.lose("reasoning_effort");
            }
            // Where the limit is our own, room is made.
            most += tokens.filter(|_| given.is_none()).unwrap_or(0);
            let budget = |tokens| object! { "type": "enabled", "budget_tokens": tokens };
            (own.or(tokens.map(budget).map(shown)), None)
        }
        // No word keeps all newer models from thinking: little is as near as it gets.
        Some(word) if word == "none" => {
            draft.lose("reasoning_effort");
            (own, Some("low".to_owned()))
        }
        Some(word) => {
            let effort = if word == "minimal" { "low".to_owned() } else { word };
            (own.or(shown(object! { "type": "adaptive" })), Some(effort))
        }
    };
    draw(draft, thinking.is_null() && lists(&settings.sampling_models, model));
    draft.set("max_tokens", most);
    draft.set("thinking", thinking);
    Ok(effort)
}

/// With what is thought in words, which newer models leave out unless they are asked.
fn shown(thinking: Json<'_>) -> Json<'_> {
    thinking.with("display", "summarized")
}

/// The budget for a word, which has to leave something of the limit that was given.
fn budget(word: &str, given: Option<u64>) -> Option<u64> {
    /// The smallest that the vendor takes.
    const LEAST: u64 = 1024;
    let tokens = match word {
        "none" => return None,
        "minimal" | "low" => LEAST,
        "medium" => 4 * LEAST,
        _ => 16 * LEAST,
    };
    let most = given.map_or(tokens, |given| given.saturating_sub(1));
    Some(tokens.min(most)).filter(|tokens| *tokens >= LEAST)
}

/// Writes of the draw's parameters what the model takes: none of them, or one of the first two,
/// on a scale that ends at 1 and not at 2. 1 is what happens anyway.
fn draw(draft: &mut Draft<'_>, free: bool) {
    let mut first = true;
    for name in ["temperature", "top_p", "top_k"] {
        let value = draft.take(name);
        if value.is_null() {
            continue;
        }
        let hot = name == "temperature" && value.as_f64() > Some(1.0);
        let taken = free && (first || name == "top_k");
        if hot || !taken && value.as_f64() != Some(1.0) {
            draft.lose(name);
        }
        if taken {
            draft.set(name, if hot { 1_u32.into() } else { value });
        }
        first = false;
    }
}
