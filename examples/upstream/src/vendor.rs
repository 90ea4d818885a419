//! The protocols of vendors, each under a path of its own: `/anthropic/v1/messages` is what
//! `api.anthropic.com` has at `/v1/messages`.
//!
//! What a model says is made once, by its script ([`crate::answer`]); a vendor is what it takes
//! to read a request, to put an answer into its form and to say what is wrong. So a vendor more
//! has every script, and a script more is had from every vendor. A request that breaks the
//! vendor's rules is refused as the vendor would.

mod anthropic;
mod check;
mod gemini;
mod huggingface;
mod ollama;
mod openai;

use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use serde_json::Value;

use crate::answer::{Answer, End};
use crate::failures::{Failure, Fault};
use crate::play::{Play, Step, awkward};
use crate::record::{Journal, Ticket};
use crate::request::Asked;
use crate::respond::{EVENTS, JSON, misbehave, refuse, reply, reply_json};
use crate::script::{Break, Script};
use crate::transcriptions::transcribe;

/// The first part of a path, and whose protocol is spoken behind it.
const VENDORS: [(&str, &dyn Vendor); 6] = [
    ("anthropic", &anthropic::Anthropic),
    ("gemini", &gemini::Gemini),
    ("huggingface", &huggingface::HuggingFace),
    ("huggingface-generation", &huggingface::Generation),
    ("ollama", &ollama::Ollama),
    ("openai", &openai::OpenAi),
];

/// A request for a vendor.
pub(crate) struct Call<'a> {
    /// Its path behind the vendor's name, without the query.
    pub(crate) path: &'a str,
    pub(crate) parts: &'a Parts,
    /// Null where it was no JSON.
    pub(crate) body: &'a Value,
}

/// What a call wants.
pub(crate) enum Wanted {
    /// An answer of a model.
    Chat(Box<Asked>),
    /// What a model of this name makes of the request alone: vectors, a count.
    Made(String, Value),
    /// What is heard in the file of a form, in OpenAI's form.
    Transcript,
    /// Something that no script has a say in.
    Document(Value),
}

/// What is put into a vendor's form.
pub(crate) struct Reply<'a> {
    /// The number of the request, for ids.
    pub(crate) id: u64,
    pub(crate) asked: &'a Asked,
    pub(crate) answer: &'a Answer,
}

/// A vendor's protocol.
pub(crate) trait Vendor: Sync {
    /// The model that a call names.
    fn model<'a>(&self, call: &'a Call<'_>) -> &'a str {
        call.body["model"].as_str().unwrap_or_default()
    }

