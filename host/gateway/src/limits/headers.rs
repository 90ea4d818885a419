//! How rates stand, in the headers that SDKs and their users know (see [`Rated`]).

use super::Applied;
use crate::wire::dialect::Dialect;
use crate::wire::rates::Rated;
use jiff::Timestamp;
use portcullis_ledger::{Measure, Standing};

/// A header's name and value.
pub type Header = (&'static str, String);

/// The headers of the tightest limits of requests and of tokens a minute.
pub fn headers(
    applied: &[Applied],
    standings: &[Standing],
    dialect: Dialect,
    now: i64,
) -> Vec<Header> {
    let mut headers = Vec::new();
    for (measure, rated) in [(Measure::Requests, Rated::Requests), (Measure::Tokens, Rated::Tokens)]
    {
        let rates = applied.iter().filter(|it| it.limit.measure() == measure && it.is_rate());
        let stands = |it: &Applied| {
            standings.iter().find(|standing| standing.account == *it.limit.account())
        };
        let Some(tightest) = rates.filter_map(stands).min_by_key(|it| it.remaining()) else {
            continue;
        };
        let (most, remaining) = (tightest.most.to_string(), tightest.remaining().to_string());
        let resets_at = tightest.resets_at.unwrap_or(now);
        let [limit, left, reset] = rated.headers();
        headers.extend([(limit, most.clone()), (left, remaining.clone())]);
        headers.push((reset, format!("{}ms", resets_at.saturating_sub(now).max(0))));
        if let Some([limit, left, reset]) = rated.headers_of(dialect) {
            headers.extend([(limit, most), (left, remaining)]);
            headers.extend(time(resets_at).map(|time| (reset, time)));
        }
    }
    headers
}

/// A moment as RFC 3339 has it, in whole seconds.
pub fn time(millis: i64) -> Option<String> {
    let time = Timestamp::from_second(millis.div_euclid(1_000)).ok()?;
    Some(time.to_string())
}
