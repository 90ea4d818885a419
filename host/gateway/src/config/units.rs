//! Durations and sizes as people write them: `500ms`, `10s`, `32MiB`.
//!
//! Small enough to own, which is what lets an error name the very thing that is wrong.

use std::time::Duration;

const DURATIONS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
const SIZES: [(&str, u64); 7] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// What a duration looks like, for the end of a message.
pub(crate) const DURATION: &str = "a duration such as \"500ms\", \"10s\" or \"5m\"";
/// What a size looks like, for the end of a message.
pub(crate) const SIZE: &str = "a size such as \"32MiB\" or \"512KiB\", or a number of bytes";

/// Reads a whole number with one unit: `ms`, `s`, `m` or `h`. Nothing lasts no time at all: a
/// time-out of 0 would end every request.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    match scaled(text, &DURATIONS)? {
        0 => Err("is no time at all".into()),
        milliseconds => Ok(Duration::from_millis(milliseconds)),
    }
}

/// Reads a whole number of bytes, kilobytes (1,000) or kibibytes (1,024) and their multiples.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    at_least_a_byte(scaled(text, &SIZES)?)
}

pub(crate) fn at_least_a_byte(bytes: u64) -> Result<usize, String> {
    match usize::try_from(bytes) {
        Ok(0) => Err("is no bytes at all".into()),
        Ok(bytes) => Ok(bytes),
        Err(_) => Err("is more than this machine can address".into()),
    }
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Result<u64, String> {
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let unit = unit.trim_start();
    if number.is_empty() {
        return Err("does not begin with a whole number".into());
    }
    let names = || units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    if unit.is_empty() {
        return Err(format!("has no unit (one of {})", names()));
    }
    if unit.starts_with('.') {
        return Err("is not a whole number; write it in the next smaller unit".into());
    }
    let Some((_, scale)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("has the unknown unit `{unit}` (one of {})", names()));
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(*scale))
        .ok_or_else(|| "is too large".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let good = [("500ms", 500), ("10s", 10_000), ("5 m", 300_000), ("2h", 7_200_000)];
        for (text, milliseconds) in good {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        let bad = [
            ("", "does not begin with a whole number"),
            ("soon", "does not begin with a whole number"),
            ("-1s", "does not begin with a whole number"),
            ("10", "has no unit (one of ms, s, m, h)"),
            ("1.5s", "is not a whole number; write it in the next smaller unit"),
            ("10sec", "has the unknown unit `sec` (one of ms, s, m, h)"),
            ("0s", "is no time at all"),
            ("99999999999999999999s", "is too large"),
            ("18446744073709551615h", "is too large"),
        ];
        for (text, error) in bad {
            assert_eq!(duration(text), Err(error.to_owned()), "{text}");
        }
    }

    #[test]
    fn sizes() {
        let good = [("1B", 1), ("3KB", 3_000), ("512KiB", 524_288), ("32MiB", 33_554_432)];
        for (text, bytes) in good {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        let bad = [
            ("32", "has no unit (one of B, KB, MB, GB, KiB, MiB, GiB)"),
            ("32mb", "has the unknown unit `mb` (one of B, KB, MB, GB, KiB, MiB, GiB)"),
            ("0KiB", "is no bytes at all"),
            ("many", "does not begin with a whole number"),
        ];
        for (text, error) in bad {
            assert_eq!(size(text), Err(error.to_owned()), "{text}");
        }
    }
}
