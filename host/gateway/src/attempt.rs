//! One attempt at one candidate: from the plugin's call to the first content of its answer.
//!
//! Until this returns, nothing has reached the client, and another candidate can take over.

use crate::candidate::Candidate;
use crate::contract::{Usage, providers};
use crate::exchange::{self, Exchange};
use crate::failure::Failure;
use crate::provider::{Provider, ProviderWorld};
use crate::request::Request;
use crate::signals::{InFlight, Signals};
use crate::upstream::http::{Outgoing, ReplyBody};
use crate::wire::json_edit::{self, EditRef};
use crate::{contract::FailureKind, contract::JsonEdit, passthrough, relay};
use bytes::Bytes;
use portcullis_sandbox::{Fault, Pinned, Plugin};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;

/// Bytes of a refusal that its plugin gets to read.
const MAX_REFUSAL: usize = 64 << 10;

/// A candidate's answer, from its first content on.
pub struct Answered {
    /// What goes to the client.
    pub answer: Answer,
    /// When the call was made.
    pub called: Instant,
    /// When it has to be over, by the provider's time-out of the whole.
    pub until: Instant,
    /// What was held back of a stream until its first content.
    pub held: Bytes,
    /// Time spent in the plugin so far.
    pub plugin: Duration,
    /// Time that the upstream took until its first content.
    pub upstream: Duration,
    /// From the call to the first content.
    pub first_content: Duration,
    /// Ends when the answer does.
    pub under_way: UnderWay,
}

/// What is held while a call is under way.
pub struct UnderWay {
    _in_flight: InFlight<CandidateSignals>,
    _place: Option<OwnedSemaphorePermit>,
}

/// An answer in the client's dialect.
pub enum Answer {
    /// All of it.
    Whole(Bytes, Option<Usage>),
    /// Forwarded as it comes.
    Passed(Box<passthrough::Stream>),
    /// Translated as it comes.
    Translated(Box<relay::Stream>),
}

/// What the calls of one attempt have in common.
#[derive(Clone)]
pub struct Call {
    /// Whose upstream it is.
    pub provider: Arc<Provider>,
    /// For which model.
    pub candidate: Arc<Candidate>,
    /// For whom.
    pub request: Arc<Request>,
    generation: Pinned<Arc<Plugin<ProviderWorld>>>,
}

/// A reply that is a success.
pub struct Reply {
    /// What its plugin sees of its head.
    pub head: providers::ReplyHead,
    /// How it is to be cut.
    pub framing: providers::Framing,
    /// The rest.
    pub body: ReplyBody,
}

/// Makes one attempt.
///
/// # Errors
///
/// Whatever keeps the candidate from answering.
pub async fn make(
    provider: &Arc<Provider>,
    candidate: &Arc<Candidate>,
    request: &Arc<Request>,
) -> Result<Answered, Failure> {
    let place = match &provider.calls {
        None => None,
        Some(calls) => Some(calls.clone().try_acquire_owned().map_err(|_| {
            Failure::PassedOver { why: "the provider has as many calls under way as it may" }
        })?),
    };
    let under_way =
        UnderWay { _in_flight: InFlight::new(CandidateSignals(candidate.clone())), _place: place };
    let generation = provider.plugin.pin();
    let call = Call {
        provider: provider.clone(),
        candidate: candidate.clone(),
        request: request.clone(),
        generation: generation.clone(),
    };
    let (exchange, wanted) =
        Exchange::start(provider, generation, request, &candidate.model).await?;
    let before = exchange.spent;
    let called = Instant::now();
    let (answer, held, plugin) = match &wanted {
        providers::Call::Http(http) if http.passthrough => {
            // Bytes will flow natively: the sandbox is gone before the call is made.
            drop(exchange);
            let (answer, held) = pass(call.make(&wanted).await?, request).await?;
            (answer, held, before)
        }
        _ => {
            let reply = call.make(&wanted).await?;
            translate(relay::Translation::begin(call, exchange, reply).await?, request).await?
        }
    };
    let first_content = called.elapsed();
    let upstream = first_content.saturating_sub(plugin.saturating_sub(before));
    Ok(Answered {
        answer,
        held,
        called,
        until: called + provider.configured.timeouts.whole,
        plugin,
        upstream,
        first_content,
        under_way,
    })
}

