//! What tenants ask of their own plugins, at the address of clients: `GET /v1/plugins`, and `PUT`
//! and `DELETE` of `/v1/plugins/policies/NAME` and `/v1/plugins/providers/NAME`.
//!
//! What is not a tenant's own does not exist here. A body is read when it is known that its sender
//! may put something there.

use super::settle;
use crate::audit::Act;
use crate::deployment::Deployment;
use crate::events::SwapFailed;
use crate::gateway::Gateway;
use crate::ingress;
use crate::installed::Shown;
use crate::policy::Policy;
use crate::provider::Provider;
use crate::refusal::Refusal;
use crate::respond::{self, Response};
use crate::swap::{self, Source, Stage, SwapError, Upload, Wanted};
use crate::tenant::{Caller, Registry};
use crate::wire::form;
use http::StatusCode;
use http::request::Parts;
use hyper::body::Incoming;
use portcullis_ledger::{AdminError, By};
use portcullis_sandbox::{Digest, Manifest, Package, Share};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::MutexGuard;

/// The reason of who gives none.
const ASKED: &str = "asked for by the API";

/// What is asked.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// What there is.
    List,
    /// That this be in that place.
    Upload(String),
    /// That what was uploaded be there no longer.
    Remove(String),
}

/// A plugin of a tenant's own.
enum Own {
    Policy(Arc<Policy>),
    Provider(Arc<Provider>),
}

/// Answers it.
///
/// # Errors
///
/// What is refused, and why; nothing was changed then.
pub async fn answer(
    gateway: &Gateway,
    caller: &Caller,
    asked: Asked,
    parts: &Parts,
    body: Incoming,
) -> Result<Response, Refusal> {
    let (place, verb) = match &asked {
        Asked::List => {
            let all = Own::all(&gateway.deployment(), caller);
            return Ok(respond::said(&json!({ "plugins": all })));
        }
        Asked::Upload(place) => (place, "upload-plugin"),
        Asked::Remove(place) => (place, "remove-plugin"),
    };
    let done = match &asked {
        Asked::Remove(_) => remove(gateway, caller, place, body).await,
        _ => upload(gateway, caller, place, parts, body).await,
    };
    if let Err(refusal) = &done {
        let (action, subject) = (verb, place.clone());
        let detail = json!({ "tenant": *caller.tenant, "refused": refusal.message });
        Act { actor: actor(caller).into(), action, subject, detail }.note(gateway).await;
    }
    Ok(respond::said(&done?))
}

/// Who does it, for the audit log.
fn actor(caller: &Caller) -> String {
    match &caller.key {
        Some(key) => format!("{}/{key}", caller.tenant),
        None => caller.tenant.to_string(),
    }
}

async fn upload(
    gateway: &Gateway,
    caller: &Caller,
    place: &str,
    parts: &Parts,
    body: Incoming,
) -> Result<Value, Refusal> {
    let deployment = gateway.deployment();
    let server = &deployment.config.server;
    let may = allowed(gateway, &deployment, caller, place);
    let _permit = match may.and_then(|_| gateway.admit(server)) {
        Ok(permit) => permit,
        Err(refusal) => {
            ingress::drain(body, server.body_timeout).await;
            return Err(refusal);
        }
    };
    let body = ingress::body(body, server.max_body, server.body_timeout).await?;
    let wanted = wanted(caller, form::read(ingress::content_type(parts), body).await?)?;
    let (_turn, deployment) = turn(gateway)?;
    // It was looked for in what is configured no more, maybe.
    let (own, _) = allowed(gateway, &deployment, caller, place)?;
    let swapped = match &own {
        Own::Policy(policy) => swap::policy(gateway, policy, &wanted).await,
        Own::Provider(provider) => swap::provider(gateway, provider, &wanted).await,
    };
    swapped.map(|swapped| json!(swapped)).map_err(|why| {
        SwapFailed { name: place, why: &why }.emit();
        refused(&why)
    })
}

async fn remove(
    gateway: &Gateway,
    caller: &Caller,
    place: &str,
    body: Incoming,
) -> Result<Value, Refusal> {
    let deployment = gateway.deployment();
    // What is said with it means nothing.
    ingress::drain(body, deployment.config.server.body_timeout).await;
    let (_turn, deployment) = turn(gateway)?;
    let (own, registry) = allowed(gateway, &deployment, caller, place)?;
    let actor = actor(caller);
    let by = By { actor: &actor, at: SystemTime::now() };
    let detail = json!({ "tenant": *caller.tenant }).to_string();
    let removed = registry.ledger.remove_upload(by, &caller.tenant, place, &detail).await;
    removed.map_err(|why| match why {
        AdminError::NoUpload(_) => not_found(format!("Nothing is uploaded in place of {place}.")),
        why => away(&why.to_string()),
    })?;
    settle(gateway, &deployment).await;
    Ok(json!(own.shown()))
}

