//! Tenants, their keys, and the log of what operators did to them: `/api/v1/tenants`,
//! `/api/v1/keys` and `/api/v1/audit`. They are in the ledger; what is done here is seen by every
//! gateway on it within a second, and by this one before it answers.

mod paged;
mod said;
mod shown;

use super::{SERVED, json, text};
use crate::audit::ADMIN;
use crate::config;
use crate::deployment::Deployment;
use crate::gateway::Gateway;
use crate::tenant::{Registry, scopes};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use paged::Query;
use portcullis_ledger::{AdminError, By, Made, NewKey, NewTenant, Page, Rotation};
use std::time::SystemTime;

/// Bytes of what may be said with a request.
const LONGEST: usize = 64 << 10;
/// What is said where there is nowhere to keep a key.
const NO_LEDGER: &str = "there is no ledger to keep tenants and keys in: add [ledger] with such as \
                         url = \"sqlite:portcullis.db\" to the configuration, and start the \
                         gateway anew";

type Answer = http::Response<Full<Bytes>>;

/// Why nothing was done.
enum Refused {
    /// What was said cannot be meant.
    Said(Vec<String>),
    /// The ledger did not do it.
    Admin(AdminError),
}

impl From<AdminError> for Refused {
    fn from(why: AdminError) -> Self {
        Self::Admin(why)
    }
}

impl From<String> for Refused {
    fn from(why: String) -> Self {
        Self::Said(vec![why])
    }
}

/// Whether it is one of these addresses.
pub(super) fn has(path: &str) -> bool {
    let table = path.strip_prefix("/api/v1/").and_then(|rest| rest.split('/').next());
    table.is_some_and(|table| ["tenants", "keys", "audit"].contains(&table))
}

/// Answers a request of this kind.
pub(super) async fn answer(gateway: &Gateway, request: http::Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    let Some(registry) = &gateway.registry else {
        return problems(StatusCode::CONFLICT, &[NO_LEDGER.to_owned()]);
    };
    let body = match Limited::new(body, LONGEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return problems(StatusCode::BAD_REQUEST, &[error.to_string()]),
    };
    let deployment = gateway.deployment();
    let by = By { actor: ADMIN, at: SystemTime::now() };
    let desk = Desk { registry, deployment: &deployment, by };
    match desk.answer(&parts, &body).await {
        Ok(answer) => answer,
        Err(Refused::Said(why)) => problems(StatusCode::BAD_REQUEST, &why),
        Err(Refused::Admin(why)) => problems(status(&why), &[why.to_string()]),
    }
}

fn problems(status: StatusCode, problems: &[String]) -> Answer {
    json(status, &json!({ "problems": problems }))
}

