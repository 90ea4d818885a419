//! What a configuration amounts to: all that is replaced together when it is read anew.
//!
//! A request takes one deployment when it begins and keeps it: it sees no other, however long it
//! lasts.

use crate::cache::{Cache, Found, Keep, Wish};
use crate::catalogue::Catalogue;
use crate::config::{Config, Limit, Route, Tenant};
use crate::explain::Wanted;
use crate::limits::Limits;
use crate::policy::Policy;
use crate::provider::Provider;
use crate::request::Request;
use crate::route::{Routes, Target};
use crate::tenant::Callers;
use std::sync::Arc;

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
    /// Everybody who may ask.
    pub callers: Callers,
    /// How much of what may be used.
    pub limits: Arc<Limits>,
    /// What a model's name can mean.
    pub routes: Arc<Routes>,
    /// What upstreams offer beyond what is configured.
    pub catalogue: Catalogue,
    /// Answers that are given again, where the operator wants that.
    pub cache: Option<Arc<Cache>>,
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
            before.map(|before| &*before.routes)
        });
        let routes = Arc::new(routes);
        let number = before.map_or(1, |before| before.number + 1);
        let cache = config.cache.as_ref().map(|configured| Arc::new(Cache::new(configured)));
        let (callers, catalogue) = (Callers::of(&config), Catalogue::default());
        let limits = Arc::new(Limits::of(&config));
        Self { number, config, providers, policies, callers, limits, routes, catalogue, cache }
    }

    /// Whether a request was answered before. Who wants to know why it goes where it goes is not
    /// helped by that.
    pub fn answered(
        &self,
        request: &Request,
        target: &Target,
        wish: Wish,
        explain: Wanted,
    ) -> Found {
        match &self.cache {
            Some(cache) if explain == Wanted::Nothing => {
                cache.find(request, target.cache, wish, || self.versions(&request.id))
            }
            _ => Found::Miss(Keep::default()),
        }
    }

    /// The versions of all plugins that the request of this id meets: of others it would be
    /// answered otherwise.
    fn versions(&self, request: &str) -> Vec<u64> {
        let providers = self.providers.iter().map(|it| it.plugin.pin_for(request).id);
        let policies = self.policies.iter().map(|it| it.plugin.pin_for(request).id);
        providers.chain(policies).collect()
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
        let (new, old) = (&self.config.tenants, &before.config.tenants);
        let name = |tenant: &Tenant| tenant.name.to_string();
        differences("tenants", new, old, name, PartialEq::eq, &mut changes);
        let (new, old) = (&self.config.limits, &before.config.limits);
        let name = |limit: &Limit| limit.name.to_string();
        differences("limits", new, old, name, PartialEq::eq, &mut changes);
        for (name, changed) in [
            ("clients", self.config.clients != before.config.clients),
            ("cache", self.config.cache != before.config.cache),
        ] {
            changes.extend(changed.then(|| name.to_owned()));
        }
        changes
    }

    /// A route by the names of what it refers to.
    fn meaning<'a>(&'a self, route: &'a Route) -> impl PartialEq + 'a {
        let policies = route.policies.iter().map(|index| &*self.config.policies[*index].name);
        let candidates = route.candidates.iter().map(|index| &*self.config.candidates[*index].id);
        let (policies, candidates): (Vec<_>, Vec<_>) = (policies.collect(), candidates.collect());
        let terms = (route.timeout, route.private, route.cache, route.over_budget);
        (route.tenant.as_deref(), policies, candidates, terms)
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
