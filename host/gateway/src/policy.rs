//! Asks a route's policies, in their order, until one does not abstain.
//!
//! Each is asked in a fresh sandbox. What it answers is a proposal: [`crate::plan`] decides
//! what becomes of it.

use crate::candidate::{Candidate, Choice};
use crate::completion::{Asking, Way};
use crate::conduct::Ended;
use crate::config::Policy as Configured;
use crate::contract::{
    self, FailureKind, Reported, candidacy, completions, policies, policy, requests,
};
use crate::explain::Said;
use crate::failure;
use crate::installed::Installed;
use crate::memory::Recalled;
use crate::observe::Observer;
use crate::request::{Keeps, Lent, Request, Serving, is_private};
use crate::route::Target;
use crate::version::{self, Kind, Making};
use crate::wire::dialect::Dialect;
use crate::words;
use portcullis_sandbox::{Digest, Fault, Grants, Import, Manifest, State, World};
use std::sync::Arc;
use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, HasSelf, Instance, InstancePre, Linker, Resource};

const INTERFACE: &str = "portcullis:plugin/policy@0.1.0";

/// The world of policies.
pub struct PolicyWorld;

impl World for PolicyWorld {
    const NAME: &'static str = "portcullis:plugin/policy-plugin@0.1.0";
    type Data = Serving;
    type Guest = Guest;
    type Indices = Arc<Indices>;
    type Description = policies::Description;

    fn imports() -> &'static [Import] {
        const fn free(interface: &'static str) -> Import {
            Import { interface, capability: None }
        }
        const COMPLETIONS: &str = "portcullis:plugin/completions";
        const IMPORTS: &[Import] = &[
            free("portcullis:plugin/types"),
            free("portcullis:plugin/requests"),
            free("portcullis:plugin/candidacy"),
            Import { interface: COMPLETIONS, capability: Some("ask") },
        ];
        IMPORTS
    }

    fn link(linker: &mut Linker<State<Serving>>, interface: &str) -> wasmtime::Result<()> {
        match interface {
            "portcullis:plugin/types" => Ok(()),
            "portcullis:plugin/requests" => {
                requests::add_to_linker::<_, HasSelf<State<Serving>>>(linker, |state| state)
            }
            "portcullis:plugin/completions" => {
                completions::add_to_linker::<_, HasSelf<State<Serving>>>(linker, |state| state)
            }
            "portcullis:plugin/candidacy" => {
                candidacy::add_to_linker::<_, HasSelf<State<Serving>>>(linker, |state| state)
            }
            _ => Err(wasmtime::format_err!("this version has no such interface yet")),
        }
    }

    fn indices(pre: &InstancePre<State<Serving>>) -> wasmtime::Result<Self::Indices> {
        let all = policy::PolicyPluginIndices::new(pre)?;
        let decide = contract::index(pre.component(), INTERFACE, "decide")?;
        Ok(Arc::new(Indices { all, decide }))
    }

    fn guest(indices: &Self::Indices, instance: Instance) -> Guest {
        Guest { instance, indices: indices.clone() }
    }

    fn nobody() -> Serving {
        Serving::default()
    }

    async fn describe(
        guest: &Guest,
        store: &mut Store<State<Serving>>,
    ) -> wasmtime::Result<policies::Description> {
        let all = guest.indices.all.load(&mut *store, &guest.instance)?;
        all.portcullis_plugin_policy().call_describe(store).await
    }

    async fn configure(
        guest: &Guest,
        store: &mut Store<State<Serving>>,
        settings: &str,
    ) -> wasmtime::Result<Result<(), String>> {
        let all = guest.indices.all.load(&mut *store, &guest.instance)?;
        all.portcullis_plugin_policy().call_configure(store, &settings.to_owned()).await
    }
}

/// Where a policy's exports are.
pub struct Indices {
    all: policy::PolicyPluginIndices,
    decide: ComponentExportIndex,
}

/// A policy's exports in one sandbox: while it serves, `decide` alone, for wasmtime compares
/// the type of whatever it hands out with ours, in each instance anew.
pub struct Guest {
    instance: Instance,
    indices: Arc<Indices>,
}

impl Guest {
    async fn decide(
        &self,
        store: &mut Store<State<Serving>>,
        request: Resource<Lent>,
        candidates: Resource<Choice>,
    ) -> wasmtime::Result<Result<policies::Decision, String>> {
        type Decided = Result<policies::Decision, String>;
        let decide =
            self.instance.get_typed_func::<(Resource<Lent>, Resource<Choice>), (Decided,)>(
                &mut *store,
                self.indices.decide,
            )?;
        let (decided,) = decide.call_async(store, (request, candidates)).await?;
        Ok(decided)
    }

    async fn observe(
        &self,
        store: &mut Store<State<Serving>>,
        outcomes: &[policies::Outcome],
    ) -> wasmtime::Result<()> {
        let all = self.indices.all.load(&mut *store, &self.instance)?;
        all.portcullis_plugin_policy().call_observe(store, outcomes).await
    }
}

