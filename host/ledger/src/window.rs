//! Windows of the calendar: since when and until when a limit counts.
//!
//! A day is one of a place: it has 23, 24 or 25 hours, and some begin at one o'clock because
//! midnight was left out. So days, weeks and months are found by the calendar of a time zone
//! (jiff, with a database of zones of its own: every process has the same one, whatever is
//! installed), never by adding hours.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// How long a limit counts before it begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// A minute of the clock.
    Minute,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From a first to the next.
    Month,
    /// For ever.
    Total,
}

/// Milliseconds since the Unix epoch: from `start`, up to and without `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first millisecond.
    pub start: i64,
    /// The first one that is not in it; it resets then.
    pub end: i64,
}

const MINUTE: i64 = 60_000;

impl Period {
    const ALL: [Self; 5] = [Self::Minute, Self::Day, Self::Week, Self::Month, Self::Total];

    /// Its name in configurations and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Total => "total",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|period| period.name() == name)
    }

    /// The window that a moment is in. One beyond the years that a calendar knows (9999) is in a
    /// window that never ends: nothing is refused for a clock that is wrong.
    #[must_use]
    pub fn window(self, zone: &TimeZone, now: i64) -> Window {
        let start = now.div_euclid(MINUTE).saturating_mul(MINUTE);
        match self {
            Self::Total => Window::FOREVER,
            // No zone is off by parts of a minute today.
            Self::Minute => Window { start, end: start.saturating_add(MINUTE) },
            Self::Day | Self::Week | Self::Month => {
                self.of_calendar(zone, now).unwrap_or(Window::FOREVER)
            }
        }
    }

    fn of_calendar(self, zone: &TimeZone, now: i64) -> Result<Window, jiff::Error> {
        let today = Timestamp::from_millisecond(now)?.to_zoned(zone.clone()).date();
        let (first, next) = match self {
            Self::Week => {
                let monday = today.checked_sub(today.weekday().to_monday_zero_offset().days())?;
                (monday, monday.checked_add(1.week())?)
            }
            Self::Month => (today.first_of_month(), today.first_of_month().checked_add(1.month())?),
            Self::Day | Self::Minute | Self::Total => (today, today.tomorrow()?),
        };
        Ok(Window { start: begins(first, zone)?, end: begins(next, zone)? })
    }
}

/// The first moment of a day. Where midnight is left out it is the first that is not; where it
/// comes twice, the first of the two.
fn begins(day: Date, zone: &TimeZone) -> Result<i64, jiff::Error> {
    Ok(day.to_zoned(zone.clone())?.timestamp().as_millisecond())
}

impl Window {
    /// The one that there was always and will always be.
    pub const FOREVER: Self = Self { start: 0, end: i64::MAX };

    /// Whether a moment is in it.
    #[must_use]
    pub const fn holds(self, moment: i64) -> bool {
        self.start <= moment && moment < self.end
    }
}

#[cfg(test)]
mod tests;
