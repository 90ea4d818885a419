//! The gateway: what it holds, and the path of a request through it.

use crate::cache::{Found, Wish};
use crate::checks::Checks;
use crate::completion::Way;
use crate::config::Server;
use crate::contract::Reported;
use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::ingress::{self, Wanted};
use crate::limits::Asker;
use crate::limits::admit::admit;
use crate::plan::Plan;
use crate::policy::{self, Cast};
use crate::quarantine::Quarantine;
use crate::record::{Entry, Kept};
use crate::refusal::Refusal;
use crate::rehearsal::Latest;
use crate::request::{Operation, Request};
use crate::respond::{self, Response};
use crate::route::Target;
use crate::tenant::{Caller, Registry, Strangers};
use crate::wire::dialect::Dialect;
use crate::wire::transcript;
use crate::{events, execute, explain, shadow, uploads};
use arc_swap::ArcSwap;
use http::StatusCode;
use http::request::Parts;
use hyper::body::Incoming;
use portcullis_sandbox::Engine;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

/// A request's time where neither its route nor its sender bounds it.
const LONGEST: Duration = Duration::from_secs(600);
/// Copies of requests that may be under way at once.
const MOST_SHADOWS: usize = 64;

/// Everything that requests need. One a process, shared by all of them.
pub struct Gateway {
    /// The engine that all plugins run in.
    pub engine: Engine,
    /// The newest records.
    pub records: Arc<Kept>,
    /// Requests that may be under way at once.
    pub places: Arc<Semaphore>,
    /// Components that did harm.
    pub quarantine: Quarantine,
    /// The newest requests, for versions of plugins that are to be tried on them.
    pub latest: Latest,
    /// Held by whoever changes what runs: they take turns.
    pub changing: Mutex<()>,
    /// Tenants and keys that are made while it runs, where there is a ledger for them.
    pub registry: Option<Registry>,
    strangers: Strangers,
    shadows: Arc<Semaphore>,
    deployment: ArcSwap<Deployment>,
    /// Of the providers that are in place.
    checks: ArcSwap<Checks>,
}

/// What is known of a request before its body is read.
struct Arrival {
    id: Arc<str>,
    caller: Arc<Caller>,
    operation: Operation,
    /// Whether somebody counts what it uses.
    counted: bool,
    began: Instant,
}

/// Leave to be served, until the answer's last byte.
pub struct Permit {
    _place: OwnedSemaphorePermit,
}

impl Gateway {
    /// A gateway that begins with this deployment.
    pub fn new(
        engine: Engine,
        quarantine: Quarantine,
        registry: Option<Registry>,
        records: Arc<Kept>,
        deployment: Deployment,
    ) -> Self {
        Self {
            engine,
            records,
            places: Arc::new(Semaphore::new(deployment.config.server.concurrency)),
            quarantine,
            latest: Latest::default(),
            changing: Mutex::new(()),
            registry,
            strangers: Strangers::default(),
            shadows: Arc::new(Semaphore::new(MOST_SHADOWS)),
            checks: ArcSwap::from_pointee(Checks::of(&deployment)),
            deployment: ArcSwap::from_pointee(deployment),
        }
    }

    /// What runs at present, for as long as the caller holds it.
    pub fn deployment(&self) -> Arc<Deployment> {
        self.deployment.load_full()
    }

    /// Puts another deployment in place, in one step.
    pub fn deploy(&self, deployment: Deployment) {
        let checks = Checks::of(&deployment);
        self.deployment.store(Arc::new(deployment));
        self.checks.store(Arc::new(checks));
    }

    /// Forgets every answer that would be given again.
    pub fn forget_answers(&self) {
        if let Some(cache) = &self.deployment().cache {
            cache.clear();
        }
    }

    /// Answers a request. This is its whole path; each step is one file.
    pub async fn answer(&self, request: http::Request<Incoming>) -> Response {
        let began = Instant::now();
        let (parts, body) = request.into_parts();
        let (id, dialect) = (ingress::id(&parts), Dialect::of(&parts));
        let deployment = self.deployment();
        let patience = deployment.config.server.body_timeout;
        let wanted = ingress::route(&parts.method, parts.uri.path());
        let keys = self.registry.as_ref().map(|registry| &registry.keys);
        let answered = match (deployment.callers.find(&parts.headers, keys), wanted) {
            (Err(stranger), _) => {
                ingress::drain_of_stranger(body, patience).await;
                Err(stranger)
            }
            (Ok(caller), Ok(Wanted::Operation(operation))) => {
                let counted = self.records.accounting().is_some();
                let arrival = Arrival { id: id.clone(), caller, operation, counted, began };
                self.serve(&deployment, arrival, &parts, body).await
            }
            (Ok(caller), Ok(Wanted::Models)) => {
                Ok(respond::models(&deployment, &caller, dialect).await)
            }
            (Ok(caller), Ok(Wanted::Model(model))) => {
                respond::model(&deployment, &caller, dialect, &model)
            }
            (Ok(caller), Ok(Wanted::Plugins(asked))) => {
                uploads::answer(self, &caller, asked, &parts, body).await
            }
            (Ok(_), Err(refusal)) => {
                ingress::drain(body, patience).await;
                Err(refusal)
            }
        };
        let mut response = answered.unwrap_or_else(|refusal| {
            self.say(&id, &refusal);
            respond::refusal(dialect, &refusal, &id)
        });
        respond::name(&mut response, &id);
        response
    }

    fn say(&self, id: &str, refusal: &Refusal) {
        if refusal.status != StatusCode::UNAUTHORIZED {
            events::RequestRefused { request: id, refusal }.emit();
        } else if let Some(requests) = self.strangers.note(Instant::now()) {
            events::StrangersRefused { requests, refusal }.emit();
        }
    }

