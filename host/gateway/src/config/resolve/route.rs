//! Routes: names and patterns turned into the candidates and policies that they mean.

use super::own::Whose;
use super::provider::{Models, candidate};
use super::{IMPLIED_POLICY, Policies, Resolver};
use crate::config::pattern::matches;
use crate::config::problem::{At, hint};
use crate::config::resolved::{Keeping, OverBudget, Route};
use crate::config::said;

/// The route of a client that asks for `auto`.
const DEFAULT: &str = "default";
/// How many models of a provider are listed in a message.
const LISTED: usize = 8;

impl Resolver<'_> {
    pub(super) fn routes(
        &mut self,
        said: Vec<(At<String>, said::Route)>,
        policies: &mut Policies,
        models: &mut Models,
    ) -> Vec<Route> {
        let implied = said.iter().all(|(name, _)| name.value != DEFAULT);
        let mut routes = Vec::new();
        for (name, said) in said {
            routes.push(self.route(name, said, policies, models));
        }
        if implied {
            routes.extend(implied_route(policies, models));
        }
        routes
    }

    fn route(
        &mut self,
        name: At<String>,
        said: said::Route,
        policies: &mut Policies,
        models: &mut Models,
    ) -> Route {
        self.name("route", &name);
        if name.value == "auto" {
            let text = "[routes.auto] cannot be: `auto` is how a client asks for [routes.default]";
            self.report(&name.place, text);
        }
        let table = format!("routes.{}", name.value);
        let mut whose = self.whose(&table, said.whose);
        if name.value == DEFAULT {
            whose = self.everybodys(&name, &table, whose, "it is what `auto` means");
        }
        let called = said
            .policies
            .unwrap_or_else(|| vec![At::new(IMPLIED_POLICY.into(), name.place.clone())]);
        let mut chosen = Vec::new();
        for policy in called {
            match policies.find(&policy.value) {
                Ok(index) => {
                    let what = format!("policy `{}`", policy.value);
                    self.seen(&table, &policy, &what, &whose, &policies.whose[index]);
                    chosen.push(index);
                }
                Err(hint) => {
                    self.report(
                        &policy.place,
                        format!("[{table}] there is no policy `{}`{hint}", policy.value),
                    );
                }
            }
        }
        let mut candidates = Vec::new();
        match said.candidates {
            Some(At { value: listed, place }) => {
                if listed.is_empty() && !said.candidates_unclear {
                    self.report(
                        &place,
                        format!(
                            "[{table}] `candidates` is empty; \
                             expected such as \"provider/model\" or \"provider/*\""
                        ),
                    );
                }
                for id in listed {
                    self.candidates(&table, &whose, &id, models, &mut candidates);
                }
            }
            None if said.candidates_unclear => {}
            None => {
                self.report(
                    &name.place,
                    format!(
                        "[{table}] has no `candidates`; expected a list such as [\"provider/*\"]"
                    ),
                );
            }
        }
        let private = said.private.unwrap_or(false);
        let cache = said.cache.map_or(Keeping::Sound, |said| said.value);
        let (name, tenant, timeout) = (name.value, whose.tenant(), said.timeout);
        let over_budget = said.over_budget.unwrap_or_default();
        Route { name, tenant, policies: chosen, candidates, timeout, private, cache, over_budget }
    }

    /// Reports what a route refers to and may not. Returns whether it may.
    fn seen(
        &mut self,
        table: &str,
        said: &At<String>,
        what: &str,
        route: &Whose,
        whose: &Whose,
    ) -> bool {
        let seen = self.owners.sees(route, whose);
        if let (false, Whose::Tenants(tenant)) = (seen, whose) {
            let text = format!(
                "[{table}] {what} is tenant `{tenant}`'s own, and the route is not; expected \
                 `tenant = \"{tenant}\"` in the route, or one that is part of it"
            );
            self.report(&said.place, text);
        }
        seen
    }

    /// A route whose answers are to be kept, where there is nothing to keep them in.
    pub(super) fn nothing_is_kept(&mut self, said: &[(At<String>, said::Route)]) {
        for (name, route) in said {
            let Some(said) = &route.cache else { continue };
            if matches!(said.value, Keeping::All(_)) {
                let text = format!(
                    "[routes.{}] `cache` keeps nothing, for there is no table [cache]; add one, \
                     such as [cache] max_bytes = \"64MiB\"",
                    name.value
                );
                self.report(&said.place, text);
            }
        }
    }

    /// Adds what an id or a pattern stands for; what is there already keeps its place. A pattern
    /// passes over what is the own of tenants that the route is not of.
    fn candidates(
        &mut self,
        table: &str,
        whose: &Whose,
        said: &At<String>,
        models: &mut Models,
        chosen: &mut Vec<usize>,
    ) {
        let mut found = false;
        for (index, candidate) in models.candidates.iter().enumerate() {
            let seen = || self.owners.sees(whose, models.whose(candidate.provider()));
            if matches(&said.value, &candidate.id) && seen() {
                found = true;
                if !chosen.contains(&index) {
                    chosen.push(index);
                }
            }
        }
        if found {
            return;
        }
        let provider = said.value.split_once('/').map_or("", |(provider, _)| provider);
        let what = format!("candidate `{}`", said.value);
        if !self.seen(table, said, &what, whose, models.whose(provider)) {
            return;
        }
        match missing(&said.value, models) {
            Missing::Add(provider, model) => {
                let known = &models.providers[provider];
                let candidate = candidate(known, known.model(model));
                models.candidates.push(candidate);
                chosen.push(models.candidates.len() - 1);
            }
            Missing::Unclear => {}
            Missing::Wrong(why) => {
                self.report(&said.place, format!("[{table}] candidate `{}` {why}", said.value))
            }
        }
    }
}

