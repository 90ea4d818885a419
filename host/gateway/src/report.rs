//! What was spent, for people: sums of the ledger's entries, and what follows from them and from
//! the prices of the configuration.
//!
//! A report computes nothing that the ledger could add up itself, and its figures are those of
//! [`portcullis_ledger::Usage`]: tokens as they were counted, money in billionths of a US dollar.

pub mod asked;
pub mod baseline;
pub mod form;
pub mod projection;
mod shown;

pub use asked::{Asked, Entries};
pub use shown::{entries_as_json, entries_as_table};

use crate::config::{Candidate, Config, Prices};
use baseline::Baseline;
use jiff::Timestamp;
use portcullis_ledger::{Column, Field, Ledger, Question, Sums, UsageError};
use projection::Projection;

/// What somebody asked for.
pub struct Report {
    asked: Asked,
    rows: Vec<Sums>,
    total: Sums,
    free: Free,
    baseline: Option<Baseline>,
    projection: Option<Projection>,
}

/// Tokens that cost nothing: of candidates that are local, or whose prices are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Free {
    /// Those.
    pub tokens: i64,
    /// All of them.
    pub of_tokens: i64,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// What is asked for cannot be meant.
    #[error("{0}")]
    Asked(String),
    /// The ledger has no answer.
    #[error(transparent)]
    Ledger(#[from] UsageError),
}

impl Report {
    /// Asks the ledger.
    ///
    /// # Errors
    ///
    /// If it has no answer, or nobody is called as the baseline is.
    pub async fn of(
        ledger: &Ledger,
        config: &Config,
        asked: Asked,
        now: Timestamp,
    ) -> Result<Self, ReportError> {
        let rows = ledger.usage(&asked.question).await?;
        let total = rows.iter().fold(Sums::default(), plus);
        let free = free(ledger, config, &asked.question).await?;
        let baseline = match &asked.baseline {
            Some(wanted) => Some(Baseline::of(ledger, config, &asked.question, wanted).await?),
            None => None,
        };
        let projection = match asked.projection {
            true => Some(Projection::of(ledger, &asked, now).await?),
            false => None,
        };
        Ok(Self { asked, rows, total, free, baseline, projection })
    }
}

async fn free(ledger: &Ledger, config: &Config, question: &Question) -> Result<Free, UsageError> {
    let by = vec![Field::Column(Column::Candidate)];
    let question = Question { by, every: None, ..question.clone() };
    let mut free = Free::default();
    for sums in ledger.usage(&question).await? {
        let tokens = sums.tokens_in.saturating_add(sums.tokens_out);
        free.of_tokens = free.of_tokens.saturating_add(tokens);
        if is_free(config, sums.of.first().map_or("", String::as_str)) {
            free.tokens = free.tokens.saturating_add(tokens);
        }
    }
    Ok(free)
}

impl Free {
    /// Of 1; `None` where there are no tokens at all.
    pub fn share(self) -> Option<f64> {
        (self.of_tokens > 0).then(|| self.tokens as f64 / self.of_tokens as f64)
    }
}

/// The candidate of this name, one of those included that are known of a provider whose models
/// need not be listed.
pub fn candidate<'a>(config: &'a Config, id: &str) -> Option<&'a Candidate> {
    let known = config.providers.iter().flat_map(|provider| &provider.catalogue);
    config.candidates.iter().chain(known).find(|candidate| candidate.id == id)
}

/// Whether the tokens of a candidate cost nothing. One that is not configured any more, and whose
/// provider is not either, is not known to.
fn is_free(config: &Config, id: &str) -> bool {
    match candidate(config, id) {
        Some(candidate) => candidate.local || costs_nothing(&candidate.prices),
        None => {
            let provider = id.split_once('/').map_or(id, |(provider, _)| provider);
            config.providers.iter().any(|known| known.name == provider && known.local)
        }
    }
}

/// Whether these are prices, and all of them are zero.
pub fn costs_nothing(prices: &Prices) -> bool {
    let rates = std::iter::once(prices.base).chain(prices.tiers.iter().map(|tier| tier.rates));
    let mut prices: Vec<f64> = prices.audio_minute.into_iter().collect();
    for rates in rates {
        let of_cache = [rates.cached_input, rates.cache_write, rates.cache_write_1h];
        prices.extend([rates.input, rates.output].into_iter().chain(of_cache).flatten());
    }
    !prices.is_empty() && prices.iter().all(|price| *price == 0.0)
}

/// Two sums, added; of the first one's time and fields.
fn plus(one: Sums, other: &Sums) -> Sums {
    combine(one, other, i64::saturating_add)
}

/// What of the first sums is not in the second.
fn minus(one: Sums, other: &Sums) -> Sums {
    combine(one, other, i64::saturating_sub)
}

fn combine(one: Sums, other: &Sums, with: fn(i64, i64) -> i64) -> Sums {
    Sums {
        requests: with(one.requests, other.requests),
        tokens_in: with(one.tokens_in, other.tokens_in),
        tokens_out: with(one.tokens_out, other.tokens_out),
        tokens_cached: with(one.tokens_cached, other.tokens_cached),
        tokens_cache_write: with(one.tokens_cache_write, other.tokens_cache_write),
        tokens_cache_write_1h: with(one.tokens_cache_write_1h, other.tokens_cache_write_1h),
        tokens_reasoning: with(one.tokens_reasoning, other.tokens_reasoning),
        audio_ms: with(one.audio_ms, other.audio_ms),
        nanodollars: with(one.nanodollars, other.nanodollars),
        estimated: with(one.estimated, other.estimated),
        ..one
    }
}

/// What tokens cost at prices, in nanodollars; `None` where a price that is needed is not known.
pub fn cost(prices: &Prices, used: crate::config::Used) -> Option<i64> {
    prices.cost(used).map(|dollars| (dollars * 1e9).round() as i64)
}

#[cfg(test)]
mod tests;
