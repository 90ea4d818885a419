//! What comes of a request: what the vendor was sent, and what the client got.

use super::columns::KEY;
use super::{Dialect, difference};
use crate::caller::{Caller, Reply};
use crate::house::{House, until};
use anyhow::{Context, Result, ensure};
use http::Method;
use portcullis_example_upstream::Upstream;
use portcullis_example_upstream::record::Recorded;
use serde_json::{Map, Value, json};

/// The outcome of a case over a provider, whole and, where that is asked, streamed.
#[derive(Clone)]
pub(super) struct Outcome {
    pub(super) whole: Asked,
    streamed: Option<Asked>,
}

/// One of its two ways.
#[derive(Clone, PartialEq)]
pub(super) struct Asked {
    /// The last request that the vendor saw; null where it saw none.
    sent: Value,
    /// The kind of the failure, as policies and operators see it.
    pub(super) failure: Option<String>,
    pub(super) status: u16,
    /// The headers that say something of the outcome.
    pub(super) headers: Map<String, Value>,
    /// The answer, or the error.
    pub(super) answer: Value,
    /// The code of the error.
    pub(super) code: String,
    /// The vendor's protocol has no form for what the script says.
    wordless: bool,
}

/// In place of an answer that breaks the rules of its dialect.
const UNREADABLE: &str = "a client cannot read this";

/// Headers of the answer that are part of the outcome.
const TOLD: [&str; 3] = ["retry-after", "x-portcullis-dropped", "x-should-retry"];

/// Headers of the vendor's request that are about the connection.
const CARRIED: [&str; 5] = ["accept", "accept-encoding", "content-length", "host", "user-agent"];

impl Asked {
    /// The last request that the vendor saw.
    pub(super) fn sent(&self) -> &Value {
        &self.sent
    }
}

impl Outcome {
    /// None where there is nothing to record.
    pub(super) fn of(whole: Asked, streamed: Option<Asked>) -> Option<Self> {
        let wordless = whole.wordless || streamed.as_ref().is_some_and(|asked| asked.wordless);
        (!wordless).then_some(Self { whole, streamed })
    }

    /// As it is recorded: of the stream only what is different.
    pub(super) fn to_json(&self) -> Value {
        let Self { whole, streamed } = self;
        let mut outcome = json!({
            "sent": whole.sent,
            "failure": whole.failure,
            "status": whole.status,
            "headers": whole.headers,
            "answer": whole.answer,
        });
        let Some(streamed) = streamed else { return outcome };
        outcome["sent for a stream"] = difference::of(&whole.sent, &streamed.sent);
        if !alike(whole, streamed) {
            outcome["streamed"] = json!({
                "failure": streamed.failure,
                "status": streamed.status,
                "headers": streamed.headers,
                "answer": streamed.answer,
            });
        }
        outcome
    }

    /// Why a client could not read one of the two.
    pub(super) fn unreadable(&self) -> Option<&Value> {
        let asked = [Some(&self.whole), self.streamed.as_ref()];
        asked.into_iter().flatten().find_map(|asked| asked.answer.get(UNREADABLE))
    }
}

fn alike(whole: &Asked, streamed: &Asked) -> bool {
    whole.status == streamed.status
        && whole.failure == streamed.failure
        && whole.headers == streamed.headers
        && difference::pruned(&whole.answer) == difference::pruned(&streamed.answer)
}

/// Who asks, and looks at both ends of the gateway and at what it wrote down.
pub(super) struct Asker<'a> {
    pub(super) dialect: Dialect,
    pub(super) house: &'a House,
    pub(super) upstream: &'a Upstream,
    pub(super) caller: Caller,
}

impl Asker<'_> {
    pub(super) async fn ask(&mut self, request: &Value) -> Result<Asked> {
        self.upstream.reset();
        let Dialect { path, headers, body, .. } = self.dialect;
        let request = self.caller.request(Method::POST, path, headers, body(request))?;
        let reply = self.caller.ask(request).await?;
        let seen = self.upstream.requests().pop();
        let headers = TOLD.into_iter().filter(|name| !reply.header(name).is_empty());
        let headers = headers.map(|name| (name.to_owned(), reply.header(name).into()));
        // What no client can read is told with everything else that is wrong.
        let (answer, code) = answer(self.dialect, &reply)
            .unwrap_or_else(|error| (json!({ UNREADABLE: format!("{error:#}") }), String::new()));
        Ok(Asked {
            sent: seen.as_ref().map_or(Value::Null, sent),
            failure: self.failure(reply.header("x-request-id")).await?,
            status: reply.status,
            headers: headers.collect(),
            code,
            wordless: answer.to_string().contains("scripted: this protocol has no form"),
            answer,
        })
    }

    /// What the gateway made of a failure, by the record of the request.
    async fn failure(&self, id: &str) -> Result<Option<String>> {
        let records = || self.house.running.gateway.records.newest();
        let found = || records().into_iter().find(|record| &*record.request == id);
        until(|| found().is_some()).await.with_context(|| format!("no record of {id:?}"))?;
        Ok(found().and_then(|record| record.failure.clone()))
    }
}

fn answer(dialect: Dialect, reply: &Reply) -> Result<(Value, String)> {
    if reply.header("content-type").starts_with("text/event-stream") {
        return Ok(((dialect.fold)(reply)?, String::new()));
    }
    match reply.status {
        200 => Ok(((dialect.whole)(reply)?, String::new())),
        _ => (dialect.refusal)(reply.json()?),
    }
}

fn sent(request: &Recorded) -> Value {
    let headers = request.headers.iter().filter(|(name, _)| !CARRIED.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).replace(KEY, "(the key)");
        // What stands between the parts of a form is another each time.
        let value = value.split("; boundary=").next().unwrap_or_default();
        (name.as_str().to_owned(), value.into())
    });
    json!({
        "to": format!("{} {}", request.method, request.path),
        "headers": headers.collect::<Map<String, Value>>(),
        "body": request.json(),
    })
}

/// Gives what differs from run to run names that do not: an object's field, wherever its value
/// stands in it.
pub(super) fn rename(answer: &mut Value, pointer: &str, name: &str) -> Result<()> {
    let Some(Value::String(id)) = answer.pointer(pointer).cloned() else { return Ok(()) };
    ensure!(!id.is_empty(), "{pointer} is empty: {answer}");
    replace(answer, &id, name);
    Ok(())
}

fn replace(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) if text == from => *text = to.to_owned(),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, from, to)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace(field, from, to)),
        _ => {}
    }
}
