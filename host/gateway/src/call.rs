//! A call to an upstream, made as a plugin wants it and as far as it may.

use crate::candidate::Candidate;
use crate::contract::{FailureKind, JsonEdit, providers};
use crate::exchange;
use crate::failure::Failure;
use crate::provider::{Generation, Provider};
use crate::request::Request;
use crate::upstream::command::{Ran, Wanted};
use crate::upstream::http::{Outgoing, ReplyBody};
use crate::wire::dialect::Dialect;
use crate::wire::form;
use crate::wire::json_edit::{self, EditRef};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use portcullis_sandbox::Fault;
use std::borrow::Cow;
use std::sync::Arc;

/// Bytes of a refusal that its plugin gets to read.
const MAX_REFUSAL: usize = 64 << 10;

/// The status of a program that failed, which has none of HTTP's own.
const FAILED: u16 = 500;

/// What the calls of one attempt have in common.
#[derive(Clone)]
pub struct Call {
    /// Whose upstream it is.
    pub provider: Arc<Provider>,
    /// For which model.
    pub candidate: Arc<Candidate>,
    /// For whom.
    pub request: Arc<Request>,
    /// The dialect in which the plugin was lent it.
    pub dialect: Dialect,
    /// The version of the plugin that the request began with.
    pub generation: Generation,
}

/// A reply that is a success.
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    /// How it is to be cut.
    pub framing: providers::Framing,
    /// The rest.
    pub body: ReplyBody,
}

impl Reply {
    /// What its plugin sees of its head.
    pub fn head(&self) -> providers::ReplyHead {
        providers::ReplyHead { status: self.status.as_u16(), headers: visible(&self.headers) }
    }
}

impl Call {
    /// Makes the call that a plugin wants, and has it read a reply that is no success.
    ///
    /// # Errors
    ///
    /// If it may not be made, breaks, or is refused.
    pub async fn make(&self, call: &providers::Call) -> Result<Reply, Failure> {
        match call {
            providers::Call::Http(call) => self.ask(call).await,
            providers::Call::Command(call) => self.run(call).await,
            providers::Call::Generate(_) | providers::Call::Model(_) => {
                Err(self.unsupported("local models"))
            }
        }
    }

    async fn ask(&self, http: &providers::HttpCall) -> Result<Reply, Failure> {
        let client = self.provider.client.as_ref();
        let client = client.ok_or_else(|| self.unsupported("HTTP, and its `base_url`"))?;
        let (form, body) = self.body(http)?;
        let headers = match form {
            None => Cow::Borrowed(&http.headers),
            Some(kind) => Cow::Owned(with_type(&http.headers, kind)),
        };
        let outgoing = Outgoing {
            method: &http.method,
            path_and_query: &http.path_and_query,
            headers: &headers,
            body,
        };
        let reply = client.send(outgoing).await.map_err(Failure::Call)?;
        self.candidate.signals.read_headroom(&reply.headers, &self.generation.value.facts);
        let (status, headers) = (reply.status, reply.headers);
        if status.is_success() {
            return Ok(Reply { status, headers, framing: http.framing, body: reply.body });
        }
        let head = providers::ReplyHead { status: status.as_u16(), headers: visible(&headers) };
        let body = reply.body.beginning(MAX_REFUSAL).await;
        // Neither the plugin nor the client may learn a credential that the upstream repeats.
        let body = client.redacted(&body);
        Err(exchange::refused(&self.provider, &self.generation, &self.request, &head, &body).await)
    }

    /// Runs a program. Its head is that of a success as long as it does not fail.
    async fn run(&self, call: &providers::CommandCall) -> Result<Reply, Failure> {
        let wanted = Wanted {
            command: &call.command,
            parameters: &call.parameters,
            stdin: &call.stdin,
            whole: call.framing == providers::Framing::Whole,
        };
        let (end, said) = match self.provider.commands.run(wanted).await.map_err(Failure::Call)? {
            Ran::Printing(body) => {
                let (status, headers) = (StatusCode::OK, HeaderMap::new());
                return Ok(Reply { status, headers, framing: call.framing, body });
            }
            Ran::Refused(end, said) => (end, said),
        };
        let (name, value) = end.header();
        let headers = vec![(name.to_owned(), value.to_string())];
        let head = providers::ReplyHead { status: FAILED, headers };
        let said = &said[..said.len().min(MAX_REFUSAL)];
        Err(exchange::refused(&self.provider, &self.generation, &self.request, &head, said).await)
    }

    fn unsupported(&self, what: &str) -> Failure {
        let name = &self.provider.configured.name;
        let message = format!("The provider `{name}` wants {what}, which this version has not.");
        Failure::reported(FailureKind::Unsupported, message)
    }

    /// What is sent; of a form its content type as well, which names what parts it.
    fn body(&self, http: &providers::HttpCall) -> Result<(Option<String>, Bytes), Failure> {
        let body = match &http.body {
            providers::Body::Empty => Bytes::new(),
            providers::Body::Bytes(bytes) => Bytes::copy_from_slice(bytes),
            providers::Body::Edited(edits) if edits.is_empty() => {
                self.request.body_in(self.dialect)
            }
            providers::Body::Edited(edits) => {
                let edits = edits.iter().map(|edit| match edit {
                    JsonEdit::Set((pointer, json)) => EditRef::Set(pointer, json),
                    JsonEdit::Remove(pointer) => EditRef::Remove(pointer),
                    JsonEdit::Move((from, to)) => EditRef::Move(from, to),
                });
                let edited = json_edit::apply(&self.request.body_in(self.dialect), edits);
                edited.map(Bytes::from).map_err(|error| self.malformed(&error.to_string()))?
            }
            providers::Body::Form(parts) => {
                let (kind, body) = self.form(parts)?;
                return Ok((Some(kind), body));
            }
        };
        Ok((None, body))
    }

    fn form(&self, parts: &[providers::FormPart]) -> Result<(String, Bytes), Failure> {
        let file = self.request.attachment.as_ref();
        let mut written = Vec::with_capacity(parts.len());
        for part in parts {
            let value = match &part.value {
                providers::FormValue::Text(text) => form::Part::Text(text),
                providers::FormValue::Attachment(name) => {
                    let file = file.filter(|file| file.name == *name);
                    form::Part::File(file.ok_or_else(|| {
                        self.malformed(&format!("the request has no attachment {name:?}"))
                    })?)
                }
            };
            written.push((part.name.as_str(), value));
        }
        Ok(form::write(&written))
    }

    fn malformed(&self, what: &str) -> Failure {
        Failure::Plugin {
            plugin: self.provider.configured.name.clone(),
            step: "start",
            fault: Fault::Malformed { message: what.to_owned() },
        }
    }
}

/// Headers with this content type in the place of another.
fn with_type(headers: &[(String, String)], kind: String) -> Vec<(String, String)> {
    let others = headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
    others.cloned().chain([("content-type".to_owned(), kind)]).collect()
}

/// The headers of a reply that a plugin sees: those that are text, and none that could hold a
/// secret of the operator's.
fn visible(headers: &http::HeaderMap) -> Vec<(String, String)> {
    let secret = |name: &http::HeaderName| name == "set-cookie" || name == "www-authenticate";
    let shown = headers.iter().filter(|(name, _)| !secret(name));
    let text = shown.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    text.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
