//! Hours, weekdays and dates, at a fixed distance from UTC.
//!
//! There is no database of time zones in here: it is larger than the rest of the policy, and out of
//! date whenever a parliament wants it. Where clocks are put forward in summer, the operator says
//! so with the other offset.

use serde::Deserialize;

/// From the weekday of 1970-01-01 on.
const WEEKDAYS: [&str; 7] =
    ["thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday"];
const MINUTES: i64 = 60_000;
const DAY: i64 = 24 * 60;

/// How far ahead of UTC a clock is, in minutes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Offset(i64);

/// A moment as it stands on that clock and its calendar.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// From 0 to 23.
    pub(crate) hour: u8,
    /// From 0 to 59.
    pub(crate) minute: u8,
    /// "monday"…
    pub(crate) weekday: &'static str,
    /// "2026-01-31".
    pub(crate) date: String,
}

impl TryFrom<String> for Offset {
    type Error = String;

    fn try_from(said: String) -> Result<Self, String> {
        read(&said).map(Self).ok_or_else(|| {
            format!(
                "`time_zone` = {said:?}: expected \"UTC\" or an offset from it such as \"+02:00\"; \
                 names such as \"Europe/Berlin\" are not known here"
            )
        })
    }
}

/// "UTC", "+02:00", "-03:30".
fn read(said: &str) -> Option<i64> {
    if matches!(said, "UTC" | "Z") {
        return Some(0);
    }
    let (sign, rest) = match said.as_bytes().first()? {
        b'+' => (1, &said[1..]),
        b'-' => (-1, &said[1..]),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |digits: &str, most: i64| {
        let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<i64>().ok().filter(|number| plain && *number <= most)
    };
    Some(sign * (number(hours, 14)? * 60 + number(minutes, 59)?))
}

impl Offset {
    /// The moment so many milliseconds after the epoch.
    pub(crate) fn at(self, epoch_ms: u64) -> Moment {
        let minutes = i64::try_from(epoch_ms).unwrap_or(i64::MAX) / MINUTES + self.0;
        let (days, of_day) = (minutes.div_euclid(DAY), minutes.rem_euclid(DAY));
        let (year, month, day) = civil(days);
        Moment {
            hour: (of_day / 60) as u8,
            minute: (of_day % 60) as u8,
            weekday: WEEKDAYS[days.rem_euclid(7) as usize],
            date: format!("{year:04}-{month:02}-{day:02}"),
        }
    }
}

/// Year, month and day of a day counted from 1970-01-01: `civil_from_days` of Howard Hinnant's
/// "chrono-Compatible Low-Level Date Algorithms", which counts from March so that the day that
/// leap years have more is a year's last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::Offset;

    fn check(epoch_seconds: u64, offset: &str, expected: &str) {
        let offset = Offset::try_from(offset.to_owned()).unwrap();
        let moment = offset.at(epoch_seconds * 1_000 + 999);
        let said =
            format!("{} {} {:02}:{:02}", moment.weekday, moment.date, moment.hour, moment.minute);
        assert_eq!(said, expected);
    }

    #[test]
    fn moments_are_those_of_other_calendars() {
        // `date -u -d @SECONDS "+%A %F %H:%M"` says the same.
        check(0, "UTC", "thursday 1970-01-01 00:00");
        check(951_782_400, "UTC", "tuesday 2000-02-29 00:00");
        check(1_709_251_199, "UTC", "thursday 2024-02-29 23:59");
        check(1_709_251_200, "Z", "friday 2024-03-01 00:00");
        check(4_107_542_399, "UTC", "sunday 2100-02-28 23:59");
        check(4_107_542_400, "UTC", "monday 2100-03-01 00:00");
    }

    #[test]
    fn an_offset_moves_clock_and_calendar() {
        check(0, "-03:30", "wednesday 1969-12-31 20:30");
        check(1_709_251_199, "+02:00", "friday 2024-03-01 01:59");
        check(1_709_251_199, "+14:00", "friday 2024-03-01 13:59");
    }

    #[test]
    fn what_is_no_offset_is_refused() {
        for wrong in
            ["", "Europe/Berlin", "2", "+2", "+2:00", "+02:60", "+15:00", "+0a:00", "+é:00"]
        {
            let refused = Offset::try_from(wrong.to_owned()).unwrap_err();
            assert!(refused.contains("such as \"+02:00\""), "{refused}");
        }
    }
}
