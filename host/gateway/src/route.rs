//! From the name that a client asked for to the candidates that it may mean.

use crate::candidate::Candidate;
use crate::config::{
    Candidate as Configured, Config, Keeping, Naming, OverBudget, Prices,
    Provider as ConfiguredProvider, Scope,
};
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::tenant::Caller;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The name by which a client leaves the choice to the gateway.
const AUTO: &str = "auto";
/// The route that [`AUTO`] means.
const DEFAULT: &str = "default";
/// Models that clients may name beyond those that are configured, over all providers.
const MOST_OPEN: usize = 1_000;

/// Where a request may go, before a policy has chosen.
#[derive(Clone)]
pub struct Target {
    /// The route's name.
    pub route: Arc<str>,
    /// The tenant whose own the route is; `None`: everybody's.
    pub tenant: Option<Arc<str>>,
    /// Who decides, in order.
    pub policies: Arc<[Arc<Policy>]>,
    /// In the route's order.
    pub candidates: Arc<[Arc<Candidate>]>,
    /// For the whole request, where the route says.
    pub timeout: Option<Duration>,
    /// Whatever goes down this route stays on the operator's machines.
    pub private: bool,
    /// Whose answers are given again.
    pub cache: Keeping,
    /// What becomes of requests for which a budget is spent.
    pub over_budget: OverBudget,
    /// Candidates that may not serve the request, and why.
    pub removed: Vec<(Arc<Candidate>, &'static str)>,
}

/// Everything that a model's name can mean.
pub struct Routes {
    named: HashMap<String, Target>,
    /// "provider/model" → the candidate.
    candidates: Vec<Arc<Candidate>>,
    by_id: HashMap<String, Arc<Candidate>>,
    /// Providers whose models need not be listed, by name.
    open: HashMap<String, (usize, ConfiguredProvider)>,
    opened: Mutex<HashMap<String, Arc<Candidate>>>,
}

impl Routes {
    /// The routes of a configuration. Candidates of the providers that `kept` knows by their
    /// names are known already, from those routes.
    pub fn new<'a>(
        config: &Config,
        policies: &[Arc<Policy>],
        kept: impl Fn(&str) -> Option<&'a Self>,
    ) -> Self {
        let index = |name: &str| config.providers.iter().position(|known| known.name == name);
        let candidate = |profile: &Configured| {
            let provider = profile.provider();
            let before = kept(provider).and_then(|routes| routes.known(&profile.id));
            // A configuration names no candidate without its provider.
            let new = Candidate::new(profile.clone(), index(provider).unwrap_or_default());
            Arc::new(match before {
                Some(before) => new.known_as(&before),
                None => new,
            })
        };
        let candidates: Vec<Arc<Candidate>> = config.candidates.iter().map(candidate).collect();
        let named = config.routes.iter().map(|route| {
            let target = Target {
                route: route.name.as_str().into(),
                tenant: route.tenant.clone(),
                policies: route.policies.iter().map(|index| policies[*index].clone()).collect(),
                candidates: route.candidates.iter().map(|i| candidates[*i].clone()).collect(),
                timeout: route.timeout,
                private: route.private,
                cache: route.cache,
                over_budget: route.over_budget,
                removed: Vec::new(),
            };
            (route.name.clone(), target)
        });
        let by_id: HashMap<_, _> =
            candidates.iter().map(|c| (c.profile.id.clone(), c.clone())).collect();
        let providers = config.providers.iter().enumerate();
        let open = providers
            .filter(|(_, provider)| provider.open_models)
            .map(|(index, provider)| (provider.name.clone(), (index, provider.clone())))
            .collect();
        let mut opened = HashMap::new();
        for provider in config.providers.iter().filter(|provider| provider.open_models) {
            let before = kept(&provider.name).map(|routes| routes.lock()).into_iter();
            for (id, before) in before.flat_map(|opened| opened.clone()) {
                if before.profile.provider() == provider.name && !by_id.contains_key(&id) {
                    opened.insert(id, candidate(&before.profile));
                }
            }
        }
        let opened = Mutex::new(opened);
        Self { named: named.collect(), candidates, by_id, open, opened }
    }

