//! What a configuration amounts to: all that is replaced together when it is read anew.
//!
//! A request takes one deployment when it begins and keeps it: it sees no other, however long it
//! lasts.

use crate::catalogue::Catalogue;
use crate::config::{Config, Route};
use crate::policy::Policy;
use crate::provider::Provider;
use crate::route::Routes;
use std::sync::Arc;
use std::time::Duration;

/// Everything that the configuration decides.
pub struct Deployment {
    /// Counts up from 1 while the process lives.
    pub number: u64,
    /// What was configured.
    pub config: Config,
    /// By the index that candidates name.
    pub providers: Vec<Arc<Provider>>,
    /// By the index that routes name.
    pub policies: Vec<Arc<Policy>>,
    /// What a model's name can mean.
    pub routes: Routes,
    /// What upstreams offer beyond what is configured.
    pub catalogue: Catalogue,
}

impl Deployment {
    /// A deployment of these parts; what stays of the one before it is known already.
    pub fn new(
        config: Config,
        providers: Vec<Arc<Provider>>,
        policies: Vec<Arc<Policy>>,
        before: Option<&Self>,
    ) -> Self {
        let routes = Routes::new(&config, &policies, |name| {
            // Another provider of the same name may be another upstream.
            let new = providers.iter().find(|provider| provider.configured.name == name)?;
            let before =
                before.filter(|before| before.providers.iter().any(|old| Arc::ptr_eq(old, new)));
            before.map(|before| &before.routes)
        });
        let number = before.map_or(1, |before| before.number + 1);
        Self { number, config, providers, policies, routes, catalogue: Catalogue::default() }
    }

    /// The provider of that name.
    pub fn provider(&self, name: &str) -> Option<&Arc<Provider>> {
        self.providers.iter().find(|provider| provider.configured.name == name)
    }

    /// The policy of that name.
    pub fn policy(&self, name: &str) -> Option<&Arc<Policy>> {
        self.policies.iter().find(|policy| policy.configured.name == name)
    }

    /// What is not as it was before, in the configuration's own words: `providers.house`,
    /// `models.house/m1`, `routes.default`…
    pub fn changes(&self, before: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        let name = |provider: &Arc<Provider>| provider.configured.name.clone();
        differences(
            "providers",
            &self.providers,
            &before.providers,
            name,
            Arc::ptr_eq,
            &mut changes,
        );
        let (new, old) = (&self.config.candidates, &before.config.candidates);
        differences("models", new, old, |model| model.id.clone(), PartialEq::eq, &mut changes);
        let name = |policy: &Arc<Policy>| policy.configured.name.clone();
        differences("policies", &self.policies, &before.policies, name, Arc::ptr_eq, &mut changes);
        let (new, old) = (&self.config.routes, &before.config.routes);
        let same = |new: &Route, old: &Route| self.meaning(new) == before.meaning(old);
        differences("routes", new, old, |route| route.name.clone(), same, &mut changes);
        changes
    }

    /// A route by the names of what it refers to.
    fn meaning(&self, route: &Route) -> (Vec<&str>, Vec<&str>, Option<Duration>, bool) {
        let policies = route.policies.iter().map(|index| &*self.config.policies[*index].name);
        let candidates = route.candidates.iter().map(|index| &*self.config.candidates[*index].id);
        (policies.collect(), candidates.collect(), route.timeout, route.private)
    }
}

/// What is new, what is other than it was, and what is gone.
fn differences<T>(
    kind: &str,
    new: &[T],
    old: &[T],
    name: impl Fn(&T) -> String,
    same: impl Fn(&T, &T) -> bool,
    changes: &mut Vec<String>,
) {
    let find = |among: &[T], wanted: &str| among.iter().position(|one| name(one) == wanted);
    for one in new {
        let name = name(one);
        match find(old, &name) {
            None => changes.push(format!("{kind}.{name} (new)")),
            Some(index) if !same(one, &old[index]) => changes.push(format!("{kind}.{name}")),
            Some(_) => {}
        }
    }
    let gone = old.iter().map(&name).filter(|name| find(new, name).is_none());
    changes.extend(gone.map(|name| format!("{kind}.{name} (gone)")));
}
