//! What was learned of each arm: how much of its attempts was worth something, and how much not.

use crate::draws::Draws;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was learned of all arms, at a time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Learned {
    /// Milliseconds since the Unix epoch.
    at_ms: u64,
    /// By an arm's name: what its attempts were worth, and what they were not.
    arms: BTreeMap<String, (f64, f64)>,
}

impl Learned {
    /// Lets what was learned count less, for the time that has gone by.
    pub(crate) fn fade(&mut self, now_ms: u64, half_life_ms: Option<f64>) {
        let gone = now_ms.saturating_sub(self.at_ms) as f64;
        self.at_ms = self.at_ms.max(now_ms);
        let Some(half_life) = half_life_ms else { return };
        let rest = (-gone / half_life).exp2();
        for (worth, rest_of_it) in self.arms.values_mut() {
            *worth *= rest;
            *rest_of_it *= rest;
        }
    }

    /// An attempt of an arm was worth so much, from 0 to 1, so many times over.
    pub(crate) fn add(&mut self, arm: &str, worth: f64, times: f64) {
        let (gained, missed) = self.arms.entry(arm.to_owned()).or_default();
        *gained += worth * times;
        *missed += (1.0 - worth) * times;
    }

    /// What the attempts of an arm were worth, and how many there were.
    pub(crate) fn of(&self, arm: &str) -> (f64, f64) {
        let (gained, missed) = self.arms.get(arm).copied().unwrap_or_default();
        (gained, gained + missed)
    }

    /// Draws for each arm what it may be worth, and returns the place of the largest.
    pub(crate) fn draw<'a>(
        &self,
        arms: impl IntoIterator<Item = &'a str>,
        draws: &mut Draws,
    ) -> usize {
        let mut best = (0, f64::NEG_INFINITY);
        for (place, arm) in arms.into_iter().enumerate() {
            let (gained, missed) = self.arms.get(arm).copied().unwrap_or_default();
            let drawn = draws.beta(1.0 + gained, 1.0 + missed);
            if drawn > best.1 {
                best = (place, drawn);
            }
        }
        best.0
    }
}
