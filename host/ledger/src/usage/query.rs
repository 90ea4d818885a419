//! Sums of usage: by whatever columns somebody asks for, over a span of time.
//!
//! Each statement has one text. A column that is not asked for is the same empty text in all
//! rows, so that grouping by it changes nothing.

use crate::Ledger;
use crate::store::{StoreError, Value};

const HOUR: i64 = 3_600_000;

/// What sums are by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "they are the names of what stands in an entry")]
pub enum Column {
    Tenant,
    Key,
    Route,
    Policy,
    Candidate,
    Provider,
    Model,
    Operation,
    End,
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// From this millisecond since the Unix epoch on.
    pub from: i64,
    /// Up to this one, which is not in it.
    pub to: i64,
    /// A row for each combination of these.
    pub by: Vec<Column>,
    /// Only where these columns say so.
    pub only: Vec<(Column, String)>,
}

/// A row of the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are the names of what stands in an entry")]
pub struct Sums {
    /// What stands in the columns that were asked for, in their order.
    pub of: Vec<String>,
    pub requests: i64,
    pub tokens_in: i64,
    pub tokens_out: i64,
    pub tokens_cached: i64,
    pub tokens_cache_write: i64,
    pub tokens_reasoning: i64,
    pub audio_ms: i64,
    pub nanodollars: i64,
    /// Requests of which the figures are a guess.
    pub estimated: i64,
}

/// The text of both statements, over a table, its column of time, and how requests are counted.
macro_rules! sums {
    ($table:literal, $time:literal, $requests:literal) => {
        concat!(
            "SELECT CASE WHEN $3 = 1 THEN tenant ELSE '' END, \
             CASE WHEN $4 = 1 THEN key_id ELSE '' END, CASE WHEN $5 = 1 THEN route ELSE '' END, \
             CASE WHEN $6 = 1 THEN policy ELSE '' END, \
             CASE WHEN $7 = 1 THEN candidate ELSE '' END, \
             CASE WHEN $8 = 1 THEN provider ELSE '' END, \
             CASE WHEN $9 = 1 THEN model ELSE '' END, \
             CASE WHEN $10 = 1 THEN operation ELSE '' END, \
             CASE WHEN $11 = 1 THEN ended ELSE '' END, CAST(sum(",
            $requests,
            ") AS BIGINT), CAST(sum(tokens_in) AS BIGINT), CAST(sum(tokens_out) AS BIGINT), \
             CAST(sum(tokens_cached) AS BIGINT), CAST(sum(tokens_cache_write) AS BIGINT), \
             CAST(sum(tokens_reasoning) AS BIGINT), CAST(sum(audio_ms) AS BIGINT), \
             CAST(sum(nanodollars) AS BIGINT), CAST(sum(estimated) AS BIGINT) FROM ",
            $table,
            " WHERE ",
            $time,
            " >= $1 AND ",
            $time,
            " < $2 AND ($12 IS NULL OR tenant = $12) AND ($13 IS NULL OR key_id = $13) \
             AND ($14 IS NULL OR route = $14) AND ($15 IS NULL OR policy = $15) \
             AND ($16 IS NULL OR candidate = $16) AND ($17 IS NULL OR provider = $17) \
             AND ($18 IS NULL OR model = $18) AND ($19 IS NULL OR operation = $19) \
             AND ($20 IS NULL OR ended = $20) \
             GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9"
        )
    };
}

const OF_HOURS: &str = sums!("usage_hour", "hour", "requests");
const OF_ENTRIES: &str = sums!("usage_entry", "at", "1");

impl Column {
    const ALL: [Self; 9] = [
        Self::Tenant,
        Self::Key,
        Self::Route,
        Self::Policy,
        Self::Candidate,
        Self::Provider,
        Self::Model,
        Self::Operation,
        Self::End,
    ];
}

impl Ledger {
    /// Sums of what was used, sorted by what they are by. Over whole hours the sums of the hours
    /// are added up, over any other span the entries.
    ///
    /// # Errors
    ///
    /// If the store does not answer.
    pub async fn usage(&self, question: &Question) -> Result<Vec<Sums>, StoreError> {
        let whole = question.from % HOUR == 0 && question.to % HOUR == 0;
        let sql = if whole { OF_HOURS } else { OF_ENTRIES };
        let mut values: Vec<Value> = vec![question.from.into(), question.to.into()];
        values.extend(Column::ALL.map(|it| i64::from(question.by.contains(&it)).into()));
        values.extend(Column::ALL.map(|it| {
            let only = question.only.iter().find(|(column, _)| *column == it);
            only.map(|(_, text)| text.as_str()).into()
        }));
        let rows = self.store.read(sql, values).await?;
        let mut answer = Vec::with_capacity(rows.len());
        for row in rows {
            let mut of = Vec::with_capacity(question.by.len());
            for asked in &question.by {
                let place = Column::ALL.iter().position(|it| it == asked).unwrap_or_default();
                of.push(row.get(place)?);
            }
            answer.push(Sums {
                of,
                requests: row.get(9)?,
                tokens_in: row.get(10)?,
                tokens_out: row.get(11)?,
                tokens_cached: row.get(12)?,
                tokens_cache_write: row.get(13)?,
                tokens_reasoning: row.get(14)?,
                audio_ms: row.get(15)?,
                nanodollars: row.get(16)?,
                estimated: row.get(17)?,
            });
        }
        Ok(answer)
    }
}
