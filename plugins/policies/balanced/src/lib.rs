//! Spreads requests over the candidates: by weight, by what is under way, or so that a conversation
//! stays where it began.
//!
//! One formula does it. For each candidate a number from 0 to 1 is made of a key and its id, and
//! the candidates go by `-ln(number) / weight`, lowest first: each is first as often as its weight
//! says, and whoever is gone leaves the order of the others as it was. (This is weighted rendezvous
//! hashing; over random keys, sampling by weight.) The key is the conversation, or drawn by lot;
//! so whoever stays with a conversation needs no lot, and when a candidate goes only its own
//! conversations move.

mod hash;

use portcullis_sdk::Request;
use portcullis_sdk::capabilities::random;
use portcullis_sdk::policy::{Candidates, Decision, Needed, Pattern, Policy, Ranking};
use serde::Deserialize;

/// What an operator may set; `plugin.toml` describes it to them.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How often a candidate is tried again before the next one is; 1 where nothing is said.
    pub retries: Option<u32>,
    /// What requests are spread by.
    pub by: By,
    /// How much of the load a candidate gets, beside the others; 1 where nothing is said.
    pub weights: Vec<Weight>,
    /// Labels of a request whose value keeps it with a candidate; the first that it has counts.
    pub sticky: Vec<String>,
}

/// What requests are spread by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// Its weight.
    #[default]
    Weight,
    /// The requests under way, beside its weight.
    InFlight,
}

/// What candidates weigh.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weight {
    /// Which of them.
    pub candidates: Pattern,
    /// With 0 they are there only for when the others fail.
    pub weight: f64,
}

/// The policy, as its operator set it up.
#[derive(Debug)]
pub struct Balanced {
    settings: Settings,
}

portcullis_sdk::export!(policy Balanced);

impl Policy for Balanced {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        let wrong = |it: &&Weight| !it.weight.is_finite() || it.weight < 0.0;
        match settings.weights.iter().find(wrong) {
            Some(Weight { candidates, weight }) => Err(format!(
                "the weight {weight} of \"{candidates}\" in `weights`: expected 0 or more"
            )),
            None => Ok(Self { settings }),
        }
    }

    fn decide(&self, request: &Request, candidates: &Candidates) -> Result<Decision, String> {
        let kept = self.settings.sticky.iter().find_map(|name| Some((name, request.label(name)?)));
        let key = match &kept {
            Some((name, value)) => hash::of(&[name, value]),
            None => hash::fresh(&random::bytes(8)),
        };
        let under_way = kept.is_none() && self.settings.by == By::InFlight;
        let mut places: Vec<Place> = candidates
            .indices()
            .map(|index| self.place(candidates, index, key, under_way))
            .collect();
        places.sort_by(|a, b| a.load.total_cmp(&b.load).then(a.lot.total_cmp(&b.lot)));
        let order = places.iter().map(|place| place.index);
        let ranking = Ranking::of(candidates, &Needed::of(request), order);
        let why = match (&kept, self.settings.by) {
            (Some((name, _)), _) => format!("for this {name}"),
            (None, By::Weight) => "by weight".to_owned(),
            (None, By::InFlight) => "by what is under way".to_owned(),
        };
        Ok(Decision::Route(ranking.plan(self.settings.retries.unwrap_or(1), &why)))
    }
}

/// Where a candidate stands among the others, lowest first.
struct Place {
    index: u32,
    /// What it would have under way, beside its weight; 0 for all where that does not count.
    load: f64,
    lot: f64,
}

impl Balanced {
    fn place(&self, candidates: &Candidates, index: u32, key: u64, under_way: bool) -> Place {
        let weight = self.weight(candidates, index);
        // Divided by a weight of 0 both are infinite, and so behind all others.
        let load = match under_way {
            true => f64::from(candidates.performance(index).in_flight.saturating_add(1)) / weight,
            false => 0.0,
        };
        Place { index, load, lot: -hash::unit(key, candidates.id(index)).ln() / weight }
    }

    /// That of the first pattern which stands for it.
    fn weight(&self, candidates: &Candidates, index: u32) -> f64 {
        let mut weights = self.settings.weights.iter();
        let said = weights.find(|it| it.candidates.matches(candidates, index));
        said.map_or(1.0, |said| said.weight)
    }
}

#[cfg(test)]
mod tests;
