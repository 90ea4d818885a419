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
use portcullis_sdk::prelude::*;
use settings::{Route, Server, Settings};

/// The provider, as its operator set it up.
pub struct HuggingFace {
    settings: Settings,
}

portcullis_sdk::export!(provider HuggingFace);

impl Provider for HuggingFace {
    type Settings = Settings;
    type Exchange = FrameByFrame<Answer>;

    fn describe() -> Description {
        Description::of(&["chat", "embeddings"])
    }

    fn configure(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
    }

    fn start(&self, request: &Request) -> Result<(FrameByFrame<Answer>, Call), Failure> {
        let (answer, call) = match (request.operation().as_str(), self.settings.route) {
            ("embeddings", _) => vectors::call(&self.settings, request)?,
            ("chat", Route::Chat) => chat::call(&self.settings, request)?,
            ("chat", Route::TextGeneration) => generation::call(&self.settings, request)?,
            (other, _) => return Err(Failure::no_operation(other)),
        };
        Ok((FrameByFrame::of(answer), Call::Http(call)))
    }

    fn refused(&self, head: &ReplyHead, body: &[u8]) -> Failure {
        refusal::finer(read_refusal(head, body), read_body(body, &mut Tape::default()))
    }

    fn list_models_call(&self) -> Option<Call> {
        // The router lists what can chat, and that is not what goes on with texts.
        let Settings { route, server, .. } = self.settings;
        (server == Server::Dedicated || route == Route::Chat)
            .then(|| Call::Http(HttpCall::get("/v1/models")))
    }

    fn read_models(&self, _head: &ReplyHead, body: &[u8]) -> Result<Vec<Model>, Failure> {
        read_list(body, "data", |entry| Some(models::listed(entry)))
    }
}

impl Settings {
    /// Where a model is asked for a task of its own: at the hub by its name.
    fn path(&self, request: &Request, dedicated: &str, task: &str) -> Result<String, Failure> {
        if self.server == Server::Dedicated {
            return Ok(dedicated.to_owned());
        }
        let model = request.model();
        model.split('/').try_for_each(Failure::unless_plain)?;
        Ok(format!("{}/{model}{task}", self.models_path))
    }
}
