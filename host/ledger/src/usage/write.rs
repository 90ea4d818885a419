//! Writes entries and their labels, and adds them to the sums of their hours.

use super::Usage;
use crate::store::{Long, StoreError, Transaction, Value, values};
use std::collections::BTreeMap;
use std::sync::LazyLock;

const HOUR: i64 = 3_600_000;

/// Entries that one statement writes, where there are so many, and of the rest, where there are so
/// many: each statement is a way to the database and back.
const MANY: usize = 64;
const SOME: usize = 8;
/// Values of an entry.
const WIDTH: usize = 28;

const BEGIN: &str = "INSERT INTO usage_entry (process, journal_position, at, request, tenant, \
    key_id, route, policy, reason, candidate, provider, model, operation, ended, tokens_in, \
    tokens_out, tokens_cached, tokens_cache_write, tokens_reasoning, audio_ms, nanodollars, \
    estimated, price_version, took_ms, attempts, labels, kind, tokens_cache_write_1h) VALUES ";
const END: &str = " ON CONFLICT (process, journal_position) DO NOTHING";

static PUT_ONE: LazyLock<Long> = LazyLock::new(|| rows(1));
static PUT_SOME: LazyLock<Long> = LazyLock::new(|| rows(SOME));
static PUT_MANY: LazyLock<Long> = LazyLock::new(|| rows(MANY));

/// The statement that writes so many entries.
fn rows(count: usize) -> Long {
    let rows = |parameter: fn(usize) -> String| {
        let row = |row: usize| {
            let values = (1..=WIDTH).map(|value| parameter(row * WIDTH + value));
            format!("({})", values.collect::<Vec<_>>().join(", "))
        };
        let rows: Vec<String> = (0..count).map(row).collect();
        [BEGIN, &rows.join(", "), END].concat()
    };
    let (numbered, anonymous) = (rows(|number| format!("${number}")), rows(|_| "?".to_owned()));
    Long { numbered, anonymous }
}

const LABEL: &str = "INSERT INTO usage_label (process, journal_position, name, value) \
    VALUES ($1, $2, $3, $4) ON CONFLICT (process, journal_position, name) DO NOTHING";

/// Bytes of a label's name; PostgreSQL has an end to what it puts into an index, and would refuse
/// the whole transaction.
const LABEL_NAME: usize = 256;

const SUM: &str = "INSERT INTO usage_hour (hour, tenant, key_id, route, policy, candidate, \
    provider, model, operation, ended, kind, requests, tokens_in, tokens_out, tokens_cached, \
    tokens_cache_write, tokens_reasoning, audio_ms, nanodollars, estimated, \
    tokens_cache_write_1h) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
    $20, $21) \
    ON CONFLICT (hour, tenant, key_id, route, policy, candidate, provider, model, operation, \
    ended, kind) DO UPDATE SET requests = usage_hour.requests + excluded.requests, \
    tokens_in = usage_hour.tokens_in + excluded.tokens_in, \
    tokens_out = usage_hour.tokens_out + excluded.tokens_out, \
    tokens_cached = usage_hour.tokens_cached + excluded.tokens_cached, \
    tokens_cache_write = usage_hour.tokens_cache_write + excluded.tokens_cache_write, \
    tokens_reasoning = usage_hour.tokens_reasoning + excluded.tokens_reasoning, \
    audio_ms = usage_hour.audio_ms + excluded.audio_ms, \
    nanodollars = usage_hour.nanodollars + excluded.nanodollars, \
    estimated = usage_hour.estimated + excluded.estimated, \
    tokens_cache_write_1h = usage_hour.tokens_cache_write_1h + excluded.tokens_cache_write_1h";

