//! Asks models at Hugging Face: by the router of its Inference Providers, or servers of one's
//! own, text-generation-inference (TGI) and text-embeddings-inference (TEI).
//!
//! A chat is OpenAI's dialect there, so as a rule it is edited and its answer passed on. What
//! has no such dialect is translated: a model that goes on with a text, and vectors.

mod answer;
mod chat;
mod generation;
mod models;
mod prompt;
mod refusal;
mod settings;
mod vectors;

use answer::Answer;
use portcullis_sdk::Request;
use portcullis_sdk::provider::{
    Body, Call, Description, Failure, FailureKind, Framing, HttpCall, Model, Provider, ReplyHead,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, value::RawValue};
use settings::{Route, Server, Settings};
use std::collections::BTreeMap;

/// The provider, as its operator set it up.
pub struct HuggingFace {
    settings: Settings,
}

portcullis_sdk::export!(provider HuggingFace);

impl Provider for HuggingFace {
    type Settings = Settings;
    type Exchange = Answer;

    fn describe() -> Description {
        Description::of(&["chat", "embeddings"])
    }

    fn configure(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
    }

    fn start(&self, request: &Request) -> Result<(Answer, Call), Failure> {
        match (request.operation().as_str(), self.settings.route) {
            ("embeddings", _) => vectors::call(&self.settings, request),
            ("chat", Route::Chat) => chat::call(&self.settings, request),
            ("chat", Route::TextGeneration) => generation::call(&self.settings, request),
            (other, _) => unsupported(format!("this provider has no operation {other:?}")),
        }
    }

    fn refused(&self, head: &ReplyHead, body: &[u8]) -> Failure {
        refusal::read(head, body)
    }

    fn list_models_call(&self) -> Option<Call> {
        // The router lists what can chat, and that is not what goes on with texts.
        let Settings { route, server, .. } = self.settings;
        (server == Server::Dedicated || route == Route::Chat)
            .then(|| Call::Http(HttpCall::get("/v1/models")))
    }

    fn read_models(&self, _head: &ReplyHead, body: &[u8]) -> Result<Vec<Model>, Failure> {
        models::read(body)
    }
}

impl Settings {
    /// Where a model is asked for a task of its own: at the hub by its name.
    fn path(&self, request: &Request, dedicated: &str, task: &str) -> Result<String, Failure> {
        let model = request.model();
        let letters = model.bytes().all(|it| it.is_ascii_alphanumeric() || b"-._/".contains(&it));
        let climbs = model.split('/').any(|part| matches!(part, "" | "." | ".."));
        match self.server {
            Server::Dedicated => Ok(dedicated.to_owned()),
            Server::Hub if letters && !climbs => Ok(format!("{}/{model}{task}", self.models_path)),
            Server::Hub => unsupported("the hub has no models of such names"),
        }
    }
}

/// A call, with the names beside it of what the request says and it does not, for the host to
/// tell the sender.
fn post(path: String, body: Body, framing: Framing, dropped: Vec<String>) -> HttpCall {
    let mut call = HttpCall::post(path, body).framing(framing);
    if !dropped.is_empty() {
        call.extra.push(("dropped".to_owned(), Value::from(dropped).to_string()));
    }
    call
}

/// The fields of the sender's body that are not null, unread. They are gone through one by one,
/// and what no arm takes is named as dropped: so none is ignored in silence.
fn fields(request: &Request) -> Result<BTreeMap<String, Box<RawValue>>, Failure> {
    let mut fields: BTreeMap<_, Box<RawValue>> = read("body", &request.body())?;
    fields.retain(|_, value| value.get() != "null");
    Ok(fields)
}

/// Reads a part of the request. The error names the place and not what stood there.
fn read<T: DeserializeOwned>(what: &str, json: &str) -> Result<T, Failure> {
    serde_json::from_str(json).map_err(|error| {
        let message = format!("the request's {what} cannot be read (column {})", error.column());
        Failure::new(FailureKind::InvalidRequest, message)
    })
}

fn unsupported<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::new(FailureKind::Unsupported, message))
}

fn malformed(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Malformed, message)
}
