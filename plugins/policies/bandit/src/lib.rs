//! Learns of outcomes and ratings which arm is worth the most, and sends most requests there.
//!
//! What it knows of an arm is how much of its attempts was worth something and how much was not;
//! the next arm is drawn by Thompson sampling ([`learned`], [`draws`]). It knows it from
//! `observe`, and keeps it in `kv`: a sandbox remembers nothing.

mod draws;
mod learned;
mod worth;

use draws::Draws;
use learned::Learned;
use portcullis_sdk::Request;
use portcullis_sdk::capabilities::{clock, kv, log, random};
use portcullis_sdk::policy::{
    Candidates, Decision, Description, Needed, Outcome, Patterns, Policy, Ranking, kept,
};
use serde::Deserialize;
use worth::Worth;

/// What an operator may set; `plugin.toml` describes it to them.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What is compared; where nothing is said, each candidate.
    pub arms: Vec<Arm>,
    /// What it counts that an attempt is answered.
    pub success: f64,
    /// What it counts how little it cost.
    pub thrift: f64,
    /// What is not thrifty at all, in US dollars.
    pub dear_usd: f64,
    /// How many attempts one rating counts for.
    pub rating: f64,
    /// After how long what was learned counts half.
    pub half_life_hours: Option<f64>,
    /// Labels whose value keeps a request with an arm.
    pub sticky: Vec<String>,
    /// For how long it does.
    pub sticky_hours: f64,
    /// Whether the route's other candidates stand behind those of the arm.
    pub others: bool,
    /// How often a candidate is tried again before the next one is.
    pub retries: u32,
}

/// One of what is compared.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// What it is called in records.
    pub name: String,
    /// Who serves it.
    pub models: Patterns,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            arms: Vec::new(),
            success: 1.0,
            thrift: 0.0,
            dear_usd: 0.01,
            rating: 3.0,
            half_life_hours: None,
            sticky: Vec::new(),
            sticky_hours: 24.0,
            others: true,
            retries: 1,
        }
    }
}

/// The label that says which arm a request was sent to.
const ARM: &str = "arm";
/// The key of what was learned.
const LEARNED: &str = "learned";
const MS_PER_HOUR: f64 = 3_600_000.0;

/// The policy, as its operator set it up.
#[derive(Debug)]
pub struct Bandit {
    settings: Settings,
    worth: Worth,
}

portcullis_sdk::export!(policy Bandit);

/// An arm that could serve a request: its name, and its candidates in their order.
type Found = (String, Vec<u32>);

impl Policy for Bandit {
    type Settings = Settings;

    fn describe() -> Description {
        let state_schema = "bandit-1".to_owned();
        Description { state_schema, wants_outcomes: true, extra: Vec::new() }
    }

    fn configure(settings: Settings) -> Result<Self, String> {
        let worth = Worth::of(&settings)?;
        let arms = &settings.arms;
        for (place, arm) in arms.iter().enumerate() {
            if arms[..place].iter().any(|before| before.name == arm.name) {
                return Err(format!("arms: there are two of the name {:?}", arm.name));
            }
            if !arm.models.are_by_id() {
                return Err(format!(
                    "arms.{}.models: name them by id, as \"provider/model\" or \"provider/*\"; of \
                     what became of an attempt no more is known",
                    arm.name
                ));
            }
        }
        Ok(Self { settings, worth })
    }

    fn decide(&self, request: &Request, candidates: &Candidates) -> Result<Decision, String> {
        let needed = Needed::of(request);
        let arms = self.arms(&needed, candidates);
        if arms.is_empty() {
            return Err("no arm has a model among the candidates".to_owned());
        }
        let subject = self.subject(request);
        let stuck = subject.as_deref().and_then(|key| stuck(key, &arms));
        let (chosen, why) = match stuck {
            Some(chosen) => (chosen, "as before".to_owned()),
            None => self.draw(&arms),
        };
        if let (Some(key), None) = (&subject, stuck) {
            self.stick(key, &arms[chosen].0);
        }
        let (name, own) = &arms[chosen];
        let mut order = own.clone();
        if self.settings.others {
            order.extend(candidates.indices().filter(|index| !own.contains(index)));
        }
        let ranking = Ranking::of(candidates, &needed, order);
        let mut plan = ranking.plan(self.settings.retries, &format!("as arm {name} {why}"));
        plan.labels.push((ARM.to_owned(), name.clone()));
        Ok(Decision::Route(plan))
    }