    /// The candidate of that id, listed or opened.
    fn known(&self, id: &str) -> Option<Arc<Candidate>> {
        self.by_id.get(id).cloned().or_else(|| self.lock().get(id).cloned())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Candidate>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every candidate of a provider, those that clients opened included.
    pub fn of(&self, provider: &str) -> Vec<Arc<Candidate>> {
        let mut all = self.candidates.clone();
        all.extend(self.lock().values().cloned());
        all.retain(|candidate| candidate.profile.provider() == provider);
        all
    }

    /// Every configured candidate, in the configuration's order.
    pub fn candidates(&self) -> &[Arc<Candidate>] {
        &self.candidates
    }

    /// What the name means to that client. What is the own of tenants that it is not of does not
    /// exist for it.
    ///
    /// # Errors
    ///
    /// 404 with the nearest names, if it means nothing; 403 if it means only what that client may
    /// not ask for.
    pub fn find(&self, asked: &str, caller: &Caller) -> Result<Target, Refusal> {
        let scope = &caller.scope;
        let kinds = Naming::ALL.into_iter().filter(|kind| may_name(scope, *kind, asked));
        let mut found = kinds.filter_map(|kind| self.meaning(kind, asked, caller));
        if let Some(target) = found.next() {
            return target.within(asked, scope);
        }
        let mut known = Naming::ALL.into_iter().filter(|kind| self.is_known(*kind, asked, caller));
        Err(match known.next() {
            Some(kind) if scope.may_name(kind) => Refusal::out_of_scope(asked),
            Some(kind) => Refusal::forbidden_name(asked, kind, &scope.may_name),
            None => Refusal::unknown_model(asked, &self.nearest(asked, caller)),
        })
    }

    /// What it means as a name of that kind.
    fn meaning(&self, kind: Naming, asked: &str, caller: &Caller) -> Option<Target> {
        let sees = |it: &&Arc<Candidate>| caller.sees(it.profile.tenant.as_ref());
        match kind {
            Naming::Routes => self.route(asked, caller),
            Naming::Candidates => {
                let known = self.by_id.get(asked).filter(sees).cloned();
                let candidate = known.or_else(|| self.open(asked, caller))?;
                // Who names a candidate has decided: no policy is asked.
                Some(Target::named(asked, Arc::from([]), Arc::from([candidate])))
            }
            Naming::Models => {
                let bare = self.candidates.iter().filter(|c| c.profile.bare() == asked);
                let candidates: Arc<[Arc<Candidate>]> = bare.filter(sees).cloned().collect();
                let default = self.named.get(DEFAULT);
                let policies = default.map_or_else(|| Arc::from([]), |it| it.policies.clone());
                (!candidates.is_empty()).then(|| Target::named(asked, policies, candidates))
            }
        }
    }

    /// Whether it is a name of that kind. Nothing comes into being by being asked for here.
    fn is_known(&self, kind: Naming, asked: &str, caller: &Caller) -> bool {
        match kind {
            Naming::Candidates => {
                let listed = self.by_id.get(asked);
                let open = asked.split_once('/').and_then(|(provider, _)| self.open.get(provider));
                let own = listed.map(|it| it.profile.tenant.as_ref());
                let own = own.or_else(|| open.map(|(_, provider)| provider.tenant.as_ref()));
                own.is_some_and(|own| caller.sees(own))
            }
            Naming::Routes | Naming::Models => self.meaning(kind, asked, caller).is_some(),
        }
    }

    /// The route of that name, and nothing else that a name can mean, as it is for that client.
    pub fn route(&self, name: &str, caller: &Caller) -> Option<Target> {
        let named = self.named.get(if name == AUTO { DEFAULT } else { name });
        named.filter(|target| caller.sees(target.tenant.as_ref())).cloned()?.seen_by(caller)
    }

    /// A candidate for a model that is not listed, at a provider that takes any.
    fn open(&self, asked: &str, caller: &Caller) -> Option<Arc<Candidate>> {
        let (provider, model) = asked.split_once('/')?;
        let open = self.open.get(provider);
        let (index, provider) = open.filter(|(_, it)| caller.sees(it.tenant.as_ref()))?;
        if model.is_empty() || model.len() > 256 {
            return None;
        }
        let mut opened = self.lock();
        if let Some(candidate) = opened.get(asked) {
            return Some(candidate.clone());
        }
        if opened.len() == MOST_OPEN {
            // What is forgotten is only how these did of late.
            opened.clear();
        }
        let known = provider.catalogue.iter().find(|known| known.id == asked).cloned();
        let unknown = || Configured {
            id: asked.to_owned(),
            tenant: provider.tenant.clone(),
            model: model.to_owned(),
            priority: provider.priority,
            operations: Vec::new(),
            features: Vec::new(),
            tags: Vec::new(),
            local: provider.local,
            context_tokens: None,
            max_output_tokens: None,
            concurrency: None,
            prices: Prices::default(),
        };
        let candidate = Arc::new(Candidate::new(known.unwrap_or_else(unknown), *index));
        opened.insert(asked.to_owned(), candidate.clone());
        Some(candidate)
    }

    /// The names of that kind that a client may ask for.
    pub fn names_of(&self, kind: Naming, caller: &Caller) -> Vec<&str> {
        let scope = &caller.scope;
        if !scope.may_name(kind) {
            return Vec::new();
        }
        let may = |it: &&Arc<Candidate>| {
            caller.sees(it.profile.tenant.as_ref()) && scope.may_use(&it.profile.id)
        };
        let profiles = self.candidates.iter().filter(may).map(|candidate| &candidate.profile);
        match kind {
            Naming::Routes => {
                let may = |(name, target): &(&String, &Target)| {
                    let sees = caller.sees(target.tenant.as_ref()) && scope.may_take(name);
                    sees && target.candidates.iter().any(|it| may(&it))
                };
                self.named.iter().filter(may).map(|(name, _)| name.as_str()).collect()
            }
            Naming::Candidates => profiles.map(|profile| profile.id.as_str()).collect(),
            Naming::Models => profiles.map(|profile| profile.bare()).collect(),
        }
    }

    /// Those that are most like it.
    fn nearest(&self, asked: &str, caller: &Caller) -> Vec<String> {
        let auto = may_name(&caller.scope, Naming::Routes, AUTO).then_some(AUTO);
        let mut near: Vec<(f64, &str)> = Naming::ALL
            .into_iter()
            .flat_map(|kind| self.names_of(kind, caller))
            .chain(auto)
            .map(|name| (strsim::jaro_winkler(name, asked), name))
            .filter(|(likeness, _)| *likeness > 0.7)
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        near.dedup_by_key(|(_, name)| *name);
        near.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
    }
}

/// Whether a client of that scope may ask by this name of that kind, if there is one. Nothing comes
/// into being for one who may not.
fn may_name(scope: &Scope, kind: Naming, asked: &str) -> bool {
    let this = match kind {
        Naming::Routes => scope.may_take(if asked == AUTO { DEFAULT } else { asked }),
        Naming::Candidates => scope.may_use(asked),
        Naming::Models => true,
    };
    this && scope.may_name(kind)
}

impl Target {
    /// What somebody means who names no route.
    fn named(asked: &str, policies: Arc<[Arc<Policy>]>, candidates: Arc<[Arc<Candidate>]>) -> Self {
        let route = asked.into();
        let (tenant, timeout, private) = (None, None, false);
        let (cache, over_budget, removed) = (Keeping::Sound, OverBudget::Refuse, Vec::new());
        Self { route, tenant, policies, candidates, timeout, private, cache, over_budget, removed }
    }

