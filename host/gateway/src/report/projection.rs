//! What the present month will have cost when it is over.
//!
//! `projected = spent + mean × days left`: what was spent so far, the mean of what was spent a day
//! over the last seven whole days, and the days (with their fraction) until the month ends. A
//! ledger that is younger than that counts the whole days since its first entry. No season, no
//! trend: a figure that everybody can check.

use super::Asked;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use portcullis_ledger::{Ledger, Period, Question, Step, UsageError};

/// How many whole days the mean is of.
const DAYS: i64 = 7;
const DAY: f64 = 86_400_000.0;

/// The month's end as it looks today, in nanodollars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Projection {
    /// Since when.
    pub month_start: i64,
    /// Until when.
    pub month_end: i64,
    /// In this month up to now.
    pub spent: i64,
    /// A day, over the last whole days; `None` where there was none.
    pub daily_mean: Option<i64>,
    /// Over how many.
    pub days: i64,
    /// Until the month ends.
    pub days_left: f64,
    /// All of the month; `None` where there was no whole day.
    pub projected: Option<i64>,
}

/// What is computed, for people.
pub const FORMULA: &str = "spent so far + mean daily spend of the last 7 whole days × days left";

impl Projection {
    /// Asks the ledger, with the filters of a question.
    ///
    /// # Errors
    ///
    /// If it has no answer.
    pub async fn of(ledger: &Ledger, asked: &Asked, now: Timestamp) -> Result<Self, UsageError> {
        let (zone, now) = (&asked.zone, now.as_millisecond());
        let month = Period::Month.window(zone, now);
        let week = whole_days(zone, now);
        let spent = spent(ledger, asked, month.start, now).await?;
        let days = Question {
            from: week,
            to: Period::Day.window(zone, now).start,
            every: Some((Step::Day, zone.clone())),
            by: Vec::new(),
            ..asked.question.clone()
        };
        let found = ledger.usage(&days).await?;
        let is_older = !ledger
            .usage(&Question { from: 0, to: week, every: None, ..days.clone() })
            .await?
            .is_empty();
        let first = if is_older { Some(week) } else { found.first().map(|day| day.from) };
        let days = first.map_or(0, |first| days_between(zone, first, days.to));
        let sum: i64 = found.iter().map(|day| day.nanodollars).sum();
        let left = month.end.saturating_sub(now);
        Ok(Self::from_parts((month.start, month.end), spent, (sum, days), left))
    }

    fn from_parts(
        (month_start, month_end): (i64, i64),
        spent: i64,
        (sum, days): (i64, i64),
        left: i64,
    ) -> Self {
        let days_left = left as f64 / DAY;
        let daily_mean = (days > 0).then(|| sum / days);
        let projected =
            daily_mean.map(|mean| spent.saturating_add((mean as f64 * days_left).round() as i64));
        Self { month_start, month_end, spent, daily_mean, days, days_left, projected }
    }
}

async fn spent(ledger: &Ledger, asked: &Asked, from: i64, to: i64) -> Result<i64, UsageError> {
    let question = Question { from, to, every: None, by: Vec::new(), ..asked.question.clone() };
    Ok(ledger.usage(&question).await?.iter().map(|sums| sums.nanodollars).sum())
}

/// When the last seven whole days began.
fn whole_days(zone: &TimeZone, now: i64) -> i64 {
    let today = Period::Day.window(zone, now).start;
    (0..DAYS).fold(today, |day, _| Period::Day.window(zone, day - 1).start)
}

fn days_between(zone: &TimeZone, from: i64, to: i64) -> i64 {
    let mut days = 0;
    let mut at = from;
    while at < to {
        at = Period::Day.window(zone, at).end;
        days += 1;
    }
    days
}
