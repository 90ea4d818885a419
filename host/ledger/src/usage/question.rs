//! What can be asked of usage: which entries, and what their sums are by.

use crate::store::StoreError;
use crate::window::Period;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

const HOUR: i64 = 3_600_000;

/// What stands in every entry and in the sums of the hours.
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
    Kind,
}

/// What entries are told apart by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// What stands in all of them.
    Column(Column),
    /// The label of this name; an entry that has none is as one whose label is empty.
    Label(String),
}

/// Spans of the calendar that sums are told for, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An hour of the clock.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From a first to the next.
    Month,
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// From this millisecond since the Unix epoch on.
    pub from: i64,
    /// Up to this one, which is not in it.
    pub to: i64,
    /// For each of these by itself, in the calendar of this zone; `None`: for all of the time.
    pub every: Option<(Step, TimeZone)>,
    /// A row for each combination of these.
    pub by: Vec<Field>,
    /// Only entries of which more tokens than these went in: some prices are other ones then.
    pub above: Option<i64>,
    /// Only where these fields say so.
    pub only: BTreeMap<Field, String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// It names too many labels.
    #[error("no more than {} different labels can be asked for at once", Question::LABELS)]
    Labels,
    /// There are too many hours, days, weeks or months in the time that is asked for.
    #[error(
        "no more than {} spans can be told at once: ask for longer ones, or for less time",
        Question::SPANS
    )]
    Spans,
    /// The answer would be too long.
    #[error("the answer has more than {0} rows: ask for less time, or by less")]
    Rows(usize),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Column {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Tenant,
        Self::Key,
        Self::Route,
        Self::Policy,
        Self::Candidate,
        Self::Provider,
        Self::Model,
        Self::Operation,
        Self::End,
        Self::Kind,
    ];

    /// Its name, for people and programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Key => "key",
            Self::Route => "route",
            Self::Policy => "policy",
            Self::Candidate => "candidate",
            Self::Provider => "provider",
            Self::Model => "model",
            Self::Operation => "operation",
            Self::End => "end",
            Self::Kind => "kind",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }
}

impl Step {
    const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// Its name, for people and programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    /// When the span ends that a moment is in.
    fn end(self, zone: &TimeZone, moment: i64) -> i64 {
        let period = match self {
            Self::Hour => {
                let Ok(at) = Timestamp::from_millisecond(moment) else { return i64::MAX };
                // The clocks of some zones are off by half an hour.
                let off = i64::from(zone.to_offset(at).seconds()) * 1_000;
                return (moment + off).div_euclid(HOUR) * HOUR + HOUR - off;
            }
            Self::Day => Period::Day,
            Self::Week => Period::Week,
            Self::Month => Period::Month,
        };
        period.window(zone, moment).end
    }
}

impl Question {
    /// How many labels it may name.
    pub const LABELS: usize = 3;
    /// For how many spans sums are told at once.
    pub const SPANS: usize = 2_000;

    /// The spans of time that sums are told for, in order. The first and the last may be parts.
    pub(super) fn spans(&self) -> Result<Vec<(i64, i64)>, UsageError> {
        let Some((step, zone)) = &self.every else { return Ok(vec![(self.from, self.to)]) };
        let (mut spans, mut from) = (Vec::new(), self.from);
        while from < self.to {
            if spans.len() == Self::SPANS {
                return Err(UsageError::Spans);
            }
            let end = step.end(zone, from).min(self.to);
            spans.push((from, end));
            from = end;
        }
        Ok(spans)
    }

    /// The labels that it names, in the order in which they are looked for.
    pub(super) fn labels(&self) -> Result<Vec<&str>, UsageError> {
        let fields = self.by.iter().chain(self.only.keys());
        labels(fields)
    }
}

/// The labels among fields.
pub(super) fn labels<'a>(
    fields: impl Iterator<Item = &'a Field>,
) -> Result<Vec<&'a str>, UsageError> {
    let mut labels: Vec<&str> = fields
        .filter_map(|field| match field {
            Field::Label(name) => Some(name.as_str()),
            Field::Column(_) => None,
        })
        .collect();
    labels.sort_unstable();
    labels.dedup();
    if labels.len() > Question::LABELS { Err(UsageError::Labels) } else { Ok(labels) }
}
