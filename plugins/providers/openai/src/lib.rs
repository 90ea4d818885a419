//! Speaks OpenAI's protocol: chat, embeddings and the list of models.
//!
//! The sender's request is already in this dialect, so as a rule the host edits the model's
//! name in it, passes the answer on, and this code never sees a token. With the setting
//! `passthrough = false` the answer is read into events, which the host writes anew.

mod answer;
mod resets;
mod settings;
mod vectors;

use answer::Answer;
use portcullis_sdk::Request;
use portcullis_sdk::openai::{ModelEntry, ModelList};
use portcullis_sdk::provider::{
    Body, Call, Description, Failure, FailureKind, Framing, HttpCall, JsonEdit, Model, Provider,
    ReplyHead, read_refusal,
};
use settings::{Encoding, Settings};

/// The provider, as its operator set it up.
pub struct OpenAi {
    settings: Settings,
}

portcullis_sdk::export!(provider OpenAi);

impl Provider for OpenAi {
    type Settings = Settings;
    type Exchange = Answer;

    fn describe() -> Description {
        Description::of(&["chat", "embeddings"])
    }

    fn configure(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
    }

    fn start(&self, request: &Request) -> Result<(Answer, Call), Failure> {
        match request.operation().as_str() {
            "chat" => Ok(self.chat(request)),
            "embeddings" => Ok(self.embeddings(request)),
            other => {
                let message = format!("this provider has no operation {other:?}");
                Err(Failure::new(FailureKind::Unsupported, message))
            }
        }
    }

    fn refused(&self, head: &ReplyHead, body: &[u8]) -> Failure {
        let failure = read_refusal(head, body);
        if failure.kind != FailureKind::RateLimited || failure.retry_after_ms.is_some() {
            return failure;
        }
        Failure { retry_after_ms: resets::wait_ms(head), ..failure }
    }

    fn list_models_call(&self) -> Option<Call> {
        Some(Call::Http(self.identified(HttpCall::get("/models"))))
    }

    fn read_models(&self, _head: &ReplyHead, body: &[u8]) -> Result<Vec<Model>, Failure> {
        let list = std::str::from_utf8(body).ok().and_then(|text| serde_json::from_str(text).ok());
        let ModelList { data } = list.ok_or_else(|| {
            Failure::new(FailureKind::Malformed, "the upstream's list of models is not one")
        })?;
        Ok(data.into_iter().map(model).collect())
    }
}

impl OpenAi {
    fn chat(&self, request: &Request) -> (Answer, Call) {
        let streaming = request.streaming();
        let mut edits = vec![set("/model", quoted(&request.model()))];
        if streaming && self.settings.stream_usage {
            edits.push(set("/stream_options/include_usage", "true".to_owned()));
        }
        edits.extend(self.settings.max_tokens_field.map(|field| field.edit()));
        let call = HttpCall {
            framing: if streaming { Framing::Sse } else { Framing::Whole },
            passthrough: self.passes_on(request),
            ..HttpCall::post("/chat/completions", Body::Edited(edits))
        };
        let answer = if streaming { Answer::stream() } else { Answer::whole() };
        (answer, Call::Http(self.identified(call)))
    }

    fn embeddings(&self, request: &Request) -> (Answer, Call) {
        let passthrough =
            self.passes_on(request) && self.settings.embeddings_encoding == Encoding::Pass;
        let mut edits = vec![set("/model", quoted(&request.model()))];
        if !passthrough {
            // What is read here are numbers; the host encodes what the sender asked for.
            edits.push(JsonEdit::Remove("/encoding_format".to_owned()));
        }
        let call = HttpCall { passthrough, ..HttpCall::post("/embeddings", Body::Edited(edits)) };
        (Answer::vectors(), Call::Http(self.identified(call)))
    }

    /// Whether the upstream's answer can go to the sender as it is.
    fn passes_on(&self, request: &Request) -> bool {
        self.settings.passthrough && request.dialect() == "openai"
    }

    /// The call with the headers that say on whose behalf it is made.
    fn identified(&self, mut call: HttpCall) -> HttpCall {
        for (name, value) in [
            ("openai-organization", &self.settings.organization),
            ("openai-project", &self.settings.project),
        ] {
            if let Some(value) = value {
                call = call.header(name, value);
            }
        }
        call
    }
}

fn set(pointer: &str, json: String) -> JsonEdit {
    JsonEdit::Set((pointer.to_owned(), json))
}

/// A string as JSON.
fn quoted(text: &str) -> String {
    // Writing a string to a string does not fail.
    serde_json::to_string(text).unwrap_or_default()
}

fn model(entry: ModelEntry) -> Model {
    let owner = entry.owned_by.map(|owner| ("owned_by".to_owned(), quoted(&owner)));
    Model {
        id: entry.id,
        context_tokens: entry.context_length,
        max_output_tokens: entry.max_completion_tokens,
        operations: Vec::new(),
        features: Vec::new(),
        extra: owner.into_iter().collect(),
    }
}