fn status(why: &AdminError) -> StatusCode {
    match why {
        AdminError::UnknownTenant(_) | AdminError::UnknownKey(_) | AdminError::NoUpload(_) => {
            StatusCode::NOT_FOUND
        }
        AdminError::TenantExists(_)
        | AdminError::Cycle(_)
        | AdminError::KeyExists(_)
        | AdminError::KeyEnded(_) => StatusCode::CONFLICT,
        AdminError::Name(..) => StatusCode::BAD_REQUEST,
        AdminError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Where one request is seen to.
struct Desk<'a> {
    registry: &'a Registry,
    deployment: &'a Deployment,
    by: By<'a>,
}

impl Desk<'_> {
    async fn answer(&self, parts: &Parts, body: &[u8]) -> Result<Answer, Refused> {
        let path: Vec<&str> = parts.uri.path().split('/').skip(3).collect();
        match (&parts.method, &*path) {
            (&Method::GET, ["tenants"]) => self.tenants(parts).await,
            (&Method::POST, ["tenants"]) => self.make_tenant(body).await,
            (&Method::POST, ["tenants", tenant, "suspend"]) => self.suspend(tenant, body).await,
            (&Method::POST, ["tenants", tenant, "resume"]) => self.resume(tenant, body).await,
            (&Method::GET, ["keys"]) => self.keys(parts).await,
            (&Method::POST, ["keys"]) => self.make_key(body).await,
            (&Method::POST, ["keys", key, "rotate"]) => self.rotate(key, body).await,
            (&Method::POST, ["keys", key, "revoke"]) => self.revoke(key, body).await,
            (&Method::POST, ["keys", key, "expire"]) => self.expire(key, body).await,
            (&Method::GET, ["audit"]) => self.audit(parts).await,
            (_, ["tenants"] | ["tenants", _, "suspend" | "resume"])
            | (_, ["keys"] | ["keys", _, "rotate" | "revoke" | "expire"] | ["audit"]) => {
                Ok(text(StatusCode::METHOD_NOT_ALLOWED, SERVED))
            }
            _ => Ok(text(StatusCode::NOT_FOUND, SERVED)),
        }
    }

    async fn tenants(&self, parts: &Parts) -> Result<Answer, Refused> {
        let said = Query::read(&parts.uri, &["after", "limit"])?;
        let (after, limit) = (said.of("after"), said.limit()? + 1);
        let kept = self.registry.ledger.tenants(Page { after, limit }).await?;
        Ok(said.page(shown::tenants(&kept, &self.deployment.config.tenants, after))?)
    }

    async fn make_tenant(&self, body: &[u8]) -> Result<Answer, Refused> {
        let said: said::Tenant = said::read(body)?;
        let configured = self.configured(&said.id);
        let parent = match configured.map(|tenant| tenant.parent.as_deref()) {
            Some(parent) if said.parent.is_some() && said.parent.as_deref() != parent => {
                let (id, parent) = (said.id, parent.unwrap_or("nobody"));
                return Err(
                    format!("`parent`: in the configuration `{id}` is part of {parent}").into()
                );
            }
            Some(parent) => parent,
            None => said.parent.as_deref(),
        };
        if let Some(parent) = parent {
            self.adopt(parent).await?;
        }
        let name = said.name.as_deref().unwrap_or(&said.id);
        let new = NewTenant { id: &said.id, parent, name };
        self.registry.ledger.make_tenant(self.by, new).await?;
        self.tenant(&said.id).await
    }

    async fn suspend(&self, tenant: &str, body: &[u8]) -> Result<Answer, Refused> {
        said::nothing(body)?;
        self.adopt(tenant).await?;
        self.registry.ledger.suspend_tenant(self.by, tenant).await?;
        self.tenant(tenant).await
    }

    async fn resume(&self, tenant: &str, body: &[u8]) -> Result<Answer, Refused> {
        said::nothing(body)?;
        self.adopt(tenant).await?;
        self.registry.ledger.resume_tenant(self.by, tenant).await?;
        self.tenant(tenant).await
    }

    async fn keys(&self, parts: &Parts) -> Result<Answer, Refused> {
        let said = Query::read(&parts.uri, &["after", "limit", "tenant"])?;
        let page = Page { after: said.of("after"), limit: said.limit()? + 1 };
        let keys = self.registry.ledger.keys(said.of("tenant"), page).await?;
        Ok(said.page(keys.iter().map(|key| shown::Key::of(key, self.by.at)).collect())?)
    }

    async fn make_key(&self, body: &[u8]) -> Result<Answer, Refused> {
        let said: said::Key = said::read(body)?;
        let expires_at = said::end(said.expires_at.as_deref(), self.by.at)?;
        let problems = scopes::problems(&said.scopes, &self.deployment.config);
        if !problems.is_empty() {
            return Err(Refused::Said(problems));
        }
        self.adopt(&said.tenant).await?;
        let (tenant, name, scopes) = (&*said.tenant, &*said.name, said.scopes);
        let new = NewKey { tenant, name, scopes, expires_at };
        self.made(self.registry.ledger.make_key(self.by, new).await?).await
    }

    async fn rotate(&self, key: &str, body: &[u8]) -> Result<Answer, Refused> {
        let said: said::Rotation = said::read_if_any(body)?;
        let grace = said::grace(said.grace.as_deref())?;
        let expires_at = said::end(said.expires_at.as_deref(), self.by.at)?;
        let rotation = Rotation { grace, expires_at };
        self.made(self.registry.ledger.rotate_key(self.by, key, rotation).await?).await
    }

    async fn revoke(&self, key: &str, body: &[u8]) -> Result<Answer, Refused> {
        said::nothing(body)?;
        self.registry.ledger.revoke_key(self.by, key).await?;
        self.key(key).await
    }

    async fn expire(&self, key: &str, body: &[u8]) -> Result<Answer, Refused> {
        let said: said::Expiry = said::read(body)?;
        let then = said.expires_at.as_deref().map(said::time).transpose()?;
        self.registry.ledger.expire_key(self.by, key, then).await?;
        self.key(key).await
    }

    /// The newest first, so that older acts come after one.
    async fn audit(&self, parts: &Parts) -> Result<Answer, Refused> {
        let said = Query::read(&parts.uri, &["after", "limit"])?;
        let acts = self.registry.ledger.audit(said.number("after")?, said.limit()? + 1).await?;
        Ok(said.page(acts.iter().map(shown::Act::of).collect())?)
    }

    fn configured(&self, tenant: &str) -> Option<&config::Tenant> {
        self.deployment.config.tenants.iter().find(|known| &*known.name == tenant)
    }

    /// Has the ledger know a tenant of the configuration, and those that it is part of.
    async fn adopt(&self, tenant: &str) -> Result<(), AdminError> {
        let up = |tenant: &&config::Tenant| self.configured(tenant.parent.as_deref()?);
        let lineage: Vec<_> = std::iter::successors(self.configured(tenant), up).collect();
        for tenant in lineage.into_iter().rev() {
            let (id, parent) = (&*tenant.name, tenant.parent.as_deref());
            let new = NewTenant { id, parent, name: id };
            match self.registry.ledger.make_tenant(self.by, new).await {
                Ok(()) | Err(AdminError::TenantExists(_)) => {}
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }

    /// What came of an act on a tenant.
    async fn tenant(&self, tenant: &str) -> Result<Answer, Refused> {
        self.seen().await;
        let tenant = self.registry.ledger.tenant(tenant).await?;
        let configured = self.configured(&tenant.id).is_some();
        Ok(json(StatusCode::OK, &shown::Tenant::of(&tenant, configured)))
    }

    /// What came of an act on a key.
    async fn key(&self, key: &str) -> Result<Answer, Refused> {
        self.seen().await;
        let key = self.registry.ledger.key(key).await?;
        Ok(json(StatusCode::OK, &shown::Key::of(&key, self.by.at)))
    }

    async fn made(&self, Made { key, secret }: Made) -> Result<Answer, Refused> {
        self.seen().await;
        let key = shown::Key::of(&key, self.by.at);
        Ok(json(StatusCode::OK, &json!({ "key": key, "secret": secret.expose() })))
    }

    /// Has this gateway see what was done. It was done, so that a look that fails is no failure:
    /// the next one is soon.
    async fn seen(&self) {
        let _ = self.registry.keys.refresh().await;
    }
}
