//! Sums of usage: by whatever somebody asks for, over a span of time.
//!
//! Each statement has one text. A column that is not asked for is the same empty text in all
//! rows, so that grouping by it changes nothing; a label that is not asked for has no name, and no
//! entry has it. The spans of a calendar are asked for one by one: where a day begins no database
//! knows as well as [`crate::Period`].

use super::question::{Column, Field, Question, UsageError};
use crate::Ledger;
use crate::store::{Row, StoreError, Value};
use std::collections::BTreeMap;

const HOUR: i64 = 3_600_000;
/// Rows of an answer.
const ROWS: usize = 100_000;

/// A row of the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are the names of what stands in an entry")]
pub struct Sums {
    /// When the span of time begins that it is of, in milliseconds since the Unix epoch.
    pub from: i64,
    /// What stands in the fields that were asked for, in their order.
    pub of: Vec<String>,
    pub requests: i64,
    pub tokens_in: i64,
    pub tokens_out: i64,
    pub tokens_cached: i64,
    pub tokens_cache_write: i64,
    pub tokens_cache_write_1h: i64,
    pub tokens_reasoning: i64,
    pub audio_ms: i64,
    pub nanodollars: i64,
    /// Entries of which the figures are a guess.
    pub estimated: i64,
}

/// The filters of columns, by the numbers of their parameters.
macro_rules! where_columns {
    ($tenant:literal, $key:literal, $route:literal, $policy:literal, $candidate:literal,
     $provider:literal, $model:literal, $operation:literal, $end:literal, $kind:literal) => {
        concat!(
            "($",
            $tenant,
            " IS NULL OR tenant = $",
            $tenant,
            ") AND ($",
            $key,
            " IS NULL OR key_id = $",
            $key,
            ") AND ($",
            $route,
            " IS NULL OR route = $",
            $route,
            ") AND ($",
            $policy,
            " IS NULL OR policy = $",
            $policy,
            ") AND ($",
            $candidate,
            " IS NULL OR candidate = $",
            $candidate,
            ") AND ($",
            $provider,
            " IS NULL OR provider = $",
            $provider,
            ") AND ($",
            $model,
            " IS NULL OR model = $",
            $model,
            ") AND ($",
            $operation,
            " IS NULL OR operation = $",
            $operation,
            ") AND ($",
            $end,
            " IS NULL OR ended = $",
            $end,
            ") AND ($",
            $kind,
            " IS NULL OR kind = $",
            $kind,
            ")"
        )
    };
}
pub(super) use where_columns;

/// Up to three labels of an entry, by the numbers of the parameters with their names.
macro_rules! join_labels {
    ($a:literal, $b:literal, $c:literal) => {
        concat!(
            " LEFT JOIN usage_label a ON a.process = usage_entry.process \
             AND a.journal_position = usage_entry.journal_position AND a.name = $",
            $a,
            " LEFT JOIN usage_label b ON b.process = usage_entry.process \
             AND b.journal_position = usage_entry.journal_position AND b.name = $",
            $b,
            " LEFT JOIN usage_label c ON c.process = usage_entry.process \
             AND c.journal_position = usage_entry.journal_position AND c.name = $",
            $c
        )
    };
}
pub(super) use join_labels;

/// What they have to be, by the numbers of the parameters.
macro_rules! where_labels {
    ($a:literal, $b:literal, $c:literal) => {
        concat!(
            " AND ($",
            $a,
            " IS NULL OR coalesce(a.value, '') = $",
            $a,
            ") AND ($",
            $b,
            " IS NULL OR coalesce(b.value, '') = $",
            $b,
            ") AND ($",
            $c,
            " IS NULL OR coalesce(c.value, '') = $",
            $c,
            ")"
        )
    };
}
pub(super) use where_labels;

/// The text of a statement, over a table, its column of time, how requests are counted, and what
/// labels add to it.
macro_rules! sums {
    ($table:literal, $time:literal, $requests:literal, [$of:expr, $from:expr, $where:expr, $by:expr]) => {
        concat!(
            "SELECT CASE WHEN $3 = 1 THEN tenant ELSE '' END, \
             CASE WHEN $4 = 1 THEN key_id ELSE '' END, CASE WHEN $5 = 1 THEN route ELSE '' END, \
             CASE WHEN $6 = 1 THEN policy ELSE '' END, \
             CASE WHEN $7 = 1 THEN candidate ELSE '' END, \
             CASE WHEN $8 = 1 THEN provider ELSE '' END, \
             CASE WHEN $9 = 1 THEN model ELSE '' END, \
             CASE WHEN $10 = 1 THEN operation ELSE '' END, \
             CASE WHEN $11 = 1 THEN ended ELSE '' END, \
             CASE WHEN $12 = 1 THEN kind ELSE '' END, CAST(sum(",
            $requests,
            ") AS BIGINT), CAST(sum(tokens_in) AS BIGINT), CAST(sum(tokens_out) AS BIGINT), \
             CAST(sum(tokens_cached) AS BIGINT), CAST(sum(tokens_cache_write) AS BIGINT), \
             CAST(sum(tokens_reasoning) AS BIGINT), CAST(sum(audio_ms) AS BIGINT), \
             CAST(sum(nanodollars) AS BIGINT), CAST(sum(estimated) AS BIGINT), \
             CAST(sum(tokens_cache_write_1h) AS BIGINT)",
            $of,
            " FROM ",
            $table,
            $from,
            " WHERE ",
            $time,
            " >= $1 AND ",
            $time,
            " < $2 AND ",
            where_columns!(13, 14, 15, 16, 17, 18, 19, 20, 21, 22),
            $where,
            " GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10",
            $by,
            " LIMIT $23"
        )
    };
}

