//! How long to wait when a refusal names no time but its headers say when the limits are as
//! they were: `x-ratelimit-reset-requests: 6m0s`, at OpenAI, Groq and others.

use super::{ReplyHead, header};

/// Milliseconds until the limit that was hit is as it was. Where neither is down to nothing
/// the nearer one counts: a try too early costs little, a wait too long costs the sender.
pub fn reset_ms(head: &ReplyHead) -> Option<u64> {
    let limits = ["requests", "tokens"].map(|what| {
        let left = header(head, &format!("x-ratelimit-remaining-{what}"));
        let reset = header(head, &format!("x-ratelimit-reset-{what}")).and_then(duration_ms);
        (left.is_some_and(|left| left.trim() == "0"), reset)
    });
    let used_up = limits.iter().filter(|(used_up, _)| *used_up).filter_map(|(_, reset)| *reset);
    used_up.max().or_else(|| limits.iter().filter_map(|(_, reset)| *reset).min())
}

/// "1d2h3m4.5s", "20ms" and the like, in milliseconds, rounded up.
fn duration_ms(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at(digits);
        let letters = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        let unit_ms = match unit {
            "ms" => 1.0,
            "s" => 1000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            "d" => 86_400_000.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * unit_ms;
        rest = behind;
    }
    (!text.trim().is_empty()).then_some(total.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::{duration_ms, reset_ms};
    use crate::provider::ReplyHead;

    #[test]
    fn durations_are_read_in_every_form_seen() {
        for (text, expected) in [
            ("6m0s", Some(360_000)),
            ("1.5s", Some(1500)),
            ("20ms", Some(20)),
            ("0.25ms", Some(1)),
            ("1h2m3s", Some(3_723_000)),
            ("1d", Some(86_400_000)),
            (" 12ms ", Some(12)),
            ("", None),
            ("12", None),
            ("s", None),
            ("1y", None),
            ("1.2.3s", None),
            ("-1s", None),
            ("2026-11-21T00:00:00Z", None),
        ] {
            assert_eq!(duration_ms(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_limit_that_was_hit_says_how_long() {
        let check = |headers: &[(&str, &str)], expected| {
            let owned =
                |(name, value): &(&str, &str)| (format!("x-ratelimit-{name}"), (*value).to_owned());
            let head = ReplyHead { status: 429, headers: headers.iter().map(owned).collect() };
            assert_eq!(reset_ms(&head), expected, "{headers:?}");
        };
        let resets = [("reset-requests", "1s"), ("reset-tokens", "6m0s")];
        check(&[], None);
        check(&resets, Some(1000));
        check(&[resets[0], resets[1], ("remaining-tokens", "0")], Some(360_000));
        check(&[resets[0], resets[1], ("remaining-requests", "0")], Some(1000));
    }
}
