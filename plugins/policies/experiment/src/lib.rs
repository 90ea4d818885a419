//! Divides conversations among arms by weight, and keeps with each decision which arm it was.
//!
//! The same conversation is always in the same arm, or where none is named the same user, without
//! anything being remembered: each arm draws a number from the name of both, and the largest wins
//! (weighted rendezvous hashing, Schindelhauer and Schomaker 2005). Where a weight changes, only
//! as many conversations change their arm as the weights say.
//!
//! Where a request names neither, its own id is drawn by: shares hold, and nothing sticks. Its text
//! would not do: of a conversation it is different with each turn.

use portcullis_sdk::Request;
use portcullis_sdk::policy::{Candidates, Decision, Needed, Patterns, Policy, Ranking};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What an operator may set; `plugin.toml` describes it to them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What it is called in records.
    pub name: String,
    /// What is compared.
    pub arms: Vec<Arm>,
    /// Labels that a request must have to take part.
    #[serde(default)]
    pub when: BTreeMap<String, String>,
    /// Whether the route's other candidates stand behind those of the arm.
    #[serde(default = "yes")]
    pub others: bool,
    /// How often a candidate is tried again before the next one is.
    #[serde(default = "once")]
    pub retries: u32,
}

/// One of what is compared.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// What it is called in records.
    pub name: String,
    /// Its share, beside those of the others.
    #[serde(default = "one")]
    pub weight: f64,
    /// Who serves it; for a control, nobody.
    #[serde(default)]
    pub models: Patterns,
}

fn yes() -> bool {
    true
}

fn once() -> u32 {
    1
}

fn one() -> f64 {
    1.0
}

/// The policy, as its operator set it up.
#[derive(Debug)]
pub struct Experiment {
    settings: Settings,
}

portcullis_sdk::export!(policy Experiment);

impl Policy for Experiment {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        let arms = &settings.arms;
        for (place, arm) in arms.iter().enumerate() {
            if !arm.weight.is_finite() || arm.weight < 0.0 {
                return Err(format!("arms.{}.weight: a share is 0 or more", arm.name));
            }
            if arms[..place].iter().any(|before| before.name == arm.name) {
                return Err(format!("arms: there are two of the name {:?}", arm.name));
            }
        }
        if !arms.iter().any(|arm| arm.weight > 0.0) {
            return Err("arms: give at least one a weight above 0".to_owned());
        }
        Ok(Self { settings })
    }

    fn decide(&self, request: &Request, candidates: &Candidates) -> Result<Decision, String> {
        let matches =
            |(name, value): (&String, &String)| request.label(name).as_ref() == Some(value);
        if !self.settings.when.iter().all(matches) {
            return Ok(Decision::Abstain(Vec::new()));
        }
        let (by, subject) = subject(request);
        let Some(arm) = self.arm(&subject) else { return Ok(Decision::Abstain(Vec::new())) };
        let label = format!("{}:{}", self.settings.name, arm.name);
        let labels = vec![("experiment".to_owned(), label.clone())];
        if arm.models.is_empty() {
            return Ok(Decision::Abstain(labels));
        }
        let mut order = arm.models.among(candidates);
        if order.is_empty() {
            // Not in the experiment's count: nothing of the arm could be tried.
            return Err(format!("arm {:?} has no model among the candidates", arm.name));
        }
        if self.settings.others {
            let own = order.clone();
            order.extend(candidates.indices().filter(|index| !own.contains(index)));
        }
        let ranking = Ranking::of(candidates, &Needed::features(request), order);
        let mut plan = ranking.plan(self.settings.retries, &format!("in {label} by {by}"));
        plan.labels = labels;
        Ok(Decision::Route(plan))
    }
}

/// What sticks to an arm, and what it is.
fn subject(request: &Request) -> (&'static str, String) {
    for name in ["conversation", "user"] {
        if let Some(subject) = request.label(name).filter(|subject| !subject.is_empty()) {
            return (name, subject);
        }
    }
    ("request", request.id())
}

impl Experiment {
    /// The arm that draws the largest number for this subject.
    fn arm(&self, subject: &str) -> Option<&Arm> {
        let drawn =
            |arm: &Arm| -arm.weight / fraction(&self.settings.name, &arm.name, subject).ln();
        let arms = self.settings.arms.iter().filter(|arm| arm.weight > 0.0);
        arms.max_by(|one, other| drawn(one).total_cmp(&drawn(other)))
    }
}

/// A number above 0 and below 1 that these names always make, evenly spread (FNV-1a, its bits
/// mixed by the last steps of MurmurHash3).
fn fraction(experiment: &str, arm: &str, subject: &str) -> f64 {
    const SEED: u64 = 0xcbf2_9ce4_8422_2325;
    let mut hash = SEED;
    for byte in [experiment, "\0", arm, "\0", subject].into_iter().flat_map(str::bytes) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^= hash >> 33;
    // 52 bits and a half: an f64 holds them exactly.
    ((hash >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

#[cfg(test)]
mod tests;