    /// Without what is the own of tenants that a client is not of. By the configuration alone there
    /// is none of it in a route that the client sees; a ledger may say otherwise who is part of whom.
    fn seen_by(mut self, caller: &Caller) -> Option<Self> {
        let sees = |own: &Option<Arc<str>>| caller.sees(own.as_ref());
        if !self.candidates.iter().all(|it| sees(&it.profile.tenant)) {
            let seen = self.candidates.iter().filter(|it| sees(&it.profile.tenant));
            self.candidates = seen.cloned().collect();
        }
        if !self.policies.iter().all(|it| sees(&it.configured.tenant)) {
            let seen = self.policies.iter().filter(|it| sees(&it.configured.tenant));
            self.policies = seen.cloned().collect();
        }
        (!self.candidates.is_empty()).then_some(self)
    }

    /// Leaves what whoever asks for it within that scope may use.
    ///
    /// # Errors
    ///
    /// 403 where that is nothing.
    pub fn within(mut self, asked: &str, scope: &Scope) -> Result<Self, Refusal> {
        self.private |= scope.private;
        self.remove("whoever asks may not use it", |it| scope.may_use(&it.profile.id));
        let left = !self.candidates.is_empty();
        left.then_some(self).ok_or_else(|| Refusal::out_of_scope(asked))
    }

    /// Leaves the candidates that may serve the request at all, before any policy sees them:
    /// those that have the operation and, if it is private, run on the operator's machines.
    ///
    /// # Errors
    ///
    /// Why none is left.
    pub fn narrowed(mut self, request: &Request) -> Result<Self, Refusal> {
        let operation = request.operation.needed().name();
        self.remove("it does not have the operation", |candidate| {
            let operations = &candidate.profile.operations;
            operations.is_empty() || operations.iter().any(|known| known == operation)
        });
        if self.candidates.is_empty() {
            let why = format!("No model of {:?} has the operation {operation:?}.", request.asked);
            return Err(Refusal::none_left(why));
        }
        if self.private || request.is_private() {
            self.make_private(&request.asked)?;
        }
        Ok(self)
    }

    /// Leaves the candidates that run on the operator's machines.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn make_private(&mut self, asked: &str) -> Result<(), Refusal> {
        self.remove("it is not local, and the request is private", |it| it.profile.local);
        if self.candidates.is_empty() {
            let why = format!("The request is private, and no model of {asked:?} runs locally.");
            return Err(Refusal::none_left(why));
        }
        Ok(())
    }

    fn remove(&mut self, why: &'static str, may: impl Fn(&Candidate) -> bool) {
        // Nearly always all of them may, and nothing is made anew.
        if self.candidates.iter().all(|candidate| may(candidate)) {
            return;
        }
        let (left, gone): (Vec<_>, Vec<_>) =
            self.candidates.iter().cloned().partition(|candidate| may(candidate));
        self.removed.extend(gone.into_iter().map(|candidate| (candidate, why)));
        self.candidates = left.into();
    }
}
