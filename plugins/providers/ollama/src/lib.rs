//! Speaks Ollama's own protocol: chat or generate, embeddings and the list of models.
//!
//! Ollama serves OpenAI's dialect as well, and the plugin `openai` can ask it there. Its own
//! protocol has what that leaves out: the context's size, how long a model stays in memory,
//! whether a prompt may be cut, and how long loading took.

mod answer;
mod message;
mod models;
mod prompt;
mod refusal;
mod request;
mod settings;

use answer::Answer;
use portcullis_sdk::Request;
use portcullis_sdk::provider::{
    Body, Call, Description, Failure, FailureKind, Framing, HttpCall, Model, Provider, ReplyHead,
    read_refusal,
};
use request::Sent;
use settings::{Api, Settings};

/// The provider, as its operator set it up.
pub struct Ollama {
    settings: Settings,
}

portcullis_sdk::export!(provider Ollama);

impl Provider for Ollama {
    type Settings = Settings;
    type Exchange = Answer;

    fn describe() -> Description {
        Description::of(&["chat", "embeddings"])
    }

    fn configure(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
    }

    fn start(&self, request: &Request) -> Result<(Answer, Call), Failure> {
        let (api, path) = match (request.operation().as_str(), self.settings.api) {
            ("embeddings", _) => (Api::Embed, "/api/embed"),
            ("chat", Api::Generate) => (Api::Generate, "/api/generate"),
            ("chat", _) => (Api::Chat, "/api/chat"),
            (other, _) => return unsupported(format!("this provider has no operation {other:?}")),
        };
        let model = request.model();
        if !self.settings.cloud && (model.ends_with("-cloud") || model.ends_with(":cloud")) {
            return unsupported("models of Ollama's cloud are turned off here");
        }
        let mut sent = Sent::of(&self.settings, request, api)?;
        let streaming = api != Api::Embed && request.streaming();
        // Room for nearly all of it: an image is most of a sandbox's memory, and a body that grows
        // as it is written needs twice that.
        let mut body = Vec::with_capacity(request.body_size() as usize + 1024);
        serde_json::to_writer(&mut body, &sent).map_err(|error| invalid(error.to_string()))?;
        let framing = if streaming { Framing::Lines } else { Framing::Whole };
        let mut call = HttpCall::post(path, Body::Bytes(body)).framing(framing);
        sent.dropped.sort();
        sent.dropped.dedup();
        if !sent.dropped.is_empty() {
            // For the host to tell the sender.
            let names = serde_json::to_string(&sent.dropped).unwrap_or_default();
            call.extra.push(("dropped".to_owned(), names));
        }
        Ok((Answer::to(&request.id()), Call::Http(call)))
    }

    fn refused(&self, head: &ReplyHead, body: &[u8]) -> Failure {
        refusal::in_ollamas_words(read_refusal(head, body))
    }

    fn list_models_call(&self) -> Option<Call> {
        Some(Call::Http(HttpCall::get("/api/tags")))
    }

    fn read_models(&self, _head: &ReplyHead, body: &[u8]) -> Result<Vec<Model>, Failure> {
        models::read(body)
    }
}

fn unsupported<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::new(FailureKind::Unsupported, message))
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::InvalidRequest, message)
}

fn malformed(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Malformed, message)
}