    fn observe(&self, outcomes: Vec<Outcome>) {
        let worth: Vec<_> = outcomes.iter().filter_map(|outcome| self.worth(outcome)).collect();
        if worth.is_empty() {
            return;
        }
        let now = clock::now_ms();
        let update = kept::update(LEARNED, |learned: &mut Learned| {
            learned.fade(now, self.half_life_ms());
            for (arm, worth, times) in &worth {
                learned.add(arm, *worth, *times);
            }
        });
        if let Err(why) = update {
            let message = format!("{} outcomes are lost: {why}", worth.len());
            log::log(log::Level::Warn, &message, &[]);
        }
    }
}

impl Bandit {
    /// The arms that could serve it: those with somebody who is well and able, or else all that
    /// are here.
    fn arms(&self, needed: &Needed, candidates: &Candidates) -> Vec<Found> {
        let found: Vec<Found> = if self.settings.arms.is_empty() {
            let own = |index| (candidates.id(index).to_owned(), vec![index]);
            candidates.indices().map(own).collect()
        } else {
            let among = |arm: &Arm| (arm.name.clone(), arm.models.among(candidates));
            self.settings.arms.iter().map(among).filter(|(_, own)| !own.is_empty()).collect()
        };
        let is_well = |(_, own): &&Found| {
            Ranking::of(candidates, needed, own.iter().copied()).well().next().is_some()
        };
        let well: Vec<Found> = found.iter().filter(is_well).cloned().collect();
        if well.is_empty() { found } else { well }
    }

    /// The arm that draws the largest number, and why in words.
    fn draw(&self, arms: &[Found]) -> (usize, String) {
        let (mut learned, trouble) = match kept::read::<Learned>(LEARNED) {
            Ok(learned) => (learned.unwrap_or_default(), String::new()),
            Err(why) => (Learned::default(), format!(" ({why})")),
        };
        learned.fade(clock::now_ms(), self.half_life_ms());
        let seed = random::bytes(8).try_into().map_or(0, u64::from_le_bytes);
        let names = arms.iter().map(|(name, _)| name.as_str());
        let chosen = learned.draw(names, &mut Draws::new(seed));
        let (worth, tried) = learned.of(&arms[chosen].0);
        (chosen, format!("by lot, worth {worth:.1} of {tried:.1}{trouble}"))
    }

    /// The key under which the arm of its conversation is kept.
    fn subject(&self, request: &Request) -> Option<String> {
        let labelled = |name: &String| {
            let value = request.label(name).filter(|value| !value.is_empty())?;
            Some(format!("sticky/{name}/{value}"))
        };
        self.settings.sticky.iter().find_map(labelled)
    }

    /// Keeps the arm of a conversation. Where there is no room for it, it is drawn anew each time.
    fn stick(&self, key: &str, arm: &str) {
        let ms = (self.settings.sticky_hours * MS_PER_HOUR) as u64;
        if let Err(why) = kv::set(key, arm.as_bytes(), Some(ms)) {
            log::log(log::Level::Debug, &format!("{key} does not stick: {why:?}"), &[]);
        }
    }

    fn half_life_ms(&self) -> Option<f64> {
        self.settings.half_life_hours.map(|hours| hours * MS_PER_HOUR)
    }

    /// What an outcome says of its arm: the arm, a worth from 0 to 1, and how often that counts.
    fn worth(&self, outcome: &Outcome) -> Option<(String, f64, f64)> {
        let is_copy = outcome.extra.iter().any(|(name, _)| name == "shadow");
        let (_, arm) = outcome.labels.iter().find(|(name, _)| name == ARM)?;
        let mut arms = self.settings.arms.iter();
        let is_its_own = match arms.find(|known| known.name == *arm) {
            Some(known) => known.models.names(&outcome.candidate),
            None => *arm == outcome.candidate,
        };
        if is_copy || !is_its_own {
            return None;
        }
        let (worth, times) = self.worth.judge(outcome)?;
        Some((arm.clone(), worth, times))
    }
}

/// The arm that a conversation is kept with, if it can serve this request.
fn stuck(key: &str, arms: &[Found]) -> Option<usize> {
    let arm = kv::get(key).ok()??;
    arms.iter().position(|(name, _)| name.as_bytes() == arm)
}

#[cfg(test)]
mod tests;