const OF_HOURS: &str = sums!("usage_hour", "hour", "requests", ["", "", "", ""]);
const OF_ENTRIES: &str = sums!(
    "usage_entry",
    "at",
    "CASE WHEN kind = 'request' THEN 1 ELSE 0 END",
    ["", "", " AND ($24 IS NULL OR tokens_in > $24)", ""]
);
/// `$25` to `$27` are the names of labels, `$28` to `$30` what they have to be.
const OF_LABELS: &str = sums!(
    "usage_entry",
    "at",
    "CASE WHEN kind = 'request' THEN 1 ELSE 0 END",
    [
        ", coalesce(a.value, ''), coalesce(b.value, ''), coalesce(c.value, '')",
        join_labels!(25, 26, 27),
        concat!(" AND ($24 IS NULL OR tokens_in > $24)", where_labels!(28, 29, 30)),
        ", 21, 22, 23"
    ]
);

/// Where the sums begin in a row, and the labels behind them.
const NUMBERS: usize = Column::ALL.len();
const LABELS: usize = NUMBERS + 10;

impl Ledger {
    /// Sums of what was used, in the order of time and then of what they are by. Over whole hours
    /// the sums of the hours are added up; over any other span, and where labels are asked for,
    /// the entries.
    ///
    /// # Errors
    ///
    /// If that is too much at once, or the store does not answer.
    pub async fn usage(&self, question: &Question) -> Result<Vec<Sums>, UsageError> {
        self.sums(question, ROWS).await
    }

    pub(super) async fn sums(
        &self,
        question: &Question,
        most: usize,
    ) -> Result<Vec<Sums>, UsageError> {
        let labels = question.labels()?;
        let mut answer = Vec::new();
        for (from, to) in question.spans()? {
            let whole = question.above.is_none() && from % HOUR == 0 && to % HOUR == 0;
            let sql = match (labels.is_empty(), whole) {
                (true, true) => OF_HOURS,
                (true, false) => OF_ENTRIES,
                (false, _) => OF_LABELS,
            };
            let mut values: Vec<Value> = vec![from.into(), to.into()];
            let asked = |it| i64::from(question.by.contains(&Field::Column(it))).into();
            values.extend(Column::ALL.map(asked));
            values.extend(columns(&question.only));
            let room = most - answer.len() + 1;
            values.push(i64::try_from(room).unwrap_or(i64::MAX).into());
            if !(labels.is_empty() && whole) {
                values.push(question.above.into());
            }
            if !labels.is_empty() {
                values.extend(named(&labels, &question.only));
            }
            let rows = self.store.read(sql, values).await?;
            if rows.len() == room {
                return Err(UsageError::Rows(most));
            }
            let begin = answer.len();
            for row in rows {
                answer.push(sums(&row, from, &question.by, &labels)?);
            }
            // The databases sort texts by languages of their own.
            answer[begin..].sort_unstable_by(|one, other| one.of.cmp(&other.of));
        }
        Ok(answer)
    }
}

/// What columns have to be, as parameters.
pub(super) fn columns(only: &BTreeMap<Field, String>) -> [Value; Column::ALL.len()] {
    Column::ALL.map(|it| only.get(&Field::Column(it)).map(String::as_str).into())
}

/// The names of labels and what they have to be, as parameters.
pub(super) fn named(labels: &[&str], only: &BTreeMap<Field, String>) -> Vec<Value> {
    let name = |at: usize| labels.get(at).copied();
    let value = |at: usize| only.get(&Field::Label(name(at)?.to_owned())).map(String::as_str);
    let places = 0..Question::LABELS;
    places.clone().map(|at| name(at).into()).chain(places.map(|at| value(at).into())).collect()
}

fn sums(row: &Row, from: i64, by: &[Field], labels: &[&str]) -> Result<Sums, StoreError> {
    let place = |field: &Field| match field {
        Field::Column(column) => Column::ALL.iter().position(|it| it == column),
        Field::Label(name) => labels.iter().position(|it| it == name).map(|at| LABELS + at),
    };
    let of = by.iter().filter_map(place).map(|place| row.get(place)).collect::<Result<_, _>>()?;
    let number = |at: usize| row.get::<i64>(NUMBERS + at);
    Ok(Sums {
        from,
        of,
        requests: number(0)?,
        tokens_in: number(1)?,
        tokens_out: number(2)?,
        tokens_cached: number(3)?,
        tokens_cache_write: number(4)?,
        tokens_reasoning: number(5)?,
        audio_ms: number(6)?,
        nanodollars: number(7)?,
        estimated: number(8)?,
        tokens_cache_write_1h: number(9)?,
    })
}
