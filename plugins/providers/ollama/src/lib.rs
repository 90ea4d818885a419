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
use portcullis_sdk::prelude::*;
use settings::{Api, Settings};

/// The provider, as its operator set it up.
pub struct Ollama {
    settings: Settings,
}

portcullis_sdk::export!(provider Ollama);

impl Provider for Ollama {
    type Settings = Settings;
    type Exchange = FrameByFrame<Answer>;

    fn describe() -> Description {
        Description::of(&["chat", "embeddings"])
    }

    fn configure(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
    }

    fn start(&self, request: &Request) -> Result<(FrameByFrame<Answer>, Call), Failure> {
        let (model, body) = (request.model(), request.body());
        if !self.settings.cloud && (model.ends_with("-cloud") || model.ends_with(":cloud")) {
            let message = "models of Ollama's cloud are turned off here";
            return Err(Failure::new(FailureKind::Unsupported, message));
        }
        let mut draft = Draft::of(&body)?;
        draft.set("model", model);
        let (path, streams) = match (request.operation().as_str(), self.settings.api) {
            ("embeddings", _) => {
                self.write_texts(&mut draft)?;
                ("/api/embed", false)
            }
            ("chat", api) => {
                self.write_chat(&mut draft)?;
                // Ollama streams unless it is told not to.
                draft.set("stream", request.streaming());
                let generates = api == Api::Generate;
                (if generates { "/api/generate" } else { "/api/chat" }, request.streaming())
            }
            (other, _) => return Err(Failure::no_operation(other)),
        };
        let framing = if streams { Framing::Lines } else { Framing::Whole };
        let call = draft.post(path, framing);
        Ok((FrameByFrame::of(Answer::to(&request.id())), Call::Http(call)))
    }

    fn refused(&self, head: &ReplyHead, body: &[u8]) -> Failure {
        refusal::in_ollamas_words(read_refusal(head, body))
    }

    fn list_models_call(&self) -> Option<Call> {
        Some(Call::Http(HttpCall::get("/api/tags")))
    }

    fn read_models(&self, _head: &ReplyHead, body: &[u8]) -> Result<Vec<Model>, Failure> {
        read_list(body, "models", models::listed)
    }
}
