//! Speaks Google's Gemini API: `generateContent` streamed and whole, embeddings, a count of
//! tokens, and the list of models.
//!
//! The sender's request, in OpenAI's dialect, is translated (`request`, `content`, `tools`,
//! `schema`), and the answer is read into events (`answer`, `vectors`).

mod answer;
mod content;
mod error;
mod model;
mod request;
mod schema;
mod settings;
mod tools;
mod vectors;

use answer::{Answer, Form};
use model::Name;
use portcullis_sdk::Request;
use portcullis_sdk::provider::{
    Body, Call, Description, Failure, FailureKind, Framing, HttpCall, Model, Provider, ReplyHead,
};
use request::{Draft, text};
use serde_json::Value;
use settings::Settings;
use std::mem::take;

/// The provider, as its operator set it up.
pub struct Gemini {
    settings: Settings,
}

portcullis_sdk::export!(provider Gemini);

impl Provider for Gemini {
    type Settings = Settings;
    type Exchange = Answer;

    fn describe() -> Description {
        Description::of(&["chat", "embeddings", "count-tokens"])
    }

    fn configure(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
    }

    fn start(&self, request: &Request) -> Result<(Answer, Call), Failure> {
        let model = Name::read(&request.model())?;
        let streaming = request.streaming();
        let (call, form) = match request.operation().as_str() {
            "chat" => {
                let mut draft = Draft::read(request, &model, &self.settings)?;
                let dropped = take(&mut draft.dropped);
                let (method, framing) = match streaming {
                    true => ("streamGenerateContent?alt=sse", Framing::Sse),
                    false => ("generateContent", Framing::Whole),
                };
                (post(&model, method, draft.json(), dropped).framing(framing), Form::Chat)
            }
            "count-tokens" => {
                let mut draft = Draft::read(request, &model, &self.settings)?;
                let dropped = take(&mut draft.dropped);
                draft.body.insert("model".to_owned(), model.path.clone().into());
                let body = format!("{{\"generateContentRequest\":{}}}", draft.json());
                (post(&model, "countTokens", body, dropped), Form::Count)
            }
            "embeddings" => {
                let (method, body, dropped) = vectors::request(request, &model)?;
                (post(&model, method, text(&body), dropped), Form::Vectors)
            }
            other => {
                let message = format!("this provider has no operation `{other}`");
                return Err(Failure::new(FailureKind::Unsupported, message));
            }
        };
        Ok((Answer::of(form), Call::Http(call)))
    }

    fn refused(&self, head: &ReplyHead, body: &[u8]) -> Failure {
        error::refused(head, body)
    }

    fn list_models_call(&self) -> Option<Call> {
        // All of them, on one page.
        Some(Call::Http(HttpCall::get("/models?pageSize=1000")))
    }

    fn read_models(&self, _head: &ReplyHead, body: &[u8]) -> Result<Vec<Model>, Failure> {
        let list: Value = serde_json::from_str(&String::from_utf8_lossy(body)).unwrap_or_default();
        let models = list["models"].as_array().ok_or_else(|| {
            Failure::new(FailureKind::Malformed, "the upstream's list of models is not one")
        })?;
        Ok(models.iter().filter_map(listed).collect())
    }
}

/// The call of a model's method. What of the sender's request has no place in it is noted
/// beside it: the host warns the sender.
fn post(model: &Name, method: &str, json: String, dropped: Vec<String>) -> HttpCall {
    let body = Body::Bytes(json.into_bytes());
    let mut call = HttpCall::post(format!("/{}:{method}", model.path), body);
    if !dropped.is_empty() {
        call.extra.push(("dropped".to_owned(), text(&dropped.into())));
    }
    call
}

/// A model of the list; now and then one has no name.
fn listed(model: &Value) -> Option<Model> {
    let name = model["name"].as_str()?;
    let limit = |name: &str| model[name].as_u64()?.try_into().ok();
    let operation = |method: &Value| match method.as_str()? {
        "generateContent" => Some("chat".to_owned()),
        "embedContent" => Some("embeddings".to_owned()),
        "countTokens" => Some("count-tokens".to_owned()),
        _ => None,
    };
    let methods = model["supportedGenerationMethods"].as_array().into_iter().flatten();
    Some(Model {
        id: name.strip_prefix("models/").unwrap_or(name).to_owned(),
        context_tokens: limit("inputTokenLimit"),
        max_output_tokens: limit("outputTokenLimit"),
        operations: methods.filter_map(operation).collect(),
        features: (model["thinking"] == true).then(|| "reasoning".to_owned()).into_iter().collect(),
        extra: vec![("display_name".to_owned(), text(&model["displayName"]))],
    })
}
