//! What an upstream's headers say its rate limits leave.
//!
//! The names are the vendor's and come as data, from a preset or the plugin's manifest. The
//! forms of a time are those that vendors were seen to use: `6m0s`, `1.5s`, `20ms`, seconds, and
//! a date and time as in RFC 3339.

use crate::config::RateLimitHeaders;
use crate::signals::Signals;
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use std::time::Duration;

/// One limit: how much is left of it, and when there is all of it again.
#[derive(Clone, Copy, Default)]
struct Limit {
    left: Option<u64>,
    resets_in: Option<Duration>,
}

impl Signals {
    /// Keeps what the headers of a reply say.
    pub fn read_headroom(&self, headers: &HeaderMap, names: &RateLimitHeaders) {
        let text = |name: &Option<HeaderName>| headers.get(name.as_ref()?)?.to_str().ok();
        let limit = |left: &Option<HeaderName>, reset: &Option<HeaderName>| Limit {
            left: text(left).and_then(|left| left.trim().parse().ok()),
            resets_in: text(reset).and_then(|reset| until(reset, Timestamp::now)),
        };
        let requests = limit(&names.remaining_requests, &names.reset_requests);
        let tokens = scarcest([
            limit(&names.remaining_tokens, &names.reset_tokens),
            limit(&names.remaining_input_tokens, &names.reset_input_tokens),
            limit(&names.remaining_output_tokens, &names.reset_output_tokens),
        ]);
        // What matters is when that resets of which nothing is left.
        let resets_in = match tokens.left {
            Some(0) => tokens.resets_in.or(requests.resets_in),
            _ => requests.resets_in.or(tokens.resets_in),
        };
        self.note_headroom(requests.left, tokens.left, resets_in);
    }
}

/// Of limits that hold together the one of which least is left; of two that are used up, the one
/// that stays so for longer.
fn scarcest(limits: [Limit; 3]) -> Limit {
    let known = limits.into_iter().filter(|limit| limit.left.is_some());
    let order = |limit: &Limit| (limit.left, std::cmp::Reverse(limit.resets_in));
    known.min_by_key(order).unwrap_or_else(|| {
        let resets_in = limits.iter().find_map(|limit| limit.resets_in);
        Limit { left: None, resets_in }
    })
}

/// The time until a reset, in any of the forms. A moment that has passed is now.
fn until(text: &str, now: impl FnOnce() -> Timestamp) -> Option<Duration> {
    let text = text.trim();
    duration(text).or_else(|| {
        let moment: Timestamp = text.parse().ok()?;
        Some(Duration::try_from(moment.duration_since(now())).unwrap_or_default())
    })
}

/// Reads `6m0s`, `1h2m3.5s`, `20ms`, `12` and `1.5`.
fn duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let seconds = match unit {
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * seconds;
        rest = tail;
    }
    Duration::try_from_secs_f64(total).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_vendors_write_them() {
        let now = || "2026-11-21T11:00:00Z".parse().unwrap();
        let check = |text: &str, ms: u64| {
            assert_eq!(until(text, now), Some(Duration::from_millis(ms)), "{text}");
        };
        check("6m0s", 360_000);
        check("1h0m1.5s", 3_601_500);
        check("20ms", 20);
        check(" 7.66s ", 7_660);
        check("12", 12_000);
        check("2026-11-21T11:00:01.5Z", 1_500);
        check("2026-11-21T13:01:00+02:00", 60_000);
        check("2026-11-21T10:59:59Z", 0);
        for wrong in ["soon", "5x", "-3", "1.2.3s", "NaN", "2026-11-21", "2026-13-21T11:00:00Z"] {
            assert_eq!(until(wrong, now), None, "{wrong}");
        }
    }

    /// What is left after a reply with these headers, and whether it resets within a minute.
    fn check(said: &[(&'static str, &str)], expected: (Option<u64>, Option<u64>), soon: bool) {
        let name = |name| Some(HeaderName::from_static(name));
        let names = RateLimitHeaders {
            remaining_requests: name("left"),
            remaining_tokens: name("tokens-left"),
            reset_requests: name("reset"),
            reset_tokens: name("tokens-reset"),
            remaining_input_tokens: name("input-left"),
            remaining_output_tokens: name("output-left"),
            reset_input_tokens: name("input-reset"),
            reset_output_tokens: name("output-reset"),
        };
        let mut headers = HeaderMap::new();
        for (name, value) in said {
            headers.insert(*name, value.parse().unwrap());
        }
        let signals = Signals::default();
        signals.read_headroom(&headers, &names);
        let headroom = signals.headroom();
        assert_eq!((headroom.requests, headroom.tokens), expected, "{said:?}");
        assert_eq!(headroom.resets_in_ms.unwrap() < 60_000, soon, "{said:?}");
    }

    #[test]
    fn the_reset_of_what_is_used_up_counts() {
        let said = [("left", "7"), ("tokens-left", "0"), ("reset", "1s"), ("tokens-reset", "2m")];
        check(&said, (Some(7), Some(0)), false);
        let said = [("left", "0"), ("tokens-left", "9"), ("reset", "1s"), ("tokens-reset", "2m")];
        check(&said, (Some(0), Some(9)), true);
    }

    #[test]
    fn of_separate_limits_of_tokens_the_scarcest_counts() {
        let resets = [("input-reset", "2m"), ("output-reset", "9s"), ("tokens-reset", "3m")];
        let with = |left: &[(&'static str, &'static str)]| [left, &resets].concat();
        check(&with(&[("input-left", "500"), ("output-left", "0")]), (None, Some(0)), true);
        check(&with(&[("input-left", "0"), ("output-left", "80")]), (None, Some(0)), false);
        check(&with(&[("input-left", "0"), ("output-left", "0")]), (None, Some(0)), false);
        check(&with(&[("tokens-left", "70"), ("output-left", "60")]), (None, Some(60)), true);
    }
}