/// A policy that routes can name.
pub struct Policy {
    /// What the operator calls it.
    pub name: Arc<str>,
    /// As the operator configured it.
    pub configured: Configured,
    /// The package that it was configured with.
    pub package: Digest,
    /// Its plugin, which can be replaced while requests are under way.
    pub plugin: Arc<Installed<PolicyWorld>>,
    /// The routes that it may ask, where there are any: `ask:ROUTE`.
    pub asks: Option<Arc<Grants>>,
    /// Where what became of its decisions waits for it.
    pub observer: Observer,
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Policy {
    /// Whether it wants to know what becomes of its decisions.
    pub fn wants_outcomes(&self) -> bool {
        self.plugin.pin().value.plugin.description().wants_outcomes
    }

    /// Tells it what became of its decisions about a tenant's requests.
    ///
    /// # Errors
    ///
    /// What it did instead of taking note.
    pub async fn observe(
        &self,
        tenant: &Arc<str>,
        outcomes: &[policies::Outcome],
    ) -> Result<(), Fault> {
        let generation = self.plugin.pin();
        let keeps = Keeps { policy: self.name.clone(), tenant: tenant.clone() };
        let serving = Serving { keeps: Some(keeps), ..Serving::default() };
        let mut sandbox = generation.value.plugin.sandbox(serving).await?;
        let (guest, store, watch) = sandbox.enter();
        watch.over(guest.observe(store, outcomes)).await
    }
}

/// What a policy may.
#[derive(Clone, Copy, Debug)]
pub struct Rights {
    /// Whether it may read what people wrote.
    pub readable: bool,
    /// Whether it may keep state.
    pub keeps: bool,
    /// Whether what it does outlives its answer: it may remember, or have others work for it.
    pub acts: bool,
}

impl Kind for PolicyWorld {
    const TABLE: &'static str = "policies";
    type Configured = Configured;
    type Answer = policies::Decision;
    type Facts = Rights;

    fn making(configured: &Configured) -> Making<'_> {
        Making {
            name: &configured.name,
            settings: &configured.settings,
            grants: &configured.grants,
            limits: &configured.limits,
            remember: configured.remember,
        }
    }

    fn facts(configured: &Configured, manifest: &Manifest) -> Result<Rights, String> {
        const READ: &str = "read-prompt";
        let grants: Grants = configured.grants.iter().cloned().collect();
        let may = |capability: &str| manifest.asks_for(capability) && grants.allows(capability);
        Ok(Rights {
            readable: may(READ),
            keeps: may("kv"),
            acts: ["kv", "ask", "inference"].into_iter().any(may),
        })
    }

    fn fits(old: &policies::Description, new: &policies::Description) -> Result<(), String> {
        let (old, new) = (&old.state_schema, &new.state_schema);
        // Who keeps nothing reads nothing that it could not read.
        if old == new || old.is_empty() || new.is_empty() {
            return Ok(());
        }
        Err(format!(
            "it keeps its state as {new:?}, and the version that serves as {old:?}; configure it \
             under a name of its own, where it begins anew"
        ))
    }
}

/// What came of asking.
#[derive(Debug, Default)]
pub struct Answered {
    /// Who decided, and what; `None` if all abstained or failed.
    pub decision: Option<(String, Decision)>,
    /// Labels of those that abstained.
    pub labels: Vec<(String, String)>,
    /// Policies that could not answer, and why: a stable word for it, and what it was.
    pub failed: Vec<(String, String)>,
    /// What each said, in a line.
    pub said: Vec<Said>,
    /// Those who want to know what becomes of it: who decided, and who left labels.
    pub observers: Vec<Arc<Policy>>,
}

/// A decision that is not to abstain.
#[derive(Debug)]
pub enum Decision {
    /// Where it should go.
    Route(policies::Plan),
    /// It should not be served.
    Refuse(crate::contract::Reported),
}

/// A version of a policy's plugin.
pub type Generation = version::Generation<PolicyWorld>;

/// Which version of each policy is asked.
#[derive(Clone, Copy)]
pub enum Cast<'a> {
    /// The one that serves, on the way of a request.
    Serving(&'a Way),
    /// The same but for one policy, of which another is looked at.
    With(&'a Arc<Policy>, &'a Generation),
}

impl Cast<'_> {
    async fn decide(
        self,
        policy: &Arc<Policy>,
        request: &Arc<Request>,
        candidates: &Arc<[Arc<Candidate>]>,
        noted: &[(String, String)],
        asking: Option<Asking>,
    ) -> Result<Result<policies::Decision, String>, Fault> {
        if let Self::With(which, generation) = self
            && Arc::ptr_eq(which, policy)
        {
            return decide(policy, generation, request, candidates, noted, None).await;
        }
        let generation = policy.plugin.pin_for(&request.id);
        let decided = decide(policy, &generation, request, candidates, noted, asking).await;
        if matches!(self, Self::Serving(_)) {
            match &decided {
                Ok(Ok(_)) => generation.value.conduct.note(Ended::Well),
                Ok(Err(_)) => generation.value.conduct.note(Ended::Failed),
                Err(fault) => generation.value.conduct.fault(fault),
            }
            policy.plugin.judge(&generation);
        }
        decided
    }
}

