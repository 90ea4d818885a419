//! What an upstream's headers say its rate limits leave.
//!
//! The names are the vendor's and come as data, from a preset or the plugin's manifest. The
//! forms of a time are those that vendors were seen to use: `6m0s`, `1.5s`, `20ms`, seconds.

use crate::config::RateLimitHeaders;
use crate::signals::Signals;
use http::{HeaderMap, HeaderName};
use std::time::Duration;

impl Signals {
    /// Keeps what the headers of a reply say.
    pub fn read_headroom(&self, headers: &HeaderMap, names: &RateLimitHeaders) {
        let text = |name: &Option<HeaderName>| headers.get(name.as_ref()?)?.to_str().ok();
        let number = |name| text(name)?.trim().parse().ok();
        let (requests, tokens) =
            (number(&names.remaining_requests), number(&names.remaining_tokens));
        // What matters is when that resets of which nothing is left.
        let of_requests = text(&names.reset_requests).and_then(duration);
        let of_tokens = text(&names.reset_tokens).and_then(duration);
        let resets_in = match (requests, tokens) {
            (_, Some(0)) => of_tokens.or(of_requests),
            _ => of_requests.or(of_tokens),
        };
        self.note_headroom(requests, tokens, resets_in);
    }
}

/// Reads `6m0s`, `1h2m3.5s`, `20ms`, `12` and `1.5`.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
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
        let check = |text: &str, ms: u64| {
            assert_eq!(duration(text), Some(Duration::from_millis(ms)), "{text}");
        };
        check("6m0s", 360_000);
        check("1h0m1.5s", 3_601_500);
        check("20ms", 20);
        check(" 7.66s ", 7_660);
        check("12", 12_000);
        for wrong in ["", "soon", "5x", "-3", "1.2.3s", "NaN"] {
            assert!(duration(wrong).is_none_or(|d| d.is_zero() && wrong.is_empty()), "{wrong}");
        }
    }

    #[test]
    fn the_reset_of_what_is_used_up_counts() {
        let name = |name| Some(HeaderName::from_static(name));
        let names = RateLimitHeaders {
            remaining_requests: name("left"),
            remaining_tokens: name("tokens-left"),
            reset_requests: name("reset"),
            reset_tokens: name("tokens-reset"),
        };
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("left", "7"), ("tokens-left", "0"), ("reset", "1s"), ("tokens-reset", "1m")]
        {
            headers.insert(name, value.parse().unwrap());
        }
        let signals = Signals::default();
        signals.read_headroom(&headers, &names);
        let headroom = signals.headroom();
        assert_eq!((headroom.requests, headroom.tokens), (Some(7), Some(0)));
        assert!(headroom.resets_in_ms.unwrap() > 1_000);
    }
}