    /// What a call asks for, or what is wrong with it.
    fn read(&self, call: &Call<'_>) -> Result<Wanted, Failure>;

    /// An answer in one piece.
    fn whole(&self, reply: &Reply<'_>) -> Value;

    /// The same as events, each as it goes over the wire.
    fn stream(&self, reply: &Reply<'_>) -> Vec<String>;

    /// The last event of a stream that breaks off.
    fn broken(&self) -> String;

    /// The media type of a stream.
    fn stream_type(&self) -> &'static str {
        EVENTS
    }

    /// Whether an answer can end so.
    fn ends(&self, end: &End) -> bool;

    /// How this is said; `None` where the vendor has no words for it.
    fn failure(&self, fault: Fault) -> Option<Failure>;

    /// Headers of every answer.
    fn headers(&self, id: u64) -> Vec<(&'static str, String)>;
}

/// Whose path this is, and what is left of it.
pub(crate) fn of(path: &str) -> Option<(&'static dyn Vendor, &str)> {
    let path = path.strip_prefix('/')?;
    let (name, _) = path.split_once('/')?;
    let (_, vendor) = VENDORS.into_iter().find(|(known, _)| *known == name)?;
    Some((vendor, &path[name.len()..]))
}

/// Answers a call.
pub(crate) async fn respond(
    journal: &Arc<Journal>,
    vendor: &dyn Vendor,
    call: &Call<'_>,
    ticket: Ticket,
) -> Response<Play> {
    let said = vendor.headers(ticket.id());
    let mut response = answered(journal, vendor, call, ticket).await;
    for (name, value) in said {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn answered(
    journal: &Journal,
    vendor: &dyn Vendor,
    call: &Call<'_>,
    ticket: Ticket,
) -> Response<Play> {
    let wanted = match vendor.read(call) {
        Ok(wanted) => wanted,
        Err(failure) => return refuse(&failure, ticket),
    };
    let (model, streams) = match &wanted {
        Wanted::Chat(asked) => (asked.model.as_str(), asked.streams),
        Wanted::Made(model, _) => (model.as_str(), false),
        Wanted::Transcript => (vendor.model(call), call.body["stream"] == "true"),
        Wanted::Document(document) => return reply_json(document, ticket),
    };
    let script = Script::of(model);
    if let Some(fault) = fault(journal, model, streams, script) {
        return refuse(&vendor.failure(fault).unwrap_or_else(Failure::wordless), ticket);
    }
    let script = script.unwrap_or(Script::Echo(Duration::ZERO));
    let ticket = match misbehave(script, ticket).await {
        Ok(ticket) => ticket,
        Err(response) => return response,
    };
    let asked = match wanted {
        Wanted::Chat(asked) => asked,
        Wanted::Made(_, document) | Wanted::Document(document) => {
            return reply_json(&document, ticket);
        }
        Wanted::Transcript => return transcribe(call.body, script, ticket),
    };
    let answer = Answer::to(&asked, script);
    if !vendor.ends(&answer.end) {
        return refuse(&Failure::wordless(), ticket);
    }
    let reply_to = Reply { id: ticket.id(), asked: &asked, answer: &answer };
    if !asked.streams {
        let whole = vendor.whole(&reply_to);
        return match script {
            Script::Broken(Break::CutAfter(_)) => cut(&whole, ticket),
            _ => reply_json(&whole, ticket),
        };
    }
    let steps = steps(vendor, script, vendor.stream(&reply_to));
    let steps = if Script::is_awkward(&asked.model) { awkward(&steps) } else { steps };
    reply(StatusCode::OK, vendor.stream_type(), Play::new(steps, ticket))
}

/// What goes wrong before there is an answer.
fn fault(journal: &Journal, model: &str, streams: bool, script: Option<Script>) -> Option<Fault> {
    match script {
        None => Some(Fault::NotFound),
        Some(Script::Fails(fault)) => Some(fault),
        Some(Script::Error(status)) => Some(Fault::of_status(status)),
        Some(Script::ContextTooLong) => Some(Fault::ContextTooLong),
        Some(Script::Quota) => Some(Fault::QuotaExhausted),
        Some(Script::Flaky(times)) => {
            journal.takes_failure(model, times).then_some(Fault::Overloaded)
        }
        Some(Script::Broken(Break::ErrorMidstream | Break::ErrorFirst)) if !streams => {
            Some(Fault::Upstream)
        }
        Some(_) => None,
    }
}

/// Half of a document, and then the end of the connection.
fn cut(document: &Value, ticket: Ticket) -> Response<Play> {
    let mut bytes = document.to_string().into_bytes();
    bytes.truncate(bytes.len() / 2);
    let steps = [Step::Send(bytes.into()), Step::Cut];
    reply(StatusCode::OK, JSON, Play::new(steps, ticket))
}

/// What goes over the wire for these events, under this script.
fn steps(vendor: &dyn Vendor, script: Script, events: Vec<String>) -> Vec<Step> {
    let half = events.len() / 2;
    let sent = events.into_iter().map(|event| Step::Send(event.into()));
    match script {
        Script::Echo(pause) if !pause.is_zero() => {
            sent.flat_map(|step| [step, Step::Pause(pause)]).collect()
        }
        Script::Broken(Break::CutAfter(count)) => sent.take(count).chain([Step::Cut]).collect(),
        Script::Broken(Break::Stall) => sent.take(1).chain([Step::Hang]).collect(),
        Script::Broken(Break::ErrorFirst) => vec![Step::Send(vendor.broken().into())],
        Script::Broken(Break::ErrorMidstream) => {
            sent.take(half).chain([Step::Send(vendor.broken().into())]).collect()
        }
        _ => sent.collect(),
    }
}
