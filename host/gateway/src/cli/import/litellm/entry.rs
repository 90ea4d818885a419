//! One entry of the list: which of its keys mean what here.

use super::{Model, Rates};
use serde_json::{Map, Value};

/// An entry, and what of it found no place.
pub(super) struct Read {
    pub(super) model: Model,
    pub(super) odd: Vec<String>,
    pub(super) unused: Vec<String>,
}

/// What models are for, in the list's words and in ours.
const OPERATIONS: [(&str, &str); 6] = [
    ("chat", "chat"),
    // Models of that address alone; a provider's plugin knows where to ask them.
    ("responses", "chat"),
    ("embedding", "embeddings"),
    ("audio_transcription", "transcription"),
    ("audio_speech", "speech"),
    ("rerank", "rerank"),
];

const FEATURES: [(&str, &str); 6] = [
    ("supports_function_calling", "tools"),
    ("supports_vision", "vision"),
    ("supports_audio_input", "audio"),
    ("supports_pdf_input", "files"),
    ("supports_response_schema", "json-schema"),
    ("supports_reasoning", "reasoning"),
];

/// Where a rate lies.
type Place = fn(&mut Rates) -> &mut Option<f64>;

/// The keys of a price, each with the rate that it sets.
const PRICES: [(&str, Place); 5] = [
    ("input_cost_per_token", |rates| &mut rates.input),
    ("output_cost_per_token", |rates| &mut rates.output),
    ("cache_read_input_token_cost", |rates| &mut rates.cached_input),
    ("cache_creation_input_token_cost", |rates| &mut rates.cache_write),
    ("cache_creation_input_token_cost_above_1hr", |rates| &mut rates.cache_write_1h),
];

/// The key of a price by the second of sound.
const AUDIO_SECOND: &str = "input_cost_per_second";

const MILLION: f64 = 1e6;

/// Keys by which tokens are priced in a way that rates and tiers do not say.
const OTHER_PRICES: [&str; 2] = ["tiered_pricing", "off_peak_pricing"];

/// Reads an entry.
///
/// # Errors
///
/// Why it is no model that a gateway could ask.
pub(super) fn read(id: &str, entry: &Map<String, Value>) -> Result<Read, String> {
    let mode = entry.get("mode").and_then(Value::as_str).ok_or("it has no mode")?;
    let operation = OPERATIONS.iter().find(|(theirs, _)| *theirs == mode);
    let (_, operation) = operation.ok_or_else(|| format!("its mode is {mode}"))?;
    let mut keys = Keys { entry, used: vec!["litellm_provider", "mode"], odd: Vec::new() };
    let model = Model {
        id: id.to_owned(),
        // What a prompt may have at most; some vendors count the answer apart from it.
        context_tokens: keys.tokens("max_input_tokens"),
        max_output_tokens: keys.tokens("max_output_tokens"),
        base: keys.rates(),
        tiers: keys.tiers(),
        operation,
        features: keys.features(),
        source: keys.text("source"),
    };
    let Keys { used, odd, .. } = keys;
    let tier = |key: &str| above(key).is_some();
    let unused = entry.keys().filter(|key| !used.contains(&key.as_str()) && !tier(key));
    Ok(Read { model, odd, unused: unused.cloned().collect() })
}

/// An entry, which of its keys were asked for, and what was wrong with them.
struct Keys<'e> {
    entry: &'e Map<String, Value>,
    used: Vec<&'static str>,
    odd: Vec<String>,
}

impl<'e> Keys<'e> {
    fn get(&mut self, key: &'static str) -> Option<&'e Value> {
        self.used.push(key);
        self.entry.get(key).filter(|value| !value.is_null())
    }

    fn text(&mut self, key: &'static str) -> Option<String> {
        Some(self.get(key)?.as_str()?.to_owned())
    }

    /// A number of tokens; some are written as fractions that end in `.0`.
    fn tokens(&mut self, key: &'static str) -> Option<u64> {
        let value = self.get(key)?;
        let number = value.as_f64().filter(|number| number.fract() == 0.0);
        let fits = number.filter(|number| (0.0..=f64::from(u32::MAX)).contains(number));
        if fits.is_none() {
            self.odd.push(format!("`{key}` is {value}"));
        }
        // None is how a few say that it is not known.
        fits.map(|number| number as u64).filter(|number| *number > 0)
    }

    fn features(&mut self) -> Vec<&'static str> {
        let has = |(key, _): &&(&'static str, &'static str)| {
            self.get(key).and_then(Value::as_bool).unwrap_or(false)
        };
        FEATURES.iter().filter(has).map(|(_, feature)| *feature).collect()
    }

