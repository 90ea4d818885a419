//! Versions of plugins, as the operator sees and changes them:
//! `/api/v1/policies/NAME/…` and `/api/v1/providers/NAME/…`.

use super::{SERVED, json, text};
use crate::audit::{ADMIN, Act};
use crate::config::PluginSource;
use crate::deployment::Deployment;
use crate::events::SwapFailed;
use crate::gateway::Gateway;
use crate::installed::Installed;
use crate::policy::Policy;
use crate::provider::Provider;
use crate::swap::{self, Source, Swapped, Wanted};
use crate::version::Kind;
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Collected, Full, Limited};
use hyper::body::Incoming;
use portcullis_sandbox::Share;
use serde::Deserialize;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of what may be said with a request.
const LONGEST: usize = 64 << 10;
/// The reason of who gives none.
const ASKED: &str = "asked for by the API";

/// A plugin by its place in the configuration.
pub(super) enum Place {
    Policy(Arc<Policy>),
    Provider(Arc<Provider>),
}

/// What can be asked of a plugin.
#[derive(Clone, Copy)]
enum Verb {
    History,
    Swap,
    Promote,
    RollBack,
}

/// What is said with a swap.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    /// The component, on the machine of the gateway.
    path: Option<PathBuf>,
    /// Its manifest; `plugin.toml` beside it otherwise.
    manifest: Option<PathBuf>,
    /// The digest that it has to have.
    digest: Option<String>,
    /// A plugin by name, in the place of a path.
    plugin: Option<String>,
    /// A share from 0 to 1.
    max_changed: Option<f64>,
    /// A share from 0 to 1.
    canary: Option<f64>,
    #[serde(default)]
    lift_quarantine: bool,
    reason: Option<String>,
}

/// What is said with anything else.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    reason: Option<String>,
}

/// What was changed.
struct Done {
    /// For who asked.
    answer: Value,
    /// For the audit log.
    told: Value,
}

/// Why nothing was changed.
struct Refused {
    status: StatusCode,
    answer: Value,
    why: String,
}

/// Answers a request of this kind.
pub(super) async fn answer(
    gateway: &Gateway,
    request: http::Request<Incoming>,
) -> http::Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let Some((table, name, verb)) = parts(&path) else {
        return text(StatusCode::NOT_FOUND, SERVED);
    };
    let wanted = if matches!(verb, Verb::History) { Method::GET } else { Method::POST };
    if request.method() != wanted {
        return text(StatusCode::METHOD_NOT_ALLOWED, SERVED);
    }
    let body = Limited::new(request.into_body(), LONGEST).collect().await;
    let body = body.map(Collected::to_bytes).map_err(|error| error.to_string());
    // Whatever is configured anew meanwhile would leave this swap in what runs no more.
    let _turn = gateway.changing.lock().await;
    let came = act(gateway, (table, name), verb, body).await;
    if let Some(action) = verb.action() {
        let subject = format!("{table}.{name}");
        let detail = match &came {
            Ok(done) => done.told.clone(),
            Err(refused) => json!({ "refused": refused.why }),
        };
        Act { actor: ADMIN.into(), action, subject, detail }.note(gateway).await;
    }
    match came {
        Ok(done) => json(StatusCode::OK, &done.answer),
        Err(refused) => json(refused.status, &refused.answer),
    }
}

async fn act(
    gateway: &Gateway,
    (table, name): (&str, &str),
    verb: Verb,
    body: Result<Bytes, String>,
) -> Result<Done, Refused> {
    let body = body.map_err(Refused::said)?;
    let place = Place::find(&gateway.deployment(), table, name).ok_or_else(|| {
        Refused::new(StatusCode::NOT_FOUND, format!("there is no [{table}.{name}]"))
    })?;
    match verb {
        Verb::History => Ok(Done { answer: place.shown(), told: Value::Null }),
        Verb::Swap => place.swap(gateway, &wanted_of(&body).map_err(Refused::said)?).await,
        Verb::Promote | Verb::RollBack => {
            place.change(verb, &reason(&body).map_err(Refused::said)?)
        }
    }
}

/// The table, the name in it, and what is wanted of it.
fn parts(path: &str) -> Option<(&str, &str, Verb)> {
    let mut parts = path.strip_prefix("/api/v1/")?.split('/');
    let table = parts.next().filter(|table| ["policies", "providers"].contains(table))?;
    let name = parts.next().filter(|name| !name.is_empty())?;
    let verb = match parts.next()? {
        "history" => Verb::History,
        "swap" => Verb::Swap,
        "promote" => Verb::Promote,
        "rollback" => Verb::RollBack,
        _ => return None,
    };
    parts.next().is_none().then_some((table, name, verb))
}

