//! Versions of plugins, as the operator sees and changes them:
//! `/api/v1/policies/NAME/…` and `/api/v1/providers/NAME/…`.

use super::{SERVED, json, text};
use crate::config::PluginSource;
use crate::deployment::Deployment;
use crate::events::SwapFailed;
use crate::gateway::Gateway;
use crate::installed::{Change, Installed};
use crate::policy::Policy;
use crate::provider::Provider;
use crate::swap::{self, Wanted};
use crate::version::Kind;
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use portcullis_sandbox::Share;
use serde::{Deserialize, Serialize};
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

/// What serves, and what did.
#[derive(Serialize)]
struct Shown {
    name: String,
    /// The number of the generation that serves.
    generation: u64,
    /// The one that is tried out, and its share.
    trial: Option<Trial>,
    /// Oldest first.
    history: Vec<Change>,
}

#[derive(Serialize)]
struct Trial {
    generation: u64,
    share: f64,
}

/// Answers a request of this kind.
pub(super) async fn answer(
    gateway: &Gateway,
    request: http::Request<Incoming>,
) -> http::Response<Full<Bytes>> {
    let deployment = gateway.deployment();
    let path = request.uri().path().to_owned();
    let Some((table, name, verb)) = parts(&path) else {
        return text(StatusCode::NOT_FOUND, SERVED);
    };
    let wanted = if matches!(verb, Verb::History) { Method::GET } else { Method::POST };
    if request.method() != wanted {
        return text(StatusCode::METHOD_NOT_ALLOWED, SERVED);
    }
    let Some(place) = Place::find(&deployment, table, name) else {
        return text(StatusCode::NOT_FOUND, &format!("there is no [{table}.{name}]\n"));
    };
    let body = match Limited::new(request.into_body(), LONGEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return refused(&error.to_string()),
    };
    // Whatever is configured anew meanwhile would leave this swap in what runs no more.
    let _turn = gateway.changing.lock().await;
    match verb {
        Verb::History => json(StatusCode::OK, &place.shown()),
        Verb::Swap => match wanted_of(&body) {
            Ok(wanted) => place.swap(gateway, &wanted).await,
            Err(why) => refused(&why),
        },
        Verb::Promote | Verb::RollBack => match reason(&body) {
            Ok(reason) => place.change(verb, &reason),
            Err(why) => refused(&why),
        },
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
        source,
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

fn refused(why: &str) -> http::Response<Full<Bytes>> {
    json(StatusCode::BAD_REQUEST, &serde_json::json!({ "problems": [why] }))
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

    fn shown(&self) -> Shown {
        match self {
            Self::Policy(policy) => shown(&policy.plugin),
            Self::Provider(provider) => shown(&provider.plugin),
        }
    }

    async fn swap(&self, gateway: &Gateway, wanted: &Wanted) -> http::Response<Full<Bytes>> {
        let swapped = match self {
            Self::Policy(policy) => swap::policy(gateway, policy, wanted).await,
            Self::Provider(provider) => swap::provider(gateway, provider, wanted).await,
        };
        match swapped {
            Ok(swapped) => json(StatusCode::OK, &swapped),
            Err(failed) => {
                SwapFailed { name: self.name(), why: &failed }.emit();
                json(StatusCode::UNPROCESSABLE_ENTITY, &failed)
            }
        }
    }

    fn change(&self, verb: Verb, reason: &str) -> http::Response<Full<Bytes>> {
        match self {
            Self::Policy(policy) => change(&policy.plugin, verb, reason),
            Self::Provider(provider) => change(&provider.plugin, verb, reason),
        }
    }
}

fn shown<K: Kind>(installed: &Installed<K>) -> Shown {
    let trial = installed.trial();
    Shown {
        name: installed.name.clone(),
        generation: installed.pin().id,
        trial: trial.map(|(it, share)| Trial { generation: it.id, share: share.part() }),
        history: installed.history(),
    }
}

fn change<K: Kind>(
    installed: &Arc<Installed<K>>,
    verb: Verb,
    reason: &str,
) -> http::Response<Full<Bytes>> {
    let (done, otherwise) = match verb {
        Verb::Promote => (installed.promote(reason).is_some(), "no version is tried out"),
        _ => (installed.roll_back(reason).is_some(), "there is no version to go back to"),
    };
    if done {
        json(StatusCode::OK, &shown(installed))
    } else {
        let why = format!("{}: {otherwise}", installed.name);
        json(StatusCode::CONFLICT, &serde_json::json!({ "problems": [why] }))
    }
}