    fn rates(&mut self) -> Rates {
        let mut rates = Rates::default();
        for key in OTHER_PRICES {
            if self.get(key).is_some() {
                self.odd.push(format!("it is priced by `{key}`, which has no place here"));
                self.used.extend(PRICES.map(|(key, _)| key));
                return rates;
            }
        }
        for (key, rate) in PRICES {
            let value = self.get(key);
            *rate(&mut rates) = value.and_then(|value| self.price(key, value, MILLION));
        }
        if rates.input.is_none() || rates.output.is_none() {
            self.unpriced(&mut rates);
        }
        rates
    }

    /// A model without one of the two prices costs what nobody knows, unless it has no output
    /// that could cost anything, or is priced by what it listens to.
    fn unpriced(&mut self, rates: &mut Rates) {
        let silent = ["embedding", "rerank"];
        let mode = self.entry.get("mode").and_then(Value::as_str).unwrap_or_default();
        if rates.input.is_some() && silent.contains(&mode) {
            rates.output = Some(0.0);
            return;
        }
        *rates = Rates::default();
        if mode == "audio_transcription"
            && let Some(second) = self.get(AUDIO_SECOND)
        {
            rates.audio_minute = self.price(AUDIO_SECOND, second, 60.0);
            return;
        }
        let other = |key: &&String| key.contains("_cost_per_") && above(key).is_none();
        match self.entry.keys().find(other) {
            Some(key) => self.odd.push(format!("it is priced by `{key}` and not by the token")),
            None => self.odd.push("it has no price".to_owned()),
        }
    }

    /// The prices above a number of tokens, which stands in the name of the key.
    fn tiers(&mut self) -> Vec<(u64, Rates)> {
        let mut tiers: Vec<(u64, Rates)> = Vec::new();
        for (name, value) in self.entry {
            let Some((key, tokens)) = above(name) else { continue };
            let Some((_, rate)) = PRICES.iter().find(|(known, _)| *known == key) else { continue };
            let index = tiers.iter().position(|(above, _)| *above == tokens);
            let index = index.unwrap_or_else(|| {
                tiers.push((tokens, Rates::default()));
                tiers.len() - 1
            });
            *rate(&mut tiers[index].1) = self.price(name, value, MILLION);
        }
        tiers.sort_by_key(|(above, _)| *above);
        let (whole, half): (Vec<_>, Vec<_>) = tiers
            .into_iter()
            .partition(|(_, rates)| rates.input.is_some() && rates.output.is_some());
        for (above, _) in half {
            self.odd.push(format!("its price above {above} tokens is not whole"));
        }
        whole
    }

    /// From US dollars for one to US dollars for so many.
    fn price(&mut self, key: &str, value: &Value, many: f64) -> Option<f64> {
        // Some are written as text.
        let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
        let price = number.filter(|number| (0.0..1.0).contains(number));
        if price.is_none() {
            self.odd.push(format!("`{key}` is {value}"));
        }
        // Nothing costs less than a millionth of a cent; what is beyond is the noise of binary
        // fractions.
        price.map(|price| (price * many * 1e8).round() / 1e8)
    }
}

/// `input_cost_per_token` and 200,000, of `input_cost_per_token_above_200k_tokens`.
fn above(key: &str) -> Option<(&str, u64)> {
    let (key, rest) = key.rsplit_once("_above_")?;
    let thousands: u64 = rest.strip_suffix("k_tokens")?.parse().ok()?;
    PRICES.iter().any(|(known, _)| *known == key).then_some((key, thousands * 1_000))
}
