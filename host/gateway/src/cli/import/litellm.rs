//! LiteLLM's list of models, `model_prices_and_context_window.json`: one object a model, its
//! prices by the token, and a key for each of some two hundred things that a model may have.
//!
//! What has no place in a file of models is not lost in silence: an entry that is left out is
//! named with the reason, in the file as a comment and in the report, and keys that are not taken
//! over are counted.

mod entry;
mod write;

use anyhow::{Context as _, Result, bail};
use jiff::civil::Date;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// An example of all keys, which is no model.
const SPECIMEN: &str = "sample_spec";

/// What was read.
pub(super) struct Imported {
    date: Date,
    /// By provider.
    providers: BTreeMap<String, Vec<Model>>,
    /// Entries that are not among them, and why.
    left_out: Vec<(String, String)>,
    /// What of an entry that is among them was not taken over, and why.
    odd: Vec<(String, String)>,
    /// Keys that have no place, and how many entries have them.
    unused: BTreeMap<String, usize>,
}

/// One model, as it will be written.
struct Model {
    id: String,
    context_tokens: Option<u64>,
    max_output_tokens: Option<u64>,
    base: Rates,
    /// Above so many tokens of input.
    tiers: Vec<(u64, Rates)>,
    operation: &'static str,
    features: Vec<&'static str>,
    source: Option<String>,
}

/// US dollars per million tokens, and per minute of audio.
#[derive(Clone, Copy, Default)]
struct Rates {
    input: Option<f64>,
    output: Option<f64>,
    cached_input: Option<f64>,
    cache_write: Option<f64>,
    cache_write_1h: Option<f64>,
    audio_minute: Option<f64>,
}

/// Reads a list; of these providers alone, if any are named.
///
/// # Errors
///
/// If it is no such list, or has none of a provider's models.
pub(super) fn import(json: &str, only: &[String], date: Date) -> Result<Imported> {
    let list: Map<String, Value> =
        serde_json::from_str(json).context("it is not a JSON object with a key for each model")?;
    let mut imported = Imported {
        date,
        providers: BTreeMap::new(),
        left_out: Vec::new(),
        odd: Vec::new(),
        unused: BTreeMap::new(),
    };
    let mut seen = Vec::new();
    for (name, entry) in list.iter().filter(|(name, _)| *name != SPECIMEN) {
        let provider = entry["litellm_provider"].as_str();
        seen.extend(provider);
        if only.is_empty() || provider.is_some_and(|it| only.iter().any(|only| only == it)) {
            imported.take(name, provider, entry);
        }
    }
    if let Some(unknown) = only.iter().find(|only| !seen.contains(&only.as_str())) {
        seen.sort_unstable();
        seen.dedup();
        bail!("it has no models of {unknown:?}; it has those of: {}", seen.join(", "));
    }
    if imported.providers.is_empty() && imported.left_out.is_empty() {
        bail!("it has no models");
    }
    Ok(imported)
}

impl Imported {
    fn take(&mut self, name: &str, provider: Option<&str>, entry: &Value) {
        let outcome = match (entry.as_object(), provider) {
            (None, _) => Err("it is no object".to_owned()),
            (_, None) => Err("it names no provider".to_owned()),
            (Some(entry), Some(provider)) => self.read(name, provider, entry),
        };
        if let Err(why) = outcome {
            self.left_out.push((name.to_owned(), why));
        }
    }

    fn read(
        &mut self,
        name: &str,
        provider: &str,
        entry: &Map<String, Value>,
    ) -> Result<(), String> {
        // Most names begin with the provider, which a configuration says elsewhere.
        let id = name.strip_prefix(provider).and_then(|rest| rest.strip_prefix('/'));
        let read = entry::read(id.unwrap_or(name), entry)?;
        let models = self.providers.entry(provider.to_owned()).or_default();
        if models.iter().any(|model| model.id == read.model.id) {
            return Err(format!("{provider} has another entry for {}", read.model.id));
        }
        models.push(read.model);
        self.odd.extend(read.odd.into_iter().map(|why| (name.to_owned(), why)));
        for key in read.unused {
            *self.unused.entry(key).or_default() += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
