//! Tries the candidate first whose answers begin the soonest, and now and then another one, so
//! that it is known who that is.
//!
//! **How soon** is the median until the first piece of an answer, or until its end where only that
//! is known, divided by the share of attempts that succeed: what half of the attempts fail at
//! costs two of them. **No herd**: those that are hardly slower than the fastest count as equally
//! fast, and the one with the fewest requests under way goes first. **Exploration**: a candidate
//! that was never measured gets one request at a time, and of all others the share `explore` goes
//! to one that is not the fastest, by lot. Only those that are well and able are explored.

use portcullis_sdk::Request;
use portcullis_sdk::capabilities::random;
use portcullis_sdk::policy::{Candidates, Decision, Needed, Policy, Ranking};
use serde::Deserialize;

/// What an operator may set; `plugin.toml` describes it to them.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How often a candidate is tried again before the next one is.
    pub retries: u32,
    /// The share of requests that goes to a candidate that is not the fastest.
    pub explore: f64,
    /// How much slower than the fastest, as a share of its time, counts as equally fast.
    pub margin: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { retries: 1, explore: 0.05, margin: 0.1 }
    }
}

/// The policy, as its operator set it up.
#[derive(Debug)]
pub struct Fastest {
    settings: Settings,
}

portcullis_sdk::export!(policy Fastest);

impl Policy for Fastest {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        let Settings { explore, margin, .. } = settings;
        if !(0.0..=1.0).contains(&explore) {
            return Err(format!("`explore` = {explore}: expected a share from 0 to 1"));
        }
        if !(0.0..=10.0).contains(&margin) {
            return Err(format!("`margin` = {margin}: expected 0 to 10; 0.1 is a tenth slower"));
        }
        Ok(Self { settings })
    }

    fn decide(&self, request: &Request, candidates: &Candidates) -> Result<Decision, String> {
        let Settings { retries, explore, margin } = self.settings;
        let mut paces: Vec<Pace> =
            candidates.indices().map(|index| Pace::read(candidates, index)).collect();
        sort(&mut paces, margin);
        let order = paces.iter().map(|pace| pace.index);
        let ranking = Ranking::of(candidates, &Needed::of(request), order);
        let pace = |index| paces.iter().find(|pace| pace.index == index);
        let unmeasured = |index: &u32| pace(*index).is_some_and(Pace::is_to_be_measured);
        let new = ranking.well().find(unmeasured);
        let explored = || lot(explore).and_then(|lot| another(&ranking, lot));
        let (first, why) = match new.or_else(explored) {
            Some(index) if new.is_some() => (Some(index), "because it was never measured".into()),
            Some(index) => (Some(index), "to measure it again".into()),
            None => {
                let first = ranking.first();
                (first, said(first.and_then(pace).map_or(f64::INFINITY, |pace| pace.ms)))
            }
        };
        let ranking = match first {
            Some(index) => ranking.beginning_with(index),
            None => ranking,
        };
        Ok(Decision::Route(ranking.plan(retries, &why)))
    }
}

/// How soon a candidate's answers begin.
struct Pace {
    index: u32,
    /// Milliseconds that it takes to have one that succeeds; infinite where none is known to.
    ms: f64,
    in_flight: u32,
    /// It failed at least once of late.
    fails: bool,
}

impl Pace {
    fn read(candidates: &Candidates, index: u32) -> Self {
        let of_late = candidates.performance(index);
        let median = of_late.first_token_ms.or(of_late.total_ms).unwrap_or(f64::INFINITY);
        let succeed = 1.0 - of_late.error_rate;
        let ms = if succeed > 0.0 { median / succeed } else { f64::INFINITY };
        Self { index, ms, in_flight: of_late.in_flight, fails: of_late.error_rate > 0.0 }
    }

    /// Whether a request is worth finding out: not while one is already under way for that.
    fn is_to_be_measured(&self) -> bool {
        self.ms.is_infinite() && !self.fails && self.in_flight == 0
    }
}

/// The fastest first; those that are hardly slower than it by what is under way.
fn sort(paces: &mut [Pace], margin: f64) {
    paces.sort_by(|a, b| a.ms.total_cmp(&b.ms));
    let most = paces.first().map_or(0.0, |fastest| fastest.ms * (1.0 + margin));
    let near = paces.partition_point(|pace| pace.ms <= most && pace.ms.is_finite());
    paces[..near].sort_by_key(|pace| pace.in_flight);
}

/// A number from 0 to 1 for the share of requests that explores; nothing is drawn without one.
fn lot(explore: f64) -> Option<f64> {
    let drawn = if explore > 0.0 { random::unit() } else { 1.0 };
    (drawn < explore).then(|| drawn / explore)
}

/// The one that the lot falls on, of those that are well and not the fastest.
fn another(ranking: &Ranking<'_>, lot: f64) -> Option<u32> {
    let others: Vec<u32> = ranking.well().skip(1).collect();
    let place = (lot * others.len() as f64) as usize;
    others.get(place.min(others.len().saturating_sub(1))).copied()
}

fn said(ms: f64) -> String {
    match ms.is_finite() {
        true => format!("because its answers begin the soonest ({ms:.0} ms)"),
        false => "though none is known to answer".to_owned(),
    }
}

#[cfg(test)]
mod tests;