/// Asks one policy after the other. Where one finds that the request is private, the others see
/// local candidates only.
pub async fn ask(target: &mut Target, request: &Arc<Request>, cast: Cast<'_>) -> Answered {
    let mut answered = Answered::default();
    for policy in &*target.policies.clone() {
        let name = &policy.configured.name;
        let asking = match cast {
            Cast::Serving(way) => {
                let found = is_private(&answered.labels);
                let private = found || target.private || request.is_private();
                way.asking(&target.route, request, private, policy)
            }
            Cast::With(..) => None,
        };
        let (candidates, noted) = (&target.candidates, &answered.labels);
        let decided = cast.decide(policy, request, candidates, noted, asking).await;
        let has_part = match &decided {
            Ok(Ok(policies::Decision::Route(_))) => true,
            Ok(Ok(policies::Decision::Abstain(labels))) => !labels.is_empty(),
            _ => false,
        };
        if has_part && policy.wants_outcomes() {
            answered.observers.push(policy.clone());
        }
        let said = match decided {
            Ok(Ok(policies::Decision::Route(plan))) => {
                let said = format!("route: {}", words::brief(plan.reason.clone()));
                answered.decision = Some((name.clone(), Decision::Route(plan)));
                said
            }
            Ok(Ok(policies::Decision::Refuse(failure))) => {
                let failure = words::failure(failure);
                let said = format!("refuse: {}", failure.message);
                answered.decision = Some((name.clone(), Decision::Refuse(failure)));
                said
            }
            Ok(Ok(policies::Decision::Abstain(labels))) => {
                let labels = words::labels(labels);
                let said = abstained(&labels);
                if is_private(&labels)
                    && let Err(refusal) = target.make_private(&request.asked)
                {
                    let refused = Reported {
                        code: Some(refusal.code),
                        ..failure::reported(FailureKind::Unsupported, refusal.message)
                    };
                    answered.decision = Some((name.clone(), Decision::Refuse(refused)));
                }
                for (name, value) in labels {
                    // Who comes later in the row has seen what was noted, and may correct it.
                    answered.labels.retain(|(known, _)| *known != name);
                    answered.labels.push((name, value));
                }
                said
            }
            Ok(Err(why)) => {
                let why = format!("undecided: {}", words::brief(why));
                answered.failed.push((name.clone(), why.clone()));
                why
            }
            Err(fault) => {
                let why = format!("plugin-{}: {fault}", fault.code());
                answered.failed.push((name.clone(), why.clone()));
                why
            }
        };
        answered.said.push(Said { policy: name.clone(), said });
        if answered.decision.is_some() {
            break;
        }
    }
    answered
}

fn abstained(labels: &[(String, String)]) -> String {
    let labels: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if labels.is_empty() { "abstain".into() } else { format!("abstain: {}", labels.join(", ")) }
}

async fn decide(
    policy: &Policy,
    generation: &Generation,
    request: &Arc<Request>,
    candidates: &Arc<[Arc<Candidate>]>,
    noted: &[(String, String)],
    asking: Option<Asking>,
) -> Result<Result<policies::Decision, String>, Fault> {
    let lent = Lent {
        request: request.clone(),
        model: Arc::from(request.asked.as_str()),
        noted: noted.to_vec(),
        readable: generation.value.facts.readable,
        dialect: Dialect::CANONICAL,
    };
    let choice = Choice { candidates: candidates.clone(), request: request.clone() };
    let memory = match &generation.value.memory {
        None => None,
        Some(memory) => match memory.recall(&lent, &choice) {
            Recalled::Known(decision) => return Ok(Ok(decision)),
            Recalled::Unknown => Some(memory),
            Recalled::Own => None,
        },
    };
    let keeps = Keeps { policy: policy.name.clone(), tenant: request.caller.tenant.clone() };
    let serving = Serving { keeps: Some(keeps), asking, ..Serving::of(request) };
    let mut sandbox = generation.value.plugin.sandbox(serving).await?;
    let table = &mut sandbox.state_mut().table;
    let full = |_| Fault::Handles { limit: 0 };
    let lent = table.push(lent).map_err(full)?;
    let choice = table.push(choice).map_err(full)?;
    let (guest, store, watch) = sandbox.enter();
    let decided = watch.over(guest.decide(store, lent, choice)).await?;
    if let (Some(memory), Ok(decision)) = (memory, &decided) {
        memory.keep(candidates, sandbox.state_mut(), Some(decision.clone()));
    }
    Ok(decided)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_keeps_its_state_otherwise_does_not_take_the_place_of_another() {
        let of = |schema: &str| policies::Description {
            state_schema: schema.to_owned(),
            wants_outcomes: false,
            extra: Vec::new(),
        };
        let fits = |old: &str, new: &str| PolicyWorld::fits(&of(old), &of(new));
        for (old, new) in [("", ""), ("", "arms-1"), ("arms-1", ""), ("arms-1", "arms-1")] {
            assert_eq!(fits(old, new), Ok(()));
        }
        let why = fits("arms-1", "arms-2").unwrap_err();
        assert!(why.contains("\"arms-2\", and the version that serves as \"arms-1\""), "{why}");
    }
}