/// Writes the entries of a process, each with where it stood in its journal.
pub(crate) async fn write(
    transaction: &mut dyn Transaction,
    process: &str,
    entries: &[(u64, Usage)],
) -> Result<(), StoreError> {
    // In sorted order, as all who change several rows: or else two would wait for each other.
    let mut hours = BTreeMap::<(i64, [&str; 10]), [i64; 10]>::new();
    let (many, rest) = entries.as_chunks::<MANY>();
    let (some, rest) = rest.as_chunks::<SOME>();
    let put = |entries: &[(u64, Usage)]| {
        let values = entries.iter().flat_map(|(at, usage)| entry(process, *at, usage));
        values.collect::<Vec<Value>>()
    };
    for entries in many {
        transaction.run_long(&PUT_MANY, put(entries)).await?;
    }
    for entries in some {
        transaction.run_long(&PUT_SOME, put(entries)).await?;
    }
    for entries in rest.chunks(1) {
        transaction.run_long(&PUT_ONE, put(entries)).await?;
    }
    for (position, usage) in entries {
        for label in labels(process, *position, usage) {
            transaction.run(LABEL, label).await?;
        }
        let hour = usage.at.div_euclid(HOUR) * HOUR;
        let sums = hours.entry((hour, names(usage))).or_default();
        for (sum, number) in sums.iter_mut().zip(numbers(usage)) {
            *sum = sum.saturating_add(number);
        }
    }
    for ((hour, names), sums) in hours {
        let mut values = values![hour];
        values.extend(names.map(|name| clean(name).into()));
        values.extend(sums.map(Into::into));
        transaction.run(SUM, values).await?;
    }
    Ok(())
}

fn entry(process: &str, position: u64, usage: &Usage) -> Vec<Value> {
    let u = usage;
    values![
        process,
        position.cast_signed(),
        u.at,
        clean(&u.request),
        clean(&u.tenant),
        clean(&u.key),
        clean(&u.route),
        clean(&u.policy),
        clean(&u.reason),
        clean(&u.candidate),
        clean(&u.provider),
        clean(&u.model),
        clean(&u.operation),
        clean(&u.end),
        u.tokens_in,
        u.tokens_out,
        u.tokens_cached,
        u.tokens_cache_write,
        u.tokens_reasoning,
        u.audio_ms,
        u.nanodollars,
        i64::from(u.estimated),
        clean(&u.price_version),
        u.took_ms,
        clean(&u.attempts),
        clean(&u.labels),
        kind(u),
        u.tokens_cache_write_1h,
    ]
}

/// What an entry without a kind is: journals of earlier versions know no other.
fn kind(usage: &Usage) -> &str {
    if usage.kind.is_empty() { Usage::REQUEST } else { &usage.kind }
}

/// A row a label. What is no object of JSON has none; a value that is no text is told as JSON.
fn labels(process: &str, position: u64, usage: &Usage) -> Vec<Vec<Value>> {
    let labels: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(&usage.labels).unwrap_or_default();
    let row = |(name, value): (String, serde_json::Value)| {
        let name = clean(&name[..name.floor_char_boundary(LABEL_NAME)]);
        let value = value.as_str().map_or_else(|| value.to_string(), clean);
        values![process, position.cast_signed(), name, value]
    };
    labels.into_iter().map(row).collect()
}

fn names(usage: &Usage) -> [&str; 10] {
    let u = usage;
    let whose = [&u.tenant, &u.key, &u.route, &u.policy, &u.candidate];
    let [tenant, key, route, policy, candidate] = whose.map(String::as_str);
    [tenant, key, route, policy, candidate, &u.provider, &u.model, &u.operation, &u.end, kind(u)]
}

fn numbers(usage: &Usage) -> [i64; 10] {
    let u = usage;
    [
        i64::from(kind(u) == Usage::REQUEST),
        u.tokens_in,
        u.tokens_out,
        u.tokens_cached,
        u.tokens_cache_write,
        u.tokens_reasoning,
        u.audio_ms,
        u.nanodollars,
        i64::from(u.estimated),
        u.tokens_cache_write_1h,
    ]
}

/// PostgreSQL takes no zero byte in a text, and would refuse the whole of a transaction for it,
/// again and again.
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
