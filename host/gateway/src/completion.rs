//! A short answer from a route of the gateway's own, for a policy that asks a model what kind of
//! request it has before it.
//!
//! What it asks is a request like any other: it takes the route that the policy names, by that
//! route's policies, and has a record of its own, which says for whom it was. It is the tenant's
//! of the first request, private where that is, and over no later. A route cannot ask itself,
//! however far round.

use crate::attempt::Answer;
use crate::contract::{FailureKind, Reported, completions};
use crate::counting::Over;
use crate::deployment::Deployment;
use crate::failure::{Failure, reported};
use crate::limits::Asker;
use crate::limits::admit::admit;
use crate::policy::Policy;
use crate::record::{Ending, Entry, Kept};
use crate::refusal::Refusal;
use crate::request::{Operation, Request, Serving};
use crate::route::Target;
use crate::tenant::Caller;
use crate::wire::dialect::Dialect;
use crate::{execute, gateway};
use bytes::Bytes;
use jsonschema::Validator;
use portcullis_sandbox::{Grants, State};
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Bytes of a schema at most.
const LARGEST_SCHEMA: usize = 64 << 10;

/// Where a request is on its way: what policies that ask need beside it.
#[derive(Clone)]
pub struct Way {
    deployment: Arc<Deployment>,
    records: Arc<Kept>,
    /// The routes that it went down to here, the outermost first.
    routes: Vec<Arc<str>>,
}

impl Way {
    /// That of a client's request.
    pub fn new(deployment: &Arc<Deployment>, records: &Arc<Kept>) -> Self {
        Self { deployment: deployment.clone(), records: records.clone(), routes: Vec::new() }
    }

    /// What a policy of this route may ask for this request; a tenant's own no more than the client
    /// could.
    pub fn asking(
        &self,
        route: &Arc<str>,
        request: &Arc<Request>,
        private: bool,
        policy: &Policy,
    ) -> Option<Asking> {
        let (grants, own) = (policy.asks.clone()?, policy.configured.tenant.is_some());
        let mut way = self.clone();
        way.routes.push(route.clone());
        Some(Asking { way, request: request.clone(), private, grants, own })
    }
}

/// What one policy may ask, for one request.
#[derive(Clone)]
pub struct Asking {
    way: Way,
    request: Arc<Request>,
    /// Whether the request is known to be private by now.
    private: bool,
    grants: Arc<Grants>,
    /// Whether the policy is a tenant's own.
    own: bool,
}

/// What it asks.
struct Question {
    route: String,
    instructions: Option<String>,
    prompt: String,
    max_tokens: u32,
    schema: Option<Schema>,
    deadline: Option<Duration>,
}

/// What the answer has to satisfy.
struct Schema {
    said: Value,
    validator: Validator,
}

impl Schema {
    fn read(text: &str) -> Result<Self, String> {
        if text.len() > LARGEST_SCHEMA {
            return Err(format!("The schema has more than {LARGEST_SCHEMA} bytes."));
        }
        let said = serde_json::from_str(text);
        let said = said.map_err(|error| format!("The schema is no JSON: {error}."))?;
        let validator = jsonschema::validator_for(&said);
        let validator = validator.map_err(|error| format!("The schema is none: {error}."))?;
        Ok(Self { said, validator })
    }
}

impl completions::Host for State<Serving> {
    async fn complete(
        &mut self,
        route: String,
        instructions: Option<String>,
        prompt: String,
        max_tokens: u32,
        json_schema: Option<String>,
        deadline_ms: Option<u32>,
    ) -> wasmtime::Result<Result<String, Reported>> {
        self.host_call()?;
        let Some(asking) = self.data.asking.clone() else {
            let why = "No route may be asked here.".to_owned();
            return Ok(Err(reported(FailureKind::Permission, why)));
        };
        let schema = match json_schema.as_deref().map(Schema::read).transpose() {
            Ok(schema) => schema,
            Err(why) => return Ok(Err(reported(FailureKind::InvalidRequest, why))),
        };
        let deadline = deadline_ms.map(|ms| Duration::from_millis(ms.into()));
        let question = Question { route, instructions, prompt, max_tokens, schema, deadline };
        // In a box: what is asked may ask in turn.
        Ok(Box::pin(asking.ask(question)).await)
    }
}