fn wanted_of(body: &[u8]) -> Result<Wanted, String> {
    let said: Said = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let source = match (said.path, said.plugin) {
        (Some(path), None) => {
            let beside = path.with_file_name("plugin.toml");
            let digest = said.digest.as_deref().map(str::parse).transpose();
            let digest = digest.map_err(
                |_| "`digest` is no digest; expected \"sha256:\" and 64 hexadecimal digits",
            )?;
            PluginSource::File { path, manifest: said.manifest.unwrap_or(beside), digest }
        }
        (None, Some(name)) if said.manifest.is_none() && said.digest.is_none() => {
            PluginSource::Bundled(name)
        }
        _ => {
            return Err("expected `path`, with `manifest` and `digest` where there is need, or \
                        `plugin`, the name of one that comes with the program"
                .to_owned());
        }
    };
    let max_changed = said.max_changed.map(|part| share("max_changed", part)).transpose()?;
    Ok(Wanted {
        source: Source::Named(source),
        max_changed: max_changed.map(Share::part),
        canary: said.canary.map(|part| share("canary", part)).transpose()?,
        lift_quarantine: said.lift_quarantine,
        reason: said.reason.unwrap_or_else(|| ASKED.to_owned()),
    })
}

fn share(name: &str, part: f64) -> Result<Share, String> {
    Share::of(part).ok_or_else(|| format!("`{name}` is {part}; expected a share from 0 to 1"))
}

fn reason(body: &[u8]) -> Result<String, String> {
    let said = if body.is_empty() {
        Why::default()
    } else {
        serde_json::from_slice(body).map_err(|error| error.to_string())?
    };
    Ok(said.reason.unwrap_or_else(|| ASKED.to_owned()))
}

impl Verb {
    /// Its word in the audit log; `None` where nothing is done.
    fn action(self) -> Option<&'static str> {
        match self {
            Self::History => None,
            Self::Swap => Some("swap-plugin"),
            Self::Promote => Some("promote-plugin"),
            Self::RollBack => Some("roll-back-plugin"),
        }
    }
}

impl Refused {
    fn new(status: StatusCode, why: String) -> Self {
        Self { status, answer: json!({ "problems": [&why] }), why }
    }

    /// What was said cannot be meant.
    fn said(why: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }
}

impl Place {
    fn find(deployment: &Deployment, table: &str, name: &str) -> Option<Self> {
        match table {
            "policies" => deployment.policy(name).cloned().map(Self::Policy),
            _ => deployment.provider(name).cloned().map(Self::Provider),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Policy(policy) => &policy.plugin.name,
            Self::Provider(provider) => &provider.plugin.name,
        }
    }

    fn shown(&self) -> Value {
        match self {
            Self::Policy(policy) => json!(policy.plugin.shown()),
            Self::Provider(provider) => json!(provider.plugin.shown()),
        }
    }

    async fn swap(&self, gateway: &Gateway, wanted: &Wanted) -> Result<Done, Refused> {
        let swapped = match self {
            Self::Policy(policy) => swap::policy(gateway, policy, wanted).await,
            Self::Provider(provider) => swap::provider(gateway, provider, wanted).await,
        };
        match swapped {
            Ok(swapped) => Ok(Done { answer: json!(swapped), told: told(&swapped, wanted) }),
            Err(failed) => {
                SwapFailed { name: self.name(), why: &failed }.emit();
                let (status, answer) = (StatusCode::UNPROCESSABLE_ENTITY, json!(failed));
                Err(Refused { status, answer, why: failed.to_string() })
            }
        }
    }

    fn change(&self, verb: Verb, reason: &str) -> Result<Done, Refused> {
        match self {
            Self::Policy(policy) => change(&policy.plugin, verb, reason),
            Self::Provider(provider) => change(&provider.plugin, verb, reason),
        }
    }
}

/// A swap, without what it took.
fn told(swapped: &Swapped, wanted: &Wanted) -> Value {
    json!({
        "from": swapped.from,
        "to": swapped.to,
        "shadow_run": swapped.shadow_run,
        "canary": swapped.canary,
        "lift_quarantine": wanted.lift_quarantine,
        "reason": wanted.reason,
    })
}

fn change<K: Kind>(
    installed: &Arc<Installed<K>>,
    verb: Verb,
    reason: &str,
) -> Result<Done, Refused> {
    let (told, otherwise) = match verb {
        Verb::Promote => {
            let told = installed.promote(reason).map(|to| json!({ "to": to, "reason": reason }));
            (told, "no version is tried out")
        }
        _ => {
            let told = installed.roll_back(reason);
            let told = told.map(|(from, to)| json!({ "from": from, "to": to, "reason": reason }));
            (told, "there is no version to go back to")
        }
    };
    let why = || Refused::new(StatusCode::CONFLICT, format!("{}: {otherwise}", installed.name));
    Ok(Done { told: told.ok_or_else(why)?, answer: json!(installed.shown()) })
}
