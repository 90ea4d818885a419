//! What was read, as a file of models and as a report.

use super::{Imported, Model, Rates};
use crate::cli::import::{key, quoted};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many names a line of the report gives as examples.
const EXAMPLES: usize = 4;
/// Where a price is from that says nothing of it.
const LIST: &str = "LiteLLM's model_prices_and_context_window.json";

impl Imported {
    /// A file of models, in TOML; what was left out stands at its end.
    pub(in crate::cli) fn toml(&self) -> String {
        let mut text = format!(
            "# Models of {LIST},\n# imported on {}. A provider takes what it says of its models \
             by `models_from`.\n",
            self.date
        );
        for (provider, models) in &self.providers {
            for model in models {
                let _ = write!(text, "\n[[models.{}]]\n", key(provider));
                self.model(&mut text, model);
            }
        }
        for (title, list) in [("Left out", &self.left_out), ("Taken over in part", &self.odd)] {
            if !list.is_empty() {
                let _ = write!(text, "\n# {title}:\n");
            }
            for (name, why) in list {
                let _ = writeln!(text, "# {}: {why}", name.escape_debug());
            }
        }
        text
    }

    fn model(&self, text: &mut String, model: &Model) {
        let _ = writeln!(text, "id = {}", quoted(&model.id));
        for (key, tokens) in [
            ("context_tokens", model.context_tokens),
            ("max_output_tokens", model.max_output_tokens),
        ] {
            if let Some(tokens) = tokens {
                let _ = writeln!(text, "{key} = {tokens}");
            }
        }
        for (key, price) in prices(model.base) {
            let _ = writeln!(text, "{key} = {price}");
        }
        if !model.tiers.is_empty() && model.base.input.is_some() {
            let tier = |(above, rates): &(u64, Rates)| {
                let prices = prices(*rates).map(|(key, price)| format!(", {key} = {price}"));
                format!("{{ above_tokens = {above}{} }}", prices.collect::<String>())
            };
            let tiers = model.tiers.iter().map(tier).collect::<Vec<_>>();
            let _ = writeln!(text, "price_tiers = [{}]", tiers.join(", "));
        }
        if model.base.input.or(model.base.audio_minute).is_some() {
            let source = model.source.as_deref().unwrap_or(LIST);
            let _ = writeln!(text, "source = {}\nas_of = \"{}\"", quoted(source), self.date);
        }
        let _ = writeln!(text, "operations = [{}]", quoted(model.operation));
        if !model.features.is_empty() {
            let features = model.features.iter().map(|feature| quoted(feature));
            let _ = writeln!(text, "features = [{}]", features.collect::<Vec<_>>().join(", "));
        }
    }

    /// How much was taken over, and what was not.
    pub(in crate::cli) fn report(&self) -> String {
        let models: usize = self.providers.values().map(Vec::len).sum();
        let mut text = format!("{models} models of {} providers\n", self.providers.len());
        for (title, list) in [("left out", &self.left_out), ("taken over in part", &self.odd)] {
            let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for (name, why) in list {
                reasons.entry(why).or_default().push(name);
            }
            let mut reasons: Vec<_> = reasons.into_iter().collect();
            reasons.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
            for (why, names) in reasons {
                let more = if names.len() > EXAMPLES { ", …" } else { "" };
                let examples = names[..names.len().min(EXAMPLES)].join(", ");
                let _ = writeln!(text, "{title}: {} ({why}): {examples}{more}", names.len());
            }
        }
        if !self.unused.is_empty() {
            let mut unused: Vec<_> = self.unused.iter().collect();
            unused.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            let unused = unused.iter().map(|(key, count)| format!("{key} ({count})"));
            let unused = unused.collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "keys that have no place here: {unused}");
        }
        text
    }
}

fn prices(rates: Rates) -> impl Iterator<Item = (&'static str, String)> {
    let prices = [
        ("input_price", rates.input),
        ("output_price", rates.output),
        ("cached_input_price", rates.cached_input),
        ("cache_write_price", rates.cache_write),
        ("cache_write_1h_price", rates.cache_write_1h),
        ("audio_minute_price", rates.audio_minute),
    ];
    prices.into_iter().filter_map(|(key, price)| Some((key, price?.to_string())))
}
