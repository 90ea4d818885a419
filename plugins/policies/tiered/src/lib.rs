//! Sends each request to a tier of models: by its task, its complexity and whether it shows images.
//!
//! Which tiers there are and which rules lead to them is data (`phases.json`): four sets, from
//! external models only to the operator's own machines first, of which a setting chooses one.
//! Both can be replaced.
//!
//! A tier whose models are all unwell or full spills to the next one up, and past the last to the
//! next one down: a dearer answer is better than none, and a weaker one still is.

use portcullis_sdk::Request;
use portcullis_sdk::policy::{Candidates, Decision, Needed, Patterns, Policy, Ranking};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What an operator may set; `plugin.toml` describes it to them.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Which shipped set counts.
    pub phase: String,
    /// The models of each tier, in place of the phase's.
    pub tiers: Option<Vec<Patterns>>,
    /// What leads to a tier, in place of the phase's.
    pub rules: Option<Vec<Rule>>,
    /// The complexity of a request that has no label of it.
    pub complexity: String,
    /// Requests under way past which a model is full.
    pub most_in_flight: Option<u32>,
    /// How often a candidate is tried again before the next one is.
    pub retries: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            phase: "1".to_owned(),
            tiers: None,
            rules: None,
            complexity: "medium".to_owned(),
            most_in_flight: None,
            retries: 1,
        }
    }
}

/// Conditions, which all have to hold, and the tier that they lead to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    task: Option<Vec<String>>,
    complexity: Option<Vec<String>>,
    vision: Option<bool>,
    /// Models that come before those of the tier.
    #[serde(default)]
    models: Patterns,
    /// Counted from 1.
    tier: usize,
}

/// A shipped set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Phase {
    tiers: Vec<Patterns>,
    rules: Vec<Rule>,
}

/// The policy, as its operator set it up.
#[derive(Debug)]
pub struct Tiered {
    tiers: Vec<Patterns>,
    rules: Vec<Rule>,
    settings: Settings,
}

portcullis_sdk::export!(policy Tiered);

impl Policy for Tiered {
    type Settings = Settings;

    fn configure(mut settings: Settings) -> Result<Self, String> {
        let mut phases: BTreeMap<String, Phase> =
            serde_json::from_str(include_str!("../phases.json"))
                .map_err(|error| format!("phases.json: {error}"))?;
        let known = phases.keys().cloned().collect::<Vec<_>>().join(", ");
        let Some(phase) = phases.remove(&settings.phase) else {
            return Err(format!("phase: there is no {:?}; there are {known}", settings.phase));
        };
        let tiers = settings.tiers.take().unwrap_or(phase.tiers);
        let rules = settings.rules.take().unwrap_or(phase.rules);
        for (number, rule) in (1..).zip(&rules) {
            if rule.tier == 0 || rule.tier > tiers.len() {
                let last = tiers.len();
                return Err(format!(
                    "rules, rule {number}: tier {} is none of 1 to {last}",
                    rule.tier
                ));
            }
        }
        Ok(Self { tiers, rules, settings })
    }

    fn decide(&self, request: &Request, candidates: &Candidates) -> Result<Decision, String> {
        let Some((number, rule)) = self.rule(request) else {
            return Ok(Decision::Abstain(Vec::new()));
        };
        let mut order = self.order(rule, candidates);
        if order.is_empty() {
            return Ok(Decision::Abstain(Vec::new()));
        }
        if let Some(most) = self.settings.most_in_flight {
            // Stable: among those that are full, and those that are not, the order stays.
            order.sort_by_cached_key(|&index| candidates.performance(index).in_flight > most);
        }
        let ranking = Ranking::of(candidates, &Needed::of(request), order);
        let tier = rule.tier;
        let served = ranking.first().and_then(|first| self.tier_of(rule, first, candidates));
        let why = match served {
            Some(other) if other != tier => {
                format!("of tier {other} by rule {number} (tier {tier} is overloaded or unable)")
            }
            _ => format!("of tier {tier} by rule {number}"),
        };
        let mut plan = ranking.plan(self.settings.retries, &why);
        plan.labels.push(("tier".to_owned(), served.unwrap_or(tier).to_string()));
        Ok(Decision::Route(plan))
    }
}

impl Tiered {
    /// The first rule whose conditions hold, and its number.
    fn rule(&self, request: &Request) -> Option<(usize, &Rule)> {
        let task = request.label("task");
        let complexity = request.label("complexity");
        let complexity = complexity.as_deref().unwrap_or(&self.settings.complexity);
        let vision = request.needs("vision");
        let holds = |rule: &Rule| {
            let one_of = |names: &Option<Vec<String>>, value: Option<&str>| {
                names
                    .as_ref()
                    .is_none_or(|names| names.iter().any(|name| Some(name.as_str()) == value))
            };
            one_of(&rule.task, task.as_deref())
                && one_of(&rule.complexity, Some(complexity))
                && rule.vision.is_none_or(|wanted| wanted == vision)
        };
        (1..).zip(&self.rules).find(|(_, rule)| holds(rule))
    }

    /// The rule's own models, those of its tier, of the tiers above, and of those below.
    fn order(&self, rule: &Rule, candidates: &Candidates) -> Vec<u32> {
        let tier = rule.tier - 1;
        let above = self.tiers[tier..].iter();
        let below = self.tiers[..tier].iter().rev();
        let mut order = rule.models.among(candidates);
        for index in above.chain(below).flat_map(|tier| tier.among(candidates)) {
            if !order.contains(&index) {
                order.push(index);
            }
        }
        order
    }

    /// The tier that a candidate serves in; the rule's, for a model that the rule names.
    fn tier_of(&self, rule: &Rule, index: u32, candidates: &Candidates) -> Option<usize> {
        if rule.models.among(candidates).contains(&index) {
            return Some(rule.tier);
        }
        let own = |tier: &usize| self.tiers[tier - 1].among(candidates).contains(&index);
        (rule.tier..=self.tiers.len()).find(own).or_else(|| (1..rule.tier).rev().find(own))
    }
}

#[cfg(test)]
mod tests;
