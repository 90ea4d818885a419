//! From a candidate's answer to an HTTP response, and its body to the last byte.
//!
//! A body that is dropped before its end (the client went away) drops the upstream's reply, the
//! plugin's sandbox, the permit and the entry with it: that is the whole of cancellation.

mod replay;

use crate::attempt::{Answer, Answered, UnderWay};
use crate::cache::{self, Collected, Keep};
use crate::candidate::Candidate;
use crate::config::Naming;
use crate::contract::{FailureKind, Usage};
use crate::counting::{Over, Question};
use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::gateway::{Permit, micros};
use crate::record::{Ending, Entry};
use crate::refusal::Refusal;
use crate::request::{Operation, Request};
use crate::tenant::Caller;
use crate::wire::dialect::Dialect;
use crate::wire::said::Said;
use crate::{explain, passthrough, relay, words};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use futures_util::stream::BoxStream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue};
use http_body_util::{Full, StreamBody};
use hyper::body::{Frame, SizeHint};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

pub use replay::replay;

/// The header with the fields that the upstream had no place for.
const DROPPED: &str = "x-portcullis-dropped";

/// The header that says which limits are nearly used up.
const WARNING: &str = "x-portcullis-limit-warning";

/// A response with its body.
pub type Response = http::Response<Body>;

/// All at once, or as it comes.
pub enum Body {
    /// All of it.
    Whole(Full<Bytes>),
    /// Piece by piece.
    Pieces(StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>),
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context),
            Self::Pieces(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Pieces(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Pieces(body) => body.size_hint(),
        }
    }
}

/// A candidate's answer as a response.
pub fn answer(
    request: &Request,
    candidate: Arc<Candidate>,
    answered: Answered,
    mut entry: Entry,
    permit: Permit,
    keep: Keep,
) -> Response {
    entry.candidate = Some(candidate.profile.id.clone());
    entry.provider_us = micros(answered.plugin);
    entry.upstream_us = micros(answered.upstream);
    let mut headers = http::HeaderMap::with_capacity(12);
    describe(&mut headers, &entry);
    if entry.explain != explain::Wanted::Nothing {
        put(&mut headers, explain::EXPLANATION, &explain::header(&entry));
    }
    if let Some(word) = keep.word {
        put(&mut headers, cache::HEADER, word);
    }
    // What a plugin says at length is cut before it is kept or sent.
    let dropped = answered.dropped.join(", ");
    let dropped = (!dropped.is_empty()).then(|| words::brief(dropped));
    if let Some(names) = &dropped {
        put(&mut headers, DROPPED, names);
        entry.remarks.push(format!("left out, for the upstream has no place for it: {names}"));
    }
    let source = match answered.answer {
        Answer::Whole(whole, usage, ignored) => {
            entry.remarks.extend(ignored.into_iter().map(str::to_owned));
            candidate.answered(answered.called, None, usage.as_ref());
            entry.used(usage.as_ref(), &candidate);
            if let Some(cost) = entry.cost_usd {
                put(&mut headers, "x-portcullis-cost-usd", &format!("{cost:.8}"));
            }
            let ending = Ending::Finished;
            Over::whole(entry, &candidate, request, (usage, &whole), ending).close();
            if let Some(place) = keep.place {
                place.whole(&candidate.profile.id, dropped, &whole);
            }
            let media_type = request.dialect.media_type(request);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
            return response(headers, Body::Whole(Full::new(whole)));
        }
        Answer::Passed(stream) => Source::Passed(stream),
        Answer::Translated(stream) => Source::Translated(stream),
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let deadline = request.deadline.min(answered.until);
    let live = Box::new(Live {
        source,
        dialect: request.dialect,
        held: answered.held,
        deadline: Box::pin(tokio::time::sleep_until(deadline.into())),
        called: answered.called,
        first_content: answered.first_content,
        collected: keep.place.map(|place| place.stream(&candidate.profile.id, dropped)),
        candidate,
        question: Question::of(request),
        entry: Some(entry),
        _under_way: answered.under_way,
        _permit: permit,
    });
    let pieces = stream::unfold(live, |mut live| async move {
        let piece = live.next().await?;
        live.collected = live.collected.take().and_then(|collected| collected.with(&piece));
        Some((Ok(Frame::data(piece)), live))
    });
    response(headers, Body::Pieces(StreamBody::new(Box::pin(pieces))))
}

fn response(headers: http::HeaderMap, body: Body) -> Response {
    let mut response = http::Response::new(body);
    *response.headers_mut() = headers;
    response
}

/// A streamed answer on its way to the client, with everything that ends when it does.
struct Live {
    source: Source,
    dialect: Dialect,
    held: Bytes,
    deadline: Pin<Box<Sleep>>,
    called: Instant,
    first_content: Duration,
    /// What went out so far, where it is kept.
    collected: Option<Collected>,
    candidate: Arc<Candidate>,
    /// Where it can be counted.
    question: Option<Question>,
    /// Until the answer is over.
    entry: Option<Entry>,
    _under_way: UnderWay,
    _permit: Permit,
}

enum Source {
    Passed(Box<passthrough::Stream>),
    Translated(Box<relay::Stream>),
}

impl Source {
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        match self {
            Self::Passed(stream) => stream.next().await,
            Self::Translated(stream) => stream.next().await,
        }
    }

    fn fail(&mut self, dialect: Dialect, refusal: &Refusal, out: &mut BytesMut) {
        match self {
            Self::Passed(_) => dialect.fail(refusal, out),
            Self::Translated(stream) => stream.fail(refusal, out),
        }
    }

    fn usage(&self) -> Option<&Usage> {
        match self {
            Self::Passed(stream) => stream.usage.as_ref(),
            Self::Translated(stream) => stream.usage(),
        }
    }

    fn said(&mut self) -> Said {
        match self {
            Self::Passed(stream) => std::mem::take(&mut stream.said),
            Self::Translated(stream) => stream.said(),
        }
    }
}

