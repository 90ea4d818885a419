//! Reports as programs read them: JSON, and tables for CSV and Parquet.

use super::asked::name;
use super::form::{Cells, Table, time};
use super::projection::FORMULA;
use super::{Report, Sums};
use jiff::tz::TimeZone;
use portcullis_ledger::{Listed, Usage};
use serde_json::{Map, Value, json};

/// Something of another thing, and its name.
type Named<T, V> = (&'static str, fn(&T) -> V);
/// A text of an entry, and its name.
type Word = (&'static str, fn(&Usage) -> &str);

/// What is counted, by the names of the sums.
const COUNTED: [Named<Sums, i64>; 10] = [
    ("requests", |it| it.requests),
    ("tokens_in", |it| it.tokens_in),
    ("tokens_out", |it| it.tokens_out),
    ("tokens_cached", |it| it.tokens_cached),
    ("tokens_cache_write", |it| it.tokens_cache_write),
    ("tokens_cache_write_1h", |it| it.tokens_cache_write_1h),
    ("tokens_reasoning", |it| it.tokens_reasoning),
    ("audio_ms", |it| it.audio_ms),
    ("estimated", |it| it.estimated),
    ("nanodollars", |it| it.nanodollars),
];
/// What the same would have cost elsewhere.
const BASELINE: &str = "baseline_nanodollars";

impl Report {
    /// All of it.
    pub fn as_json(&self) -> Value {
        let question = &self.asked.question;
        let when = |at| time(at, &self.asked.zone);
        let baseline = self.baseline.as_ref().map(|it| it.nanodollars);
        let mut said = json!({
            "from": when(question.from),
            "to": when(question.to),
            "zone": self.asked.zone.iana_name().unwrap_or("UTC"),
            "every": question.every.as_ref().map(|(step, _)| step.name()),
            "by": question.by.iter().map(name).collect::<Vec<_>>(),
            "rows": self.rows.iter().map(|row| self.row(row)).collect::<Vec<_>>(),
            "total": Value::Object(counted(&self.total, baseline)),
            "free": {
                "tokens": self.free.tokens,
                "of_tokens": self.free.of_tokens,
                "share": self.free.share(),
            },
        });
        if let Some(baseline) = &self.baseline {
            let saved = baseline.nanodollars.saturating_sub(self.total.nanodollars);
            let share =
                (baseline.nanodollars > 0).then(|| saved as f64 / baseline.nanodollars as f64);
            said["baseline"] = json!({
                "candidate": baseline.candidate,
                "nanodollars": baseline.nanodollars,
                "saved_nanodollars": saved,
                "saved_share": share,
            });
        }
        if let Some(month) = &self.projection {
            said["projection"] = json!({
                "month_start": when(month.month_start),
                "month_end": when(month.month_end),
                "spent_nanodollars": month.spent,
                "daily_mean_nanodollars": month.daily_mean,
                "whole_days": month.days,
                "days_left": month.days_left,
                "projected_nanodollars": month.projected,
                "formula": FORMULA,
            });
        }
        said
    }

    /// The rows alone.
    pub fn as_table(&self) -> Table {
        let mut table = Table::default();
        let question = &self.asked.question;
        if question.every.is_some() {
            let from = self.rows.iter().map(|row| row.from).collect();
            table.add("from", Cells::Time(from, self.asked.zone.clone()));
        }
        for (at, field) in question.by.iter().enumerate() {
            let cells = self.rows.iter().map(|row| row.of[at].clone()).collect();
            table.add(name(field), Cells::Text(cells));
        }
        for (name, of) in COUNTED {
            table.add(name, Cells::Int(self.rows.iter().map(of).collect()));
        }
        let usd = self.rows.iter().map(|row| dollars(row.nanodollars)).collect();
        table.add("usd", Cells::Real(usd));
        if self.baseline.is_some() {
            let baseline = self.rows.iter().map(|row| self.baseline_of(row).unwrap_or_default());
            table.add(BASELINE, Cells::Int(baseline.collect()));
        }
        table
    }

    fn row(&self, sums: &Sums) -> Value {
        let mut row = Map::new();
        if self.asked.question.every.is_some() {
            row.insert("from".to_owned(), time(sums.from, &self.asked.zone).into());
        }
        for (field, said) in self.asked.question.by.iter().zip(&sums.of) {
            row.insert(name(field), said.as_str().into());
        }
        row.extend(counted(sums, self.baseline_of(sums)));
        Value::Object(row)
    }

    fn baseline_of(&self, sums: &Sums) -> Option<i64> {
        let rows = &self.baseline.as_ref()?.rows;
        Some(rows.get(&(sums.from, sums.of.clone())).copied().unwrap_or_default())
    }
}

fn counted(sums: &Sums, baseline: Option<i64>) -> Map<String, Value> {
    let counted = COUNTED.iter();
    let mut counted: Map<String, Value> =
        counted.map(|(name, of)| ((*name).to_owned(), of(sums).into())).collect();
    counted.insert("usd".to_owned(), dollars(sums.nanodollars).into());
    if let Some(baseline) = baseline {
        counted.insert(BASELINE.to_owned(), baseline.into());
    }
    counted
}

fn dollars(nanodollars: i64) -> f64 {
    nanodollars as f64 / 1e9
}

/// What of an entry are words.
const WORDS: [Word; 13] = [
    ("kind", |it| &it.kind),
    ("request", |it| &it.request),
    ("tenant", |it| &it.tenant),
    ("key", |it| &it.key),
    ("route", |it| &it.route),
    ("policy", |it| &it.policy),
    ("reason", |it| &it.reason),
    ("candidate", |it| &it.candidate),
    ("provider", |it| &it.provider),
    ("model", |it| &it.model),
    ("operation", |it| &it.operation),
    ("end", |it| &it.end),
    ("price_version", |it| &it.price_version),
];
/// And what are numbers.
const NUMBERS: [Named<Usage, i64>; 9] = [
    ("tokens_in", |it| it.tokens_in),
    ("tokens_out", |it| it.tokens_out),
    ("tokens_cached", |it| it.tokens_cached),
    ("tokens_cache_write", |it| it.tokens_cache_write),
    ("tokens_cache_write_1h", |it| it.tokens_cache_write_1h),
    ("tokens_reasoning", |it| it.tokens_reasoning),
    ("audio_ms", |it| it.audio_ms),
    ("took_ms", |it| it.took_ms),
    ("nanodollars", |it| it.nanodollars),
];
/// And what is JSON.
const PARTS: [Word; 2] = [("attempts", |it| &it.attempts), ("labels", |it| &it.labels)];

/// Entries, and where the next page begins if this one is full.
pub fn entries_as_json(entries: &[Listed], most: u32, zone: &TimeZone) -> Value {
    let entry = |Listed { usage, .. }: &Listed| {
        let mut said = Map::new();
        said.insert("at".to_owned(), time(usage.at, zone).into());
        said.extend(WORDS.map(|(name, of)| (name.to_owned(), of(usage).into())));
        said.extend(NUMBERS.map(|(name, of)| (name.to_owned(), of(usage).into())));
        said.insert("usd".to_owned(), dollars(usage.nanodollars).into());
        said.insert("estimated".to_owned(), usage.estimated.into());
        for (name, of) in PARTS {
            // What is no JSON was written by somebody else, and is shown as it is.
            let part = serde_json::from_str(of(usage));
            said.insert(name.to_owned(), part.unwrap_or_else(|_| of(usage).into()));
        }
        Value::Object(said)
    };
    let last = entries.last().filter(|_| entries.len() as u64 == u64::from(most));
    json!({
        "entries": entries.iter().map(entry).collect::<Vec<_>>(),
        "next": last.map(|last| last.place.to_string()),
    })
}

/// Entries.
pub fn entries_as_table(entries: &[Listed], zone: &TimeZone) -> Table {
    let mut table = Table::default();
    let texts = |of: fn(&Usage) -> &str| {
        Cells::Text(entries.iter().map(|it| of(&it.usage).to_owned()).collect())
    };
    let at = entries.iter().map(|it| it.usage.at).collect();
    table.add("at", Cells::Time(at, zone.clone()));
    for (name, of) in WORDS {
        table.add(name, texts(of));
    }
    for (name, of) in NUMBERS {
        table.add(name, Cells::Int(entries.iter().map(|it| of(&it.usage)).collect()));
    }
    let usd = entries.iter().map(|it| dollars(it.usage.nanodollars)).collect();
    table.add("usd", Cells::Real(usd));
    table.add("estimated", texts(|it| if it.estimated { "true" } else { "false" }));
    for (name, of) in PARTS {
        table.add(name, texts(of));
    }
    table
}
