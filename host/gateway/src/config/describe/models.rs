//! Models as a table: how much each takes, what it costs and can, and where its prices are from.

use std::fmt::Write as _;

use crate::config::resolved::{Candidate, Prices, Rates};

const TITLES: [&str; 10] =
    ["MODEL", "CONTEXT", "OUTPUT", "IN", "OUT", "CACHED", "WRITTEN", "FOR 1H", "FROM", "CAN"];
/// The columns that hold numbers, which are aligned at their end.
const NUMBERS: std::ops::Range<usize> = 1..9;

/// A line for each model, a line below it for each of its price tiers, and then where the prices
/// are from.
pub fn models(candidates: &[Candidate]) -> String {
    let mut origins = Vec::new();
    let mut rows = vec![TITLES.map(str::to_owned)];
    for candidate in candidates {
        rows.push(model(candidate, &mut origins));
        for tier in &candidate.prices.tiers {
            let name = format!("  above {} tokens", tier.above_tokens);
            let [input, output, cached, written, for_1h] = prices(tier.rates);
            let [context, most, from, can] = [const { String::new() }; 4];
            rows.push([name, context, most, input, output, cached, written, for_1h, from, can]);
        }
    }
    let mut text = aligned(&rows);
    text += "\nPrices are US dollars per million tokens: of input, of output, of input read from a \
             cache,\nwritten to one, and written to stay for an hour; or per minute of audio \
             (/min). What is not known\nis -; of a cache, it then costs as much as other input.\n";
    for (index, (source, as_of)) in origins.iter().enumerate() {
        let as_of = as_of.as_ref().map(|as_of| format!(" as of {as_of}")).unwrap_or_default();
        let _ = writeln!(text, "{:>4}  {source}{as_of}", index + 1);
    }
    text
}

type Origin = (String, Option<String>);

fn model(candidate: &Candidate, origins: &mut Vec<Origin>) -> [String; 10] {
    let count = |tokens: Option<u32>| tokens.map_or("-".to_owned(), |tokens| tokens.to_string());
    let [mut input, output, cached, written, for_1h] = prices(candidate.prices.base);
    if let Some(minute) = candidate.prices.audio_minute {
        input = format!("{}/min", dollars(minute));
    }
    let can = if candidate.features.is_empty() {
        candidate.operations.join(", ")
    } else {
        format!("{}: {}", candidate.operations.join(", "), candidate.features.join(", "))
    };
    [
        candidate.id.clone(),
        count(candidate.context_tokens),
        count(candidate.max_output_tokens),
        input,
        output,
        cached,
        written,
        for_1h,
        from(&candidate.prices, origins),
        can,
    ]
}

/// The number of where prices are from, below the table.
fn from(prices: &Prices, origins: &mut Vec<Origin>) -> String {
    let Some(source) = &prices.source else { return "-".to_owned() };
    let origin = (source.clone(), prices.as_of.clone());
    let index = origins.iter().position(|known| *known == origin).unwrap_or_else(|| {
        origins.push(origin);
        origins.len() - 1
    });
    (index + 1).to_string()
}

fn prices(rates: Rates) -> [String; 5] {
    [rates.input, rates.output, rates.cached_input, rates.cache_write, rates.cache_write_1h]
        .map(|price| price.map_or("-".to_owned(), dollars))
}

/// With two digits, or as many more as it has.
fn dollars(amount: f64) -> String {
    let exact = amount.to_string();
    let digits = exact.split_once('.').map_or(0, |(_, digits)| digits.len());
    format!("{amount:.digits$}", digits = digits.max(2))
}

fn aligned(rows: &[[String; 10]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; 10] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let _ = match NUMBERS.contains(&column) {
                true => write!(line, "{cell:>width$}  "),
                false => write!(line, "{cell:<width$}  "),
            };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}
