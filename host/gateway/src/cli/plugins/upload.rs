//! `portcullis policies|providers upload` and `remove`: a tenant's own plugins, in a gateway that
//! runs, by one of the tenant's keys.

use super::super::ask::{authorization, call, error_of, key};
use super::super::running::Running;
use super::{Brought, manifest_of};
use crate::wire::form::{self, Attachment, Part};
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What is brought, and where it is to be.
#[derive(clap::Args)]
pub(super) struct Upload {
    /// What the configuration calls it.
    name: String,
    /// The component (`plugin.toml` lies beside it).
    file: PathBuf,
    #[command(flatten)]
    brought: Brought,
}

/// Puts it in place.
pub(super) fn upload(table: &str, running: &Running, upload: &Upload) -> Result<Value> {
    let Upload { name, file, brought } = upload;
    let manifest = manifest_of(file, brought.manifest.as_deref());
    let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
    let text = String::from_utf8(read(&manifest)?);
    let text = text.with_context(|| format!("{}: it is no text", manifest.display()))?;
    let component = Attachment {
        name: "component".to_owned(),
        filename: "component.wasm".to_owned(),
        media_type: "application/wasm".to_owned(),
        bytes: read(file)?.into(),
    };
    let max_changed = brought.max_changed.map(|share| share.to_string());
    let reason = Some(brought.reason().to_owned());
    let mut parts = vec![("manifest", Part::Text(&text)), ("component", Part::File(&component))];
    for (field, said) in
        [("digest", &brought.digest), ("max_changed", &max_changed), ("reason", &reason)]
    {
        parts.extend(said.as_ref().map(|said| (field, Part::Text(said))));
    }
    let (content_type, body) = form::write(&parts);
    ask(running, Method::PUT, &place(table, name), &content_type, body)
}

/// Takes it away again.
pub(super) fn remove(table: &str, running: &Running, name: &str) -> Result<Value> {
    ask(running, Method::DELETE, &place(table, name), "application/json", Bytes::new())
}

fn place(table: &str, name: &str) -> String {
    format!("/v1/plugins/{table}/{name}")
}

fn ask(
    running: &Running,
    method: Method,
    path: &str,
    content_type: &str,
    body: Bytes,
) -> Result<Value> {
    let server = running.clients()?;
    let mut headers = vec![(CONTENT_TYPE.to_string(), content_type.to_owned())];
    headers.extend(key().map(authorization));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (parts, body) = call(&server, method, path, &headers, body).await?.into_parts();
        let answer = body.collect().await?.to_bytes();
        if !parts.status.is_success() {
            bail!("{}: {}", parts.status, error_of(&answer));
        }
        Ok(serde_json::from_slice(&answer)?)
    })
}