impl Live {
    /// The next bytes for the client; `None` when there are no more. What fails here can no
    /// longer be tried elsewhere, but it does not end silently: the last event says so.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.held.is_empty() {
            return Some(std::mem::take(&mut self.held));
        }
        self.entry.as_ref()?;
        let piece = tokio::select! {
            biased;
            // First, so that an upstream that never pauses does not outrun it.
            () = &mut self.deadline => Err(Failure::OutOfTime),
            piece = self.source.next() => piece,
        };
        match piece {
            Ok(Some(bytes)) => Some(bytes),
            Ok(None) => {
                self.close(Ending::Finished);
                None
            }
            Err(failure) => {
                let mut last = BytesMut::new();
                self.source.fail(self.dialect, &Refusal::of(&failure, false), &mut last);
                self.close(Ending::Failed(failure));
                Some(last.freeze())
            }
        }
    }

    /// Whoever goes away is billed for what was used until then.
    fn close(&mut self, ending: Ending) {
        let Some(mut entry) = self.entry.take() else {
            return;
        };
        let collected = self.collected.take();
        let usage = self.source.usage().cloned();
        if let Source::Translated(stream) = &self.source {
            entry.provider_us = micros(stream.spent());
            entry.remarks.extend(stream.ignored().map(str::to_owned));
        }
        match &ending {
            Ending::Finished => {
                self.candidate.answered(self.called, Some(self.first_content), usage.as_ref());
                collected.into_iter().for_each(Collected::keep);
            }
            Ending::Failed(failure) => self.candidate.failed(failure, self.called.elapsed()),
            Ending::Abandoned => {}
        }
        let (candidate, said) = (self.candidate.clone(), self.source.said());
        let question = self.question.take();
        Over { entry, candidate, usage, question, said, ending }.close();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.close(Ending::Abandoned);
    }
}

/// Where it went and what that took, for whoever looks at the headers.
fn describe(headers: &mut http::HeaderMap, entry: &Entry) {
    put(headers, "x-portcullis-candidate", entry.candidate.as_deref().unwrap_or_default());
    put(headers, "x-portcullis-route", &entry.route);
    put(headers, "x-portcullis-attempts", &entry.tried.len().to_string());
    let total = micros(entry.began().elapsed());
    let overhead = total.saturating_sub(entry.upstream_us);
    put(headers, "x-portcullis-overhead-us", &overhead.to_string());
    // https://www.w3.org/TR/server-timing/: durations in milliseconds.
    let ms = |us: u64| us as f64 / 1e3;
    let (policy, provider) = (ms(entry.policy_us), ms(entry.provider_us));
    let upstream = ms(entry.upstream_us);
    let timing = format!("policy;dur={policy}, provider;dur={provider}, upstream;dur={upstream}");
    put(headers, "server-timing", &timing);
    for (name, value) in &entry.limits {
        put(headers, name, value);
    }
    if !entry.warnings.is_empty() {
        put(headers, WARNING, &entry.warnings.join(", "));
    }
}

