//! What the same requests would have cost at one candidate, to compare with what was paid.
//!
//! Each request's tokens are priced as that candidate would have: those from a cache as its cache,
//! a long prompt by its tier. Prices are linear within a tier, so the ledger is asked for the sums
//! of each tier and not for every entry. Attempts, copies and what policies asked would not have
//! been made; they count in what was paid only. What the candidate cannot do (another operation,
//! no price) counts at what was paid, so that nothing is saved or lost by it.

use super::asked::DEAREST;
use super::{ReportError, candidate, cost, minus};
use crate::config::{Candidate, Config, Prices, Used};
use portcullis_ledger::{Column, Field, Ledger, Question, Sums, Usage};
use std::collections::{BTreeMap, BTreeSet};

/// A row of the report that a sum belongs to: its time and its fields.
type Key = (i64, Vec<String>);

/// What a baseline comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// Who it is.
    pub candidate: String,
    /// What its requests would have cost there, in nanodollars, a row each.
    pub rows: BTreeMap<Key, i64>,
    /// All of it.
    pub nanodollars: i64,
}

/// Sums of one tier of prompts, of one operation and kind.
struct Part {
    key: Key,
    operation: String,
    kind: String,
    /// More tokens than these went in.
    above: i64,
    sums: Sums,
}

impl Baseline {
    /// Prices all of what a question asks for.
    ///
    /// # Errors
    ///
    /// If there is no such candidate, or the ledger has no answer.
    pub async fn of(
        ledger: &Ledger,
        config: &Config,
        question: &Question,
        wanted: &str,
    ) -> Result<Self, ReportError> {
        let who: Vec<&Candidate> = match wanted {
            DEAREST => config.candidates.iter().collect(),
            id => vec![candidate(config, id).ok_or_else(|| {
                ReportError::Asked(format!(
                    "`baseline` = {id:?}: there is no such candidate; expected one of `portcullis \
                     models`, or {DEAREST:?}"
                ))
            })?],
        };
        let parts = parts(ledger, &who, question).await?;
        let priced = who.iter().map(|candidate| Self::at(candidate, &parts));
        // Of several that are equally dear, the first.
        let dearest = priced.reduce(
            |one, other| {
                if other.nanodollars > one.nanodollars { other } else { one }
            },
        );
        dearest.ok_or_else(|| ReportError::Asked("there are no candidates".to_owned()))
    }

    fn at(candidate: &Candidate, parts: &[Part]) -> Self {
        let mut rows = BTreeMap::<Key, i64>::new();
        for part in parts {
            let row = rows.entry(part.key.clone()).or_default();
            *row = row.saturating_add(part.at(candidate));
        }
        let nanodollars = rows.values().fold(0_i64, |sum, row| sum.saturating_add(*row));
        Self { candidate: candidate.id.clone(), rows, nanodollars }
    }
}

impl Part {
    /// What it would have cost.
    fn at(&self, candidate: &Candidate) -> i64 {
        let can = candidate.operations.is_empty() || candidate.operations.contains(&self.operation);
        let whole = Prices { base: candidate.prices.above(self.above), ..Prices::default() };
        let prices = Prices { audio_minute: candidate.prices.audio_minute, ..whole };
        match cost(&prices, self.used()).filter(|_| can) {
            None => self.sums.nanodollars,
            Some(cost) if self.kind == Usage::REQUEST => cost,
            Some(_) => 0,
        }
    }

    fn used(&self) -> Used {
        let count = |tokens: i64| u64::try_from(tokens).unwrap_or_default();
        Used {
            input: count(self.sums.tokens_in),
            output: count(self.sums.tokens_out),
            cached_input: count(self.sums.tokens_cached),
            cache_write: count(self.sums.tokens_cache_write),
            cache_write_1h: count(self.sums.tokens_cache_write_1h),
            audio_seconds: (self.sums.audio_ms > 0).then(|| self.sums.audio_ms as f64 / 1e3),
        }
    }
}

/// The sums of each tier that one of the candidates has.
async fn parts(
    ledger: &Ledger,
    who: &[&Candidate],
    question: &Question,
) -> Result<Vec<Part>, ReportError> {
    let tiers = who.iter().flat_map(|candidate| &candidate.prices.tiers);
    let bounds: BTreeSet<i64> =
        tiers.map(|tier| i64::try_from(tier.above_tokens).unwrap_or(i64::MAX)).collect();
    let further = [Field::Column(Column::Operation), Field::Column(Column::Kind)];
    let by: Vec<Field> = question.by.iter().cloned().chain(further).collect();
    let mut parts = Vec::new();
    // From the longest prompts on: what is longer was counted already.
    let mut longer = BTreeMap::<Key, Sums>::new();
    for bound in bounds.into_iter().rev().map(Some).chain([None]) {
        let asked = Question { by: by.clone(), above: bound, ..question.clone() };
        let mut all = BTreeMap::new();
        for sums in ledger.usage(&asked).await? {
            let key = (sums.from, sums.of.clone());
            let counted = longer.get(&key).cloned().unwrap_or_default();
            all.insert(key, sums.clone());
            parts.push(part(minus(sums, &counted), bound.unwrap_or(-1), question.by.len()));
        }
        longer = all;
    }
    Ok(parts)
}

fn part(mut sums: Sums, above: i64, fields: usize) -> Part {
    let further = sums.of.split_off(fields);
    let [operation, kind] = <[String; 2]>::try_from(further).unwrap_or_default();
    Part { key: (sums.from, sums.of.clone()), operation, kind, above, sums }
}
