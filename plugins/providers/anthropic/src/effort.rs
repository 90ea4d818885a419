//! How much the model may think and say, and how freely it draws.
//!
//! Newer models decide for themselves how much to think, take a word for how hard to work, and
//! draw as they please. Older ones take a budget of tokens, and refuse the word; they can be
//! told how to draw while they do not think. Each refuses the other's way.

use crate::draft::Draft;
use crate::settings::{Settings, lists};
use portcullis_sdk::provider::Failure;
use serde_json::{Value, json};

/// Writes limits and draw, and gives the word for the effort. `without_budget`: the rest of the
/// request rules a budget out.
pub(crate) fn write(
    draft: &mut Draft<'_>,
    settings: &Settings,
    model: &str,
    without_budget: bool,
) -> Result<Option<String>, Failure> {
    let older = draft.take("max_tokens")?;
    let given: Option<u32> = draft.take("max_completion_tokens")?.or(older);
    let mut most = given.unwrap_or(settings.max_tokens);
    let word: Option<String> = draft.take("reasoning_effort")?;
    // The vendor documents its own form for senders of this dialect as well.
    let own: Option<Value> = draft.take("thinking")?;
    let (thinking, effort) = match word {
        None => (own, None),
        Some(word) if lists(&settings.budget_models, model) => {
            let tokens = budget(&word, given).filter(|_| !without_budget && own.is_none());
            draft.leave_out("reasoning_effort", tokens.is_none() && word != "none");
            // Where the limit is our own, room is made.
            most += tokens.filter(|_| given.is_none()).unwrap_or(0);
            let budget = |tokens| json!({ "type": "enabled", "budget_tokens": tokens });
            (own.or(tokens.map(budget).map(shown)), None)
        }
        // No word keeps all newer models from thinking: little is as near as it gets.
        Some(word) if word == "none" => {
            draft.leave_out("reasoning_effort", true);
            (own, Some("low".to_owned()))
        }
        Some(word) => {
            let effort = if word == "minimal" { "low".to_owned() } else { word };
            (own.or_else(|| Some(shown(json!({ "type": "adaptive" })))), Some(effort))
        }
    };
    draw(draft, thinking.is_none() && lists(&settings.sampling_models, model))?;
    draft.set("max_tokens", Some(most.into()));
    draft.set("thinking", thinking);
    Ok(effort)
}

/// With what is thought in words, which newer models leave out unless they are asked.
fn shown(mut thinking: Value) -> Value {
    thinking["display"] = "summarized".into();
    thinking
}

/// The budget for a word, which has to leave something of the limit that was given.
fn budget(word: &str, given: Option<u32>) -> Option<u32> {
    /// The smallest that the vendor takes.
    const LEAST: u32 = 1024;
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
fn draw(draft: &mut Draft<'_>, free: bool) -> Result<(), Failure> {
    let mut first = true;
    for name in ["temperature", "top_p", "top_k"] {
        let Some(value) = draft.take::<Value>(name)? else { continue };
        let hot = name == "temperature" && value.as_f64() > Some(1.0);
        let taken = free && (first || name == "top_k");
        draft.leave_out(name, hot || !taken && value.as_f64() != Some(1.0));
        if taken {
            draft.set(name, Some(if hot { json!(1) } else { value }));
        }
        first = false;
    }
    Ok(())
}