impl Asking {
    async fn ask(self, question: Question) -> Result<String, Reported> {
        let failed = |kind, why: String| Err(reported(kind, why));
        let route = &question.route;
        if !self.grants.holds(&format!("ask:{route}")) {
            let why = format!("It is not granted to ask {route:?}; that takes \"ask:{route}\".");
            return failed(FailureKind::Permission, why);
        }
        let caller = &self.request.caller;
        let Some(mut target) = self.way.deployment.routes.route(route, caller) else {
            return failed(FailureKind::NotFound, format!("There is no route {route:?}."));
        };
        if self.own {
            let within = within(target, caller);
            target = within.map_err(|why| reported(FailureKind::Permission, why.message))?;
        }
        if self.way.routes.contains(&target.route) {
            let round = [&self.way.routes[..], &[target.route]].concat().join(" → ");
            return failed(
                FailureKind::Unsupported,
                format!("A route cannot ask itself: {round}."),
            );
        }
        let began = Instant::now();
        let deadline = question.deadline.map_or(self.request.deadline, |within| began + within);
        let request = self.request(&question, deadline.min(self.request.deadline))?;
        let request = Arc::new(request);
        let refused = |why: Refusal| reported(FailureKind::Unsupported, why.message);
        let mut target = target.narrowed(&request).map_err(refused)?;
        let mut entry = Entry::open(&self.way.records, &request, &target.route, began);
        entry.parent = Some(self.request.id.clone());
        let mut plan = match gateway::plan(&request, &mut target, &mut entry, &self.way).await {
            Ok(plan) => plan,
            Err(failure) => return Err(given_up(entry, &failure)),
        };
        let limits = &self.way.deployment.limits;
        let admitted = admit(limits, &request, &target, Asker::Policy, &mut plan, &mut entry).await;
        if let Err(failure) = admitted {
            return Err(given_up(entry, &failure));
        }
        let providers = &self.way.deployment.providers;
        match execute::run(providers, &request, &plan, &mut entry).await {
            Ok((candidate, answered)) => {
                entry.candidate = Some(candidate.profile.id.clone());
                let Answer::Whole(whole, usage, _) = answered.answer else {
                    let failure = Failure::reported(FailureKind::Malformed, "It came as a stream.");
                    return Err(given_up(entry, &failure));
                };
                candidate.answered(answered.called, None, usage.as_ref());
                entry.provider_us = gateway::micros(answered.plugin);
                entry.upstream_us = gateway::micros(answered.upstream);
                let text = text(&whole, question.schema.as_ref());
                let ending = match &text {
                    Ok(_) => Ending::Finished,
                    Err(failure) => Ending::Failed(failure.clone()),
                };
                Over::whole(entry, &candidate, &request, (usage, &whole), ending).close();
                text.map_err(|failure| reported_as(&failure))
            }
            Err(failure) => Err(given_up(entry, &failure)),
        }
    }

    /// The question as a request in the canonical dialect.
    fn request(&self, question: &Question, deadline: Instant) -> Result<Request, Reported> {
        let system = question.instructions.iter().map(|text| ("system", text));
        let messages: Vec<Value> = system
            .chain([("user", &question.prompt)])
            .map(|(role, text)| json!({ "role": role, "content": text }))
            .collect();
        let mut body = json!({
            "model": question.route,
            "messages": messages,
            "max_tokens": question.max_tokens,
        });
        if let Some(schema) = &question.schema {
            let schema = json!({ "name": "answer", "strict": true, "schema": schema.said });
            body["response_format"] = json!({ "type": "json_schema", "json_schema": schema });
        }
        let body = Bytes::from(body.to_string());
        let dialect = Dialect::CANONICAL;
        let head = dialect.head(Operation::Chat, &body);
        let head = head.map_err(|why| reported(FailureKind::InvalidRequest, why.message))?;
        let private = self.private.then(|| ("privacy".to_owned(), "private".to_owned()));
        Ok(Request {
            id: uuid::Uuid::now_v7().simple().to_string().into(),
            operation: Operation::Chat,
            dialect,
            asked: head.model,
            streaming: false,
            wants_usage: false,
            base64: false,
            answers: 1,
            labels: private.into_iter().collect(),
            needs: head.needs,
            input_tokens: head.input_tokens,
            max_output_tokens: head.max_output_tokens,
            counted: self.request.counted,
            caller: self.request.caller.clone(),
            deadline,
            body,
            attachment: None,
            canonical: OnceLock::new(),
        })
    }
}

/// What of a route is within the scope of the client.
fn within(target: Target, caller: &Caller) -> Result<Target, Refusal> {
    let (scope, route) = (&caller.scope, target.route.clone());
    scope.may_do(Operation::Chat)?;
    if !scope.may_take(&route) {
        return Err(Refusal::out_of_scope(&route));
    }
    target.within(&route, scope)
}

fn given_up(entry: Entry, failure: &Failure) -> Reported {
    entry.fail(failure);
    reported_as(failure)
}

fn reported_as(failure: &Failure) -> Reported {
    match failure {
        Failure::Reported(reported) => reported.clone(),
        _ => reported(failure.kind(), failure.message()),
    }
}

/// What the answer says; where a schema was asked for, JSON that satisfies it.
fn text(whole: &[u8], schema: Option<&Schema>) -> Result<String, Failure> {
    let malformed = |why: String| Failure::reported(FailureKind::Malformed, why);
    let mut answer: Value = serde_json::from_slice(whole)
        .map_err(|error| malformed(format!("The answer is no JSON: {error}.")))?;
    let Value::String(text) = answer["choices"][0]["message"]["content"].take() else {
        return Err(malformed("The answer has no text.".to_owned()));
    };
    let Some(schema) = schema else { return Ok(text) };
    let value: Value = serde_json::from_str(&text)
        .map_err(|error| malformed(format!("The answer's text is no JSON: {error}.")))?;
    let fits = schema.validator.validate(&value);
    fits.map_err(|error| malformed(format!("The answer does not fit its schema: {error}.")))?;
    Ok(text)
}