async fn pass(reply: Reply, request: &Request) -> Result<(Answer, Bytes), Failure> {
    if request.streaming {
        let (stream, held) = passthrough::Stream::begin(reply.body, request.wants_usage).await?;
        return Ok((Answer::Passed(Box::new(stream)), held));
    }
    let (whole, usage) = passthrough::whole(reply.body).await?;
    Ok((Answer::Whole(whole, usage), Bytes::new()))
}

async fn translate(
    translation: relay::Translation,
    request: &Request,
) -> Result<(Answer, Bytes, Duration), Failure> {
    if request.streaming {
        let (stream, held) = relay::Stream::begin(translation, request).await?;
        let spent = stream.spent();
        return Ok((Answer::Translated(Box::new(stream)), held, spent));
    }
    let (whole, usage, spent) = translation.whole(request).await?;
    Ok((Answer::Whole(whole, usage), Bytes::new(), spent))
}

impl Call {
    /// Makes the call that a plugin wants, and has it read a reply that is no success.
    ///
    /// # Errors
    ///
    /// If it may not be made, breaks, or is refused.
    pub async fn make(&self, call: &providers::Call) -> Result<Reply, Failure> {
        let http = match call {
            providers::Call::Http(http) => http,
            providers::Call::Generate(_) | providers::Call::Model(_) => {
                return Err(self.unsupported("local models"));
            }
            providers::Call::Command(_) => return Err(self.unsupported("commands")),
        };
        let body = self.body(http)?;
        let outgoing = Outgoing {
            method: &http.method,
            path_and_query: &http.path_and_query,
            headers: &http.headers,
            body,
        };
        let reply = self.provider.client.send(outgoing).await.map_err(Failure::Call)?;
        self.candidate.signals.read_headroom(&reply.headers, &self.provider.rate_limits);
        let head = providers::ReplyHead {
            status: reply.status.as_u16(),
            headers: visible(&reply.headers),
        };
        if reply.status.is_success() {
            return Ok(Reply { head, framing: http.framing, body: reply.body });
        }
        let body = reply.body.beginning(MAX_REFUSAL).await;
        Err(exchange::refused(&self.provider, &self.generation, &self.request, &head, &body).await)
    }

    fn unsupported(&self, what: &str) -> Failure {
        let name = &self.provider.configured.name;
        let message = format!("The provider `{name}` wants {what}, which this version has not.");
        Failure::reported(FailureKind::Unsupported, message)
    }

    fn body(&self, http: &providers::HttpCall) -> Result<Bytes, Failure> {
        match &http.body {
            providers::Body::Empty => Ok(Bytes::new()),
            providers::Body::Bytes(bytes) => Ok(Bytes::copy_from_slice(bytes)),
            providers::Body::Edited(edits) if edits.is_empty() => Ok(self.request.body.clone()),
            providers::Body::Edited(edits) => {
                let edits = edits.iter().map(|edit| match edit {
                    JsonEdit::Set((pointer, json)) => EditRef::Set(pointer, json),
                    JsonEdit::Remove(pointer) => EditRef::Remove(pointer),
                    JsonEdit::Move((from, to)) => EditRef::Move(from, to),
                });
                let edited = json_edit::apply(&self.request.body, edits);
                edited.map(Bytes::from).map_err(|error| self.malformed(&error.to_string()))
            }
            providers::Body::Form(_) => Err(self.unsupported("multipart forms")),
        }
    }

    fn malformed(&self, what: &str) -> Failure {
        Failure::Plugin {
            plugin: self.provider.configured.name.clone(),
            step: "start",
            fault: Fault::Malformed { message: what.to_owned() },
        }
    }
}

/// The headers of a reply that a plugin sees: those that are text, and none that could hold a
/// secret of the operator's.
fn visible(headers: &http::HeaderMap) -> Vec<(String, String)> {
    let secret = |name: &http::HeaderName| name == "set-cookie" || name == "www-authenticate";
    let shown = headers.iter().filter(|(name, _)| !secret(name));
    let text = shown.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    text.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A candidate's signals, for the guard that counts calls under way.
struct CandidateSignals(Arc<Candidate>);

impl AsRef<Signals> for CandidateSignals {
    fn as_ref(&self) -> &Signals {
        &self.0.signals
    }
}