    async fn serve(
        &self,
        deployment: &Arc<Deployment>,
        arrival: Arrival,
        parts: &Parts,
        body: Incoming,
    ) -> Result<Response, Refusal> {
        let server = &deployment.config.server;
        let Arrival { operation, began, .. } = arrival;
        // Before the body is read: bodies are what fills the memory of a gateway that has too
        // much to do.
        let may = arrival.caller.scope.may_do(operation);
        let may = may.and_then(|()| ingress::check_type(operation, parts));
        let permit = match may.and_then(|()| self.admit(server)) {
            Ok(permit) => permit,
            Err(refusal) => {
                ingress::drain(body, server.body_timeout).await;
                return Err(refusal);
            }
        };
        let request = read(server, arrival, parts, body).await?;
        let wish = Wish::of(&parts.headers)?;
        let mut target = deployment.routes.find(&request.asked, &request.caller)?;
        target = target.narrowed(&request)?;
        let request = Arc::new(request.bounded(began, target.timeout));
        self.latest.keep(&request);
        let mut entry = Entry::open(&self.records, &request, &target.route, began);
        entry.explain = explain::Wanted::of(&parts.headers);
        let keep = match deployment.answered(&request, &target, wish, entry.explain) {
            Found::Hit(kept) => return Ok(respond::replay(&request, kept, entry, permit)),
            Found::Miss(keep) => keep,
        };
        let way = Way::new(deployment, &self.records);
        let mut plan = match plan(&request, &mut target, &mut entry, &way).await {
            Ok(plan) => plan,
            Err(failure) => return Err(self.give_up(entry, failure)),
        };
        if entry.explain == explain::Wanted::Plan {
            return Ok(respond::explanation(entry));
        }
        let limits = &deployment.limits;
        let admitted = admit(limits, &request, &target, Asker::Client, &mut plan, &mut entry).await;
        if let Err(failure) = admitted {
            return Err(self.give_up(entry, failure));
        }
        shadow::cast(self, deployment, &request, &target, &plan, &mut entry);
        match execute::run(&deployment.providers, &request, &plan, &mut entry).await {
            Ok((candidate, answered)) => {
                Ok(respond::answer(&request, candidate, answered, entry, permit, keep))
            }
            Err(failure) if respond::estimates(&request, &failure) => {
                Ok(respond::estimate(&request, entry))
            }
            Err(failure) => Err(self.give_up(entry, failure)),
        }
    }

    /// Takes a place among the requests under way; never waits for one.
    pub fn admit(&self, server: &Server) -> Result<Permit, Refusal> {
        match self.places.clone().try_acquire_owned() {
            Ok(place) => Ok(Permit { _place: place }),
            Err(_) => Err(Refusal::busy(server.concurrency)),
        }
    }

    /// Takes a place among the copies of requests, if there is one.
    pub fn shadow(&self) -> Option<Permit> {
        let place = self.shadows.clone().try_acquire_owned().ok()?;
        Some(Permit { _place: place })
    }

    /// Closes the entry and finds the words for the client.
    fn give_up(&self, entry: Entry, failure: Failure) -> Refusal {
        let mut refusal = Refusal::of(&failure, entry.tried.len() > 1);
        if entry.explain != explain::Wanted::Nothing {
            refusal.headers.push((explain::EXPLANATION, explain::header(&entry)));
        }
        refusal.headers.extend(entry.limits.iter().cloned());
        entry.fail(&failure);
        refusal
    }
}

/// Asks the route's policies and takes what is allowed of their answer.
///
/// # Errors
///
/// What a policy refused it with.
pub async fn plan(
    request: &Arc<Request>,
    target: &mut Target,
    entry: &mut Entry,
    way: &Way,
) -> Result<Plan, Failure> {
    let began = Instant::now();
    let mut answered = policy::ask(target, request, Cast::Serving(way)).await;
    entry.policy_us = micros(began.elapsed());
    entry.explanation.target(target);
    entry.explanation.policies = std::mem::take(&mut answered.said);
    entry.observers = std::mem::take(&mut answered.observers);
    let plan = Plan::of(answered, &target.candidates)
        .map_err(|refused: Reported| Failure::Reported(refused))?;
    entry.planned(&plan);
    Ok(plan)
}

/// Reads the request as far as the gateway has to understand it.
async fn read(
    server: &Server,
    arrival: Arrival,
    parts: &Parts,
    body: Incoming,
) -> Result<Request, Refusal> {
    let Server { max_body, body_timeout, .. } = *server;
    let Arrival { id, caller, operation, counted, began } = arrival;
    let body = ingress::body(body, max_body, body_timeout).await?;
    let (body, attachment) = match operation {
        Operation::Transcription => transcript::read(ingress::content_type(parts), body).await?,
        _ => (body, None),
    };
    let dialect = Dialect::of(parts);
    let head = dialect.head(operation, &body)?;
    let body = dialect.taken(body);
    let labels = caller.scope.labels(ingress::labels(parts), head.labels)?;
    Ok(Request {
        id,
        operation,
        dialect,
        asked: head.model,
        streaming: head.streaming,
        wants_usage: head.wants_usage,
        base64: head.base64,
        answers: head.answers,
        labels,
        needs: head.needs,
        input_tokens: head.input_tokens,
        max_output_tokens: head.max_output_tokens,
        counted,
        caller,
        deadline: began + LONGEST,
        body,
        attachment,
        canonical: OnceLock::new(),
    })
}

impl Request {
    /// With the time that its route gives it.
    fn bounded(mut self, began: Instant, timeout: Option<Duration>) -> Self {
        self.deadline = began + timeout.unwrap_or(LONGEST);
        self
    }
}

/// Whole microseconds.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