/// The plugin in that place and where uploads are kept, if whoever asks may change it.
fn allowed<'a>(
    gateway: &'a Gateway,
    deployment: &Deployment,
    caller: &Caller,
    place: &str,
) -> Result<(Own, &'a Registry), Refusal> {
    let own = Own::find(deployment, caller, place);
    let own = own.ok_or_else(|| {
        not_found(format!("There is no {place} of your own here; GET /v1/plugins lists what is."))
    })?;
    if !caller.scope.uploads {
        let message = "This key is not for uploads: that takes `uploads = true` of its tenant, and \
                       of the key itself.";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "forbidden", message.to_owned()));
    }
    let missing = || {
        let message = "There is no ledger here to keep uploads in.".to_owned();
        Refusal::new(StatusCode::CONFLICT, "no_ledger", message)
    };
    Ok((own, gateway.registry.as_ref().ok_or_else(missing)?))
}

/// Tenants change things one after the other, and wait for nobody: an operator comes first.
fn turn(gateway: &Gateway) -> Result<(MutexGuard<'_, ()>, Arc<Deployment>), Refusal> {
    let Ok(turn) = gateway.changing.try_lock() else {
        let message = "Something else is being changed at present.".to_owned();
        let retry_after = Some(Duration::from_secs(1));
        let busy = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message);
        return Err(Refusal { retry_after, ..busy });
    };
    Ok((turn, gateway.deployment()))
}

fn wanted(caller: &Caller, form: form::Form) -> Result<Wanted, Refusal> {
    let form::Form { mut fields, file } = form;
    if file.name != "component" {
        return Err(Refusal::missing("component"));
    }
    fields.remove("component");
    let manifest = text(&mut fields, "manifest")?.ok_or_else(|| Refusal::missing("manifest"))?;
    let digest = parsed(&mut fields, "digest", "\"sha256:\" and 64 hexadecimal digits", |text| {
        text.parse::<Digest>().ok()
    })?;
    let max_changed = parsed(&mut fields, "max_changed", "a share from 0 to 1", |text| {
        Share::of(text.parse().ok()?).map(Share::part)
    })?;
    let reason = text(&mut fields, "reason")?.unwrap_or_else(|| ASKED.to_owned());
    if let Some(name) = fields.keys().next() {
        let known = "component, manifest, digest, max_changed, reason";
        let message = format!("`{name}` is no field of this form; expected {known}.");
        return Err(Refusal::invalid(message, Some(name)));
    }
    let parsed = Manifest::parse(&manifest).map_err(|why| {
        Refusal::invalid(format!("`manifest` is no manifest: {why}"), Some("manifest"))
    })?;
    let upload = Upload {
        package: Package::new(parsed, &*file.bytes),
        manifest,
        digest,
        tenant: caller.tenant.clone(),
        actor: actor(caller),
    };
    let (source, canary, lift_quarantine) = (Source::Uploaded(Box::new(upload)), None, false);
    Ok(Wanted { source, max_changed, canary, lift_quarantine, reason })
}

fn text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match fields.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::invalid(format!("`{name}` is there more than once."), Some(name))),
    }
}

fn parsed<T>(
    fields: &mut Map<String, Value>,
    name: &str,
    expected: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Refusal> {
    let Some(said) = text(fields, name)? else { return Ok(None) };
    let message = format!("`{name}` is {said:?}; expected {expected}.");
    parse(&said).map(Some).ok_or_else(|| Refusal::invalid(message, Some(name)))
}

fn not_found(message: String) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "plugin_not_found", message)
}

fn away(why: &str) -> Refusal {
    let message = format!("It cannot be kept at present: {why}.");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "ledger_unavailable", message)
}

fn refused(why: &SwapError) -> Refusal {
    if why.stage == Stage::Keep {
        return away(&why.why);
    }
    let message = format!("Nothing was changed. In the stage {}: {}", why.stage.word(), why.why);
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "plugin_refused", message)
}

impl Own {
    /// All that is that tenant's own, and not of one that it is part of.
    fn all(deployment: &Deployment, caller: &Caller) -> Vec<Shown> {
        let policies = deployment.policies.iter().cloned().map(Self::Policy);
        let providers = deployment.providers.iter().cloned().map(Self::Provider);
        let own = policies.chain(providers).filter(|it| it.tenant() == Some(&*caller.tenant));
        own.map(|own| own.shown()).collect()
    }

    fn find(deployment: &Deployment, caller: &Caller, place: &str) -> Option<Self> {
        let own = match place.split_once('.')? {
            ("policies", name) => Self::Policy(deployment.policy(name)?.clone()),
            (_, name) => Self::Provider(deployment.provider(name)?.clone()),
        };
        Some(own).filter(|own| own.tenant() == Some(&*caller.tenant))
    }

    fn tenant(&self) -> Option<&str> {
        match self {
            Self::Policy(policy) => policy.configured.tenant.as_deref(),
            Self::Provider(provider) => provider.configured.tenant.as_deref(),
        }
    }

    fn shown(&self) -> Shown {
        match self {
            Self::Policy(policy) => policy.plugin.shown(),
            Self::Provider(provider) => provider.plugin.shown(),
        }
    }
}
