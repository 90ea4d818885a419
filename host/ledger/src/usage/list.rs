//! Single entries: the newest first, a page at a time, or those of one request.

use super::Usage;
use super::query::{columns, join_labels, named, where_columns, where_labels};
use super::question::{Field, UsageError, labels};
use crate::Ledger;
use crate::store::{Row, StoreError, Value, values};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Which entries are listed.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// From this millisecond since the Unix epoch on.
    pub from: i64,
    /// Up to this one, which is not in it.
    pub to: i64,
    /// Only those of this request.
    pub request: Option<String>,
    /// Only where these fields say so.
    pub only: BTreeMap<Field, String>,
    /// Only those after this one in the list: the last of the page before.
    pub before: Option<Place>,
    /// The newest so many.
    pub most: u32,
}

/// Where an entry stands among all. It can be written and read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    at: i64,
    position: i64,
    process: String,
}

/// An entry that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where it stands.
    pub place: Place,
    /// What it says.
    pub usage: Usage,
}

/// The columns of an entry as [`listed`] reads them.
macro_rules! entry_columns {
    () => {
        "usage_entry.process, usage_entry.journal_position, at, request, tenant, key_id, route, \
         policy, reason, candidate, provider, model, operation, ended, tokens_in, tokens_out, \
         tokens_cached, tokens_cache_write, tokens_reasoning, audio_ms, nanodollars, estimated, \
         price_version, took_ms, attempts, labels, kind, tokens_cache_write_1h"
    };
}
pub(super) use entry_columns;

/// How many columns those are.
pub(super) const WIDTH: usize = 28;

macro_rules! list {
    ($request:literal) => {
        concat!(
            "SELECT ",
            entry_columns!(),
            " FROM usage_entry",
            join_labels!(17, 18, 19),
            " WHERE at >= $1 AND at < $2 AND ",
            where_columns!(3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
            " AND ($13 IS NULL OR (at, usage_entry.process, usage_entry.journal_position) \
             < ($13, $14, $15))",
            where_labels!(20, 21, 22),
            $request,
            " ORDER BY at DESC, usage_entry.process DESC, usage_entry.journal_position DESC \
             LIMIT $16"
        )
    };
}

const LIST: &str = list!("");
/// A text of its own, so that it is found by its index.
const LIST_OF_REQUEST: &str = list!(" AND request = $23");

impl Ledger {
    /// Entries, the newest first.
    ///
    /// # Errors
    ///
    /// If that is too much at once, or the store does not answer.
    pub async fn usage_entries(&self, listing: &Listing) -> Result<Vec<Listed>, UsageError> {
        let named = named(&labels(listing.only.keys())?, &listing.only);
        let mut values = values![listing.from, listing.to];
        values.extend(columns(&listing.only));
        let before = listing.before.as_ref();
        values.push(before.map(|place| place.at).into());
        values.push(before.map(|place| place.process.as_str()).into());
        values.push(before.map(|place| place.position).into());
        values.push(i64::from(listing.most).into());
        values.extend(named);
        let sql = match &listing.request {
            None => LIST,
            Some(request) => {
                values.push(Value::from(request.as_str()));
                LIST_OF_REQUEST
            }
        };
        let rows = self.store.read(sql, values).await?;
        Ok(rows.iter().map(listed).collect::<Result<_, _>>()?)
    }
}

/// A row that begins with [`entry_columns`].
pub(super) fn listed(row: &Row) -> Result<Listed, StoreError> {
    let place = Place { process: row.get(0)?, position: row.get(1)?, at: row.get(2)? };
    let usage = Usage {
        at: place.at,
        request: row.get(3)?,
        tenant: row.get(4)?,
        key: row.get(5)?,
        route: row.get(6)?,
        policy: row.get(7)?,
        reason: row.get(8)?,
        candidate: row.get(9)?,
        provider: row.get(10)?,
        model: row.get(11)?,
        operation: row.get(12)?,
        end: row.get(13)?,
        tokens_in: row.get(14)?,
        tokens_out: row.get(15)?,
        tokens_cached: row.get(16)?,
        tokens_cache_write: row.get(17)?,
        tokens_reasoning: row.get(18)?,
        audio_ms: row.get(19)?,
        nanodollars: row.get(20)?,
        estimated: row.get::<i64>(21)? != 0,
        price_version: row.get(22)?,
        took_ms: row.get(23)?,
        attempts: row.get(24)?,
        labels: row.get(25)?,
        kind: row.get(26)?,
        tokens_cache_write_1h: row.get(27)?,
    };
    Ok(Listed { place, usage })
}

impl Place {
    /// Its parts, as parameters of a statement.
    pub(super) fn values(&self) -> [Value; 3] {
        [self.at.into(), self.process.as_str().into(), self.position.into()]
    }

    /// Of which process's journal, and where in it.
    pub(super) fn key(&self) -> (&str, i64) {
        (&self.process, self.position)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.at, self.position, self.process)
    }
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '.');
        let (at, position) = (parts.next(), parts.next());
        let number = |part: Option<&str>| part.and_then(|part| part.parse().ok());
        match (number(at), number(position), parts.next()) {
            (Some(at), Some(position), Some(process)) => {
                Ok(Self { at, position, process: process.to_owned() })
            }
            _ => Err("expected the `next` of the page before"),
        }
    }
}
