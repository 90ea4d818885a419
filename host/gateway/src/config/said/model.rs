//! One model, in a preset, in the operator's list, or in a file of models: what it can do, how
//! much it takes, and what it costs.

use jiff::civil::Date;

use super::words;
use crate::config::problem::At;
use crate::config::read::{Table, Value};
use crate::config::resolved::{Prices, Rates, Tier};

/// One model of a provider.
#[derive(Clone, Default)]
pub(crate) struct Model {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) context_tokens: Option<u32>,
    pub(crate) max_output_tokens: Option<u32>,
    pub(crate) prices: Prices,
    pub(crate) operations: Option<Vec<String>>,
    pub(crate) features: Option<Vec<String>>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) concurrency: Option<usize>,
}

impl Model {
    /// The key `models` of a provider, with what `prices` says of where their prices are from.
    pub(crate) fn read_all(table: &mut Table<'_>) -> Option<Vec<At<Self>>> {
        let origin = table.table("prices", origin).unwrap_or_default();
        let mut models = table.list("models", "a list of models", Model::read)?.value;
        for model in models.iter_mut().filter(|model| model.value.prices.is_said()) {
            let prices = &mut model.value.prices;
            let (source, as_of) = origin.clone();
            prices.source = prices.source.take().or(source);
            prices.as_of = prices.as_of.take().or(as_of);
        }
        Some(models)
    }

    pub(crate) fn read(value: Value<'_>) -> Option<At<Self>> {
        const EXPECTED: &str = "a model's name, or a table such as { id = \"m1\" }";
        let place = value.place.clone();
        let model = if value.is_table() {
            value.table(EXPECTED, |table| {
                let id = table.string("id");
                if id.is_none() {
                    table.problem("has no `id`; expected the model's name");
                }
                Self {
                    id: id.map(|id| id.value).unwrap_or_default(),
                    name: table.string("name").map(|name| name.value),
                    context_tokens: table.count("context_tokens", 1),
                    max_output_tokens: table.count("max_output_tokens", 1),
                    prices: prices(table),
                    operations: words(table, "operations"),
                    features: words(table, "features"),
                    tags: words(table, "tags"),
                    concurrency: table.count("concurrency", 1),
                }
            })?
        } else {
            Self { id: value.string(EXPECTED)?.value, ..Self::default() }
        };
        (!model.id.is_empty()).then(|| At::new(model, place))
    }

    /// What is said here, and for the rest what is known.
    pub(crate) fn over(self, known: Self) -> Self {
        Self {
            id: self.id,
            name: self.name.or(known.name),
            context_tokens: self.context_tokens.or(known.context_tokens),
            max_output_tokens: self.max_output_tokens.or(known.max_output_tokens),
            prices: self.prices.over(known.prices),
            operations: self.operations.or(known.operations),
            features: self.features.or(known.features),
            tags: self.tags.or(known.tags),
            concurrency: self.concurrency.or(known.concurrency),
        }
    }
}

fn prices(table: &mut Table<'_>) -> Prices {
    let base = rates(table);
    let tiers = table.list("price_tiers", "a list of tables", tier);
    let mut tiers = tiers.map(|tiers| tiers.value).unwrap_or_default();
    tiers.sort_by_key(|tier: &Tier| tier.above_tokens);
    if tiers.windows(2).any(|two| two[0].above_tokens == two[1].above_tokens) {
        table.problem("has two `price_tiers` above the same number of tokens; keep one of them");
    }
    let audio_minute = table.dollars("audio_minute_price", "US dollars per minute, such as 0.006");
    let (source, as_of) = origin(table);
    Prices { base, tiers, audio_minute, source, as_of }
}

fn rates(table: &mut Table<'_>) -> Rates {
    let mut dollars = |key| table.dollars(key, "US dollars per million tokens, such as 0.15");
    Rates {
        input: dollars("input_price"),
        output: dollars("output_price"),
        cached_input: dollars("cached_input_price"),
        cache_write: dollars("cache_write_price"),
        cache_write_1h: dollars("cache_write_1h_price"),
    }
}

fn tier(value: Value<'_>) -> Option<Tier> {
    const EXPECTED: &str = "a table such as { above_tokens = 200_000, input_price = 2.5, \
                            output_price = 15.0 }";
    value.table(EXPECTED, |table| {
        let before = table.problems_so_far();
        let above_tokens = table.count("above_tokens", 1);
        let rates = rates(table);
        let whole = above_tokens.is_some() && rates.input.is_some() && rates.output.is_some();
        if !whole && table.problems_so_far() == before && !table.has_unknown() {
            table.problem(&format!("is not a whole tier; expected {EXPECTED}"));
        }
        whole.then_some(Tier { above_tokens: above_tokens?, rates })
    })?
}

/// Where prices are from, and of when.
fn origin(table: &mut Table<'_>) -> (Option<String>, Option<String>) {
    let date = |text: &str| match text.parse::<Date>() {
        Ok(date) => Ok(date.to_string()),
        Err(_) => Err("is not a date".to_owned()),
    };
    let source = table.string("source").map(|source| source.value);
    let as_of = table.parsed("as_of", "a date such as \"2026-11-05\"", date);
    (source, as_of.map(|as_of| as_of.value))
}

impl Prices {
    fn is_said(&self) -> bool {
        *self != Self::default()
    }

    /// A price list is one thing: who says what input or output costs says all of it, so that
    /// no discount of another list is mixed in.
    fn over(self, known: Self) -> Self {
        let charged = [self.base.input, self.base.output, self.audio_minute];
        if charged.iter().any(Option::is_some) || !self.tiers.is_empty() {
            return self;
        }
        let base = Rates {
            cached_input: self.base.cached_input.or(known.base.cached_input),
            cache_write: self.base.cache_write.or(known.base.cache_write),
            cache_write_1h: self.base.cache_write_1h.or(known.base.cache_write_1h),
            ..known.base
        };
        let (source, as_of) = (self.source.or(known.source), self.as_of.or(known.as_of));
        Self { base, source, as_of, ..known }
    }
}