/// Adds a header, unless its value cannot be one.
fn put(headers: &mut http::HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// Names the request in both headers that SDKs read.
pub fn name(response: &mut Response, id: &str) {
    put(response.headers_mut(), "x-request-id", id);
    put(response.headers_mut(), "request-id", id);
}

/// A refusal in the client's dialect.
pub fn refusal(dialect: Dialect, refusal: &Refusal, id: &str) -> Response {
    let (status, body) = dialect.refusal(refusal, id);
    let mut response = json_response(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some(after) = refusal.retry_after {
        put(headers, "retry-after-ms", &after.as_millis().to_string());
        let seconds = after.as_secs_f64().ceil().to_string();
        if let Ok(seconds) = HeaderValue::from_str(&seconds) {
            headers.insert(RETRY_AFTER, seconds);
        }
    }
    for (name, value) in &refusal.headers {
        put(headers, name, value);
    }
    if let Some(retry) = refusal.should_retry {
        put(headers, "x-should-retry", if retry { "true" } else { "false" });
    }
    response
}

/// Whether a request that failed is answered by an estimate: nobody who could be asked counts
/// tokens.
pub fn estimates(request: &Request, failure: &Failure) -> bool {
    request.operation == Operation::CountTokens && failure.kind() == FailureKind::Unsupported
}

/// Where a request would go, for a client that wants to know just that.
pub fn explanation(mut entry: Entry) -> Response {
    let mut response = json_response(explain::json(&entry));
    describe(response.headers_mut(), &entry);
    entry.remarks.push("it was explained, and nobody was asked".to_owned());
    entry.finish();
    response
}

/// How many tokens a conversation has, about, and that it is an estimate.
pub fn estimate(request: &Request, mut entry: Entry) -> Response {
    let mut response = json_response(json!({ "input_tokens": request.input_tokens }).to_string());
    describe(response.headers_mut(), &entry);
    put(response.headers_mut(), "x-portcullis-estimated", "true");
    entry.remarks.push("the tokens were estimated".to_owned());
    entry.finish();
    response
}

/// The list of models, as far as that client may ask for them: every route as a model of its
/// own, every candidate, and what open providers offer beyond them. A model without its provider
/// is listed only where nothing else says that it is there.
pub async fn models(deployment: &Deployment, caller: &Caller, dialect: Dialect) -> Response {
    let scope = &caller.scope;
    let mut routes = deployment.routes.names_of(Naming::Routes, caller);
    routes.sort_unstable();
    let offered = match scope.may_name(Naming::Candidates) {
        true => deployment.catalogue.offered(&deployment.providers, caller).await,
        false => Vec::new(),
    };
    let kind = match scope.may_name(Naming::Candidates) {
        true => Naming::Candidates,
        false => Naming::Models,
    };
    let mut listed = HashSet::new();
    let models = deployment.routes.names_of(kind, caller).into_iter();
    let offered = offered.iter().flat_map(|list| list.iter());
    let offered = offered.map(String::as_str).filter(|id| scope.may_use(id));
    let models = models.chain(offered);
    let models = models.filter(|id| listed.insert(*id)).map(|id| {
        let owner = id.split_once('/').filter(|_| kind == Naming::Candidates);
        (id, owner.map_or("portcullis", |(owner, _)| owner))
    });
    let routes = routes.into_iter().map(|route| (route, "portcullis"));
    let all: Vec<(&str, &str)> = routes.chain(models).collect();
    json_response(dialect.models(&all).to_string())
}

/// One model of the list.
///
/// # Errors
///
/// 404 where no model has the name, 403 where that client may not ask for it.
pub fn model(
    deployment: &Deployment,
    caller: &Caller,
    dialect: Dialect,
    id: &str,
) -> Result<Response, Refusal> {
    let target = deployment.routes.find(id, caller)?;
    let owner = match &*target.candidates {
        [one] => one.profile.id.split('/').next().unwrap_or_default(),
        _ => "portcullis",
    };
    Ok(json_response(dialect.model(id, owner).to_string()))
}

/// Something that is said as JSON.
pub fn said(value: &Value) -> Response {
    json_response(value.to_string())
}

fn json_response(text: String) -> Response {
    let mut headers = http::HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response(headers, Body::Whole(Full::new(Bytes::from(text))))
}