/// What to do about an id or a pattern that no known model matches.
enum Missing {
    /// Its provider takes any model: it becomes a candidate by being named.
    Add(usize, String),
    /// Its provider could not be read, which was reported already.
    Unclear,
    Wrong(String),
}

fn missing(id: &str, models: &Models) -> Missing {
    let Some((provider, model)) = id.split_once('/').filter(|(_, model)| !model.is_empty()) else {
        if models.providers.iter().any(|known| known.unclear) && id.contains('*') {
            return Missing::Unclear;
        }
        let why =
            if id.contains('*') { "matches no model" } else { "is not of the form provider/model" };
        return Missing::Wrong(why.into());
    };
    let Some(index) = models.providers.iter().position(|known| known.name == provider) else {
        if provider.contains('*') {
            let unclear = models.providers.iter().any(|known| known.unclear);
            return if unclear {
                Missing::Unclear
            } else {
                Missing::Wrong("matches no model".into())
            };
        }
        let names = models.providers.iter().map(|known| known.name.as_str()).collect::<Vec<_>>();
        let hint = hint(provider, "providers", &names);
        return Missing::Wrong(format!("does not exist: there is no provider `{provider}`{hint}"));
    };
    let known = &models.providers[index];
    let listed = models.candidates.iter().filter(|candidate| candidate.provider() == provider);
    let listed = listed.map(|candidate| candidate.bare()).collect::<Vec<_>>();
    match (known.unclear, model.contains('*')) {
        (true, _) => Missing::Unclear,
        (false, false) if known.open => Missing::Add(index, model.to_owned()),
        (false, true) if listed.is_empty() => Missing::Wrong(format!(
            "matches no model: provider `{provider}` lists none; \
             list them in its `models`, or name them here"
        )),
        (false, pattern) => {
            let verb = if pattern { "matches no model" } else { "does not exist" };
            let has = if listed.len() > LISTED {
                hint(model, "among others it has", &listed[..LISTED])
            } else {
                format!("; provider `{provider}` has: {}", listed.join(", "))
            };
            Missing::Wrong(format!("{verb}{has}"))
        }
    }
}

/// Every model that can chat and is everybody's, by its provider's priority. There is none where no
/// model is known: clients then name `provider/model`.
fn implied_route(policies: &mut Policies, models: &Models) -> Option<Route> {
    let chats = |index: &usize| {
        let candidate = &models.candidates[*index];
        let everybodys = *models.whose(candidate.provider()) == Whose::Everybodys;
        everybodys && candidate.operations.iter().any(|said| said == "chat")
    };
    let mut candidates = (0..models.candidates.len()).filter(chats).collect::<Vec<_>>();
    if candidates.is_empty() {
        return None;
    }
    candidates.sort_by_key(|index| models.candidates[*index].priority);
    let policies = policies.find(IMPLIED_POLICY).into_iter().collect();
    let (tenant, timeout, private, cache) = (None, None, false, Keeping::Sound);
    let (name, over_budget) = (DEFAULT.into(), OverBudget::Refuse);
    Some(Route { name, tenant, policies, candidates, timeout, private, cache, over_budget })
}
