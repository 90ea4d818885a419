//! From what the file says to what a configuration says: whom rules and the chain mean, and in
//! which order they are asked.

use super::json::{Found, Spot, Text};
use super::provider::Known;
use super::{Imported, RULES, Rule, said};
use crate::bundle;
use crate::config::PluginSource;
use crate::policy::PolicyWorld;
use portcullis_sandbox::World as _;
use serde_json::json;
use std::path::Path;

/// As often as policies try a candidate again at most.
const RETRIES: u64 = 5;

/// The providers as they come to be known.
struct Providers {
    known: Vec<Known>,
    /// Of the file, and impossible, which was said.
    left_out: Vec<String>,
}

/// The configuration that a file amounts to. What is missing in it is in `found`.
pub(super) fn translate(name: &str, whole: &Spot, file: said::File, found: &mut Found) -> Imported {
    let mut providers = Providers { known: Vec::new(), left_out: Vec::new() };
    for said in file.providers {
        let name = said.name.value.clone();
        match Known::described(said, found) {
            Some(known) => providers.known.push(known),
            None => providers.left_out.push(name),
        }
    }
    let described = providers.known.len();
    let rules: Vec<_> = file.rules.into_iter().map(|rule| providers.rule(rule, found)).collect();
    let fallback = file.chain.is_some();
    let mut candidates: Vec<_> = match &file.chain {
        Some(chain) => {
            let names = chain.providers.iter();
            names.filter_map(|name| providers.of_chain(name, found)).collect()
        }
        None => providers.known[..described].iter().filter_map(Known::by_default).collect(),
    };
    // A rule chooses among the route's candidates. Those that no chain names come last.
    candidates.extend(rules.iter().filter(|rule| !rule.left_out).map(|rule| rule.to.clone()));
    let candidates = each_once(candidates);
    if candidates.is_empty() && found.problems.is_empty() {
        let text = "leaves nobody to ask; expected a provider with a preset or a `baseURL`, and \
                    with `models`";
        found.problem(whole, text);
    }
    let file_name = Path::new(name).file_name().unwrap_or_default();
    Imported {
        file: file_name.to_string_lossy().into_owned(),
        providers: providers.known.into_iter().map(Known::into_provider).collect(),
        rules,
        policy: file.strategy.and_then(|text| policy(&text, found)),
        retries: file.attempts.map(|attempts| attempts.min(RETRIES)),
        fallback,
        candidates,
        left: Vec::new(),
    }
}

impl Providers {
    fn rule(&mut self, said: said::Rule, found: &mut Found) -> Rule {
        let (name, model) = (&said.provider.value, said.model.map(|text| text.value));
        let to = match (self.find(name), &model) {
            (Ok(known), Some(model)) => Ok(format!("{name}/{}", known.named(model))),
            (Ok(known), None) => known.by_default().ok_or_else(|| no_model(name)),
            (Err(why), _) => Err(why),
        };
        let left_out = to.is_err();
        let to = to.unwrap_or_else(|why| {
            found.leave(&said.at, format!("the rule is left out: {why}"));
            format!("{name}/{}", model.as_deref().unwrap_or("*"))
        });
        let reason = said.reason.map(|text| text.value);
        Rule { condition: said.condition.value, to, reason, left_out }
    }

    /// Whom the name of a provider means in the chain.
    fn of_chain(&mut self, name: &Text, found: &mut Found) -> Option<String> {
        let candidate = match self.find(&name.value) {
            Ok(known) => known.by_default().ok_or_else(|| no_model(&name.value)),
            Err(why) => Err(why),
        };
        candidate.map_err(|why| found.leave(&name.at, why)).ok()
    }

    /// The provider of that name; one that the file does not describe comes into being by its
    /// preset.
    fn find(&mut self, name: &str) -> Result<&mut Known, String> {
        if self.left_out.iter().any(|other| other == name) {
            return Err(format!("`{name}` is left out"));
        }
        let known = self.known.iter().position(|known| known.provider.name == name);
        let index = match known {
            Some(index) => index,
            None => {
                let nobody =
                    || format!("there is no provider `{name}`, and no preset of that name");
                self.known.push(Known::by_preset(name).ok_or_else(nobody)?);
                self.known.len() - 1
            }
        };
        Ok(&mut self.known[index])
    }
}

fn no_model(name: &str) -> String {
    format!("nobody says which model of `{name}` is meant")
}

/// The policy that comes with the program and bears a strategy's name. One that only labels
/// requests, and so tries nobody again, is none.
fn policy(strategy: &Text, found: &mut Found) -> Option<String> {
    let is_policy = |name: &str| {
        let package = bundle::fetch(&PluginSource::Bundled(name.to_owned()), None);
        let plans = json!({ "retries": 1 });
        package.map(|package| package.manifest).is_ok_and(|manifest| {
            manifest.world == PolicyWorld::NAME && manifest.problems_of(&plans).is_empty()
        })
    };
    if is_policy(&strategy.value) && strategy.value != RULES {
        return Some(strategy.value.clone());
    }
    let policies = bundle::names().filter(|name| is_policy(name) && *name != RULES);
    let policies = policies.collect::<Vec<_>>().join(", ");
    found.leave(&strategy.at, format!("no policy has that name; there are: {policies}"));
    None
}

fn each_once(names: Vec<String>) -> Vec<String> {
    let mut once: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    once
}
