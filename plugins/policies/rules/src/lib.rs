//! Decides by conditions that the operator writes: the first rule whose condition holds, and whose
//! candidates are there, says where the request goes.
//!
//! Everything is read, checked and compiled when the policy is configured, and stays in the
//! snapshot that each sandbox begins with; a request is asked only for what a condition names that
//! is looked at, and that once. The clock is read only if a rule asks for the time: what rests on
//! it cannot be remembered. Which features a request needs is read, to put last who lacks one; its
//! length only if a rule names it.

mod calendar;
mod condition;
mod facts;
mod rule;

pub use calendar::Offset;
pub use rule::{Said, Then};

use condition::Names;
use facts::Facts;
use portcullis_sdk::Request;
use portcullis_sdk::policy::{Candidates, Decision, Failure, FailureKind, Needed, Policy, Ranking};
use rule::{Action, Rule};
use serde::Deserialize;

/// What an operator may set; `plugin.toml` describes it to them.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How often a candidate is tried again before the next one is; 1 where nothing is said.
    pub retries: Option<u32>,
    /// In the order in which they are looked at.
    pub rules: Vec<Said>,
    /// What becomes of a request that no rule decides.
    pub otherwise: Otherwise,
    /// Who comes behind the candidates that a rule names, where it does not say itself.
    pub then: Then,
    /// Where it is the hour that rules speak of.
    pub time_zone: Offset,
}

/// What becomes of a request that no rule decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Otherwise {
    /// The route's next policy decides.
    #[default]
    Abstain,
    /// It goes to the route's candidates, in their order.
    Route,
}

/// The policy, as its operator set it up.
#[derive(Debug)]
pub struct Rules {
    retries: u32,
    rules: Vec<Rule>,
    otherwise: Otherwise,
    time_zone: Offset,
    names: Names,
}

portcullis_sdk::export!(policy Rules);

impl Policy for Rules {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, String> {
        let Settings { retries, rules, otherwise, then, time_zone } = settings;
        let mut names = Names::default();
        let (mut read, mut wrong) = (Vec::with_capacity(rules.len()), Vec::new());
        for (place, said) in rules.into_iter().enumerate() {
            match Rule::read(said, then, &mut names) {
                Ok(rule) => read.push(rule),
                Err(why) => wrong.push(format!("rule {}: {why}", place + 1)),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong.join("\n"));
        }
        Ok(Self { retries: retries.unwrap_or(1), rules: read, otherwise, time_zone, names })
    }

    fn decide(&self, request: &Request, candidates: &Candidates) -> Result<Decision, String> {
        let mut facts = Facts::of(request, &self.names, self.time_zone);
        let mut labels = Vec::new();
        // Rules that applied and named nobody who is here, for the reason.
        let mut passed_over = String::new();
        for (number, rule) in (1..).zip(&self.rules) {
            if !rule.condition.holds(&facts) {
                continue;
            }
            for (name, slot, value) in &rule.set {
                facts.set(*slot, value);
                labels.retain(|(known, _): &(String, String)| known != name);
                labels.push((name.clone(), value.clone()));
            }
            match &rule.action {
                Action::GoOn => {}
                Action::Refuse(message) => {
                    let failure = Failure::new(FailureKind::InvalidRequest, message.as_str());
                    return Ok(Decision::Refuse(failure));
                }
                Action::Route(patterns, then) => {
                    let mut order = patterns.among(candidates);
                    if order.is_empty() {
                        passed_over.push_str(&format!("; rule {number} names none that is here"));
                        continue;
                    }
                    if *then == Then::Others {
                        let named = order.clone();
                        order.extend(candidates.indices().filter(|other| !named.contains(other)));
                    }
                    let why = format!("by rule {number} ({}){passed_over}", rule.reason);
                    return Ok(self.route(request, candidates, order, labels, &why));
                }
            }
        }
        match self.otherwise {
            Otherwise::Abstain => Ok(Decision::Abstain(labels)),
            Otherwise::Route => {
                let why = format!("in the route's order, as no rule decides{passed_over}");
                Ok(self.route(request, candidates, candidates.indices(), labels, &why))
            }
        }
    }
}

impl Rules {
    fn route(
        &self,
        request: &Request,
        candidates: &Candidates,
        order: impl IntoIterator<Item = u32>,
        labels: Vec<(String, String)>,
        why: &str,
    ) -> Decision {
        let ranking = Ranking::of(candidates, &Needed::features(request), order);
        let mut plan = ranking.plan(self.retries, why);
        plan.labels = labels;
        Decision::Route(plan)
    }
}

#[cfg(test)]
mod tests;
