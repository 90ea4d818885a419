//! Speaks Anthropic's Messages API.
//!
//! A sender that speaks it as well is passed on, with the model's name edited. One that speaks
//! OpenAI's dialect is translated: the request before the call (`sent`), the answer event by event (`answer`). What this vendor has no word for is named in
//! the call, so that nobody takes silence for consent.

mod answer;
mod conversation;
mod draft;
mod effort;
mod failure;
mod sent;
mod settings;
mod tools;

use answer::Answer;
use failure::{malformed, unsupported};
use portcullis_sdk::Request;
use portcullis_sdk::provider::{
    Body, Call, Description, Failure, Framing, HttpCall, JsonEdit, Model, Provider, ReplyHead,
};
use serde_json::Value;
use settings::Settings;

/// The version of the protocol. The one after it, 2026-10-21, answers in the same way and
/// refuses more: `temperature`, `top_p` and `top_k`, which some models still take.
const VERSION: &str = "2023-06-01";

/// The provider, as its operator set it up.
pub struct Anthropic {
    settings: Settings,
}

portcullis_sdk::export!(provider Anthropic);

impl Provider for Anthropic {
    type Settings = Settings;
    type Exchange = Answer;

    fn describe() -> Description {
        Description { dialects: vec!["anthropic".to_owned()], ..Description::of(&["chat"]) }
    }

    fn configure(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
    }

    fn start(&self, request: &Request) -> Result<(Answer, Call), Failure> {
        let operation = request.operation();
        if operation != "chat" {
            return Err(unsupported(format!("this provider has no operation {operation:?}")));
        }
        let streaming = request.streaming();
        let passthrough = request.dialect() == "anthropic";
        let (body, dropped) = if passthrough {
            let name = written(&request.model().into());
            (Body::Edited(vec![JsonEdit::Set(("/model".to_owned(), name))]), Vec::new())
        } else {
            let (bytes, dropped) = sent::translate(request, &self.settings)?;
            (Body::Bytes(bytes), dropped)
        };
        let mut call = HttpCall { passthrough, ..HttpCall::post("/messages", body) };
        if streaming {
            call.framing = Framing::Sse;
        }
        if !dropped.is_empty() {
            call.extra.push(("dropped".to_owned(), written(&dropped.into())));
        }
        Ok((Answer::default(), Call::Http(self.versioned(call))))
    }

    fn refused(&self, head: &ReplyHead, body: &[u8]) -> Failure {
        failure::refused(head, body)
    }

    fn list_models_call(&self) -> Option<Call> {
        // As many as a page may hold; there are fewer than that.
        Some(Call::Http(self.versioned(HttpCall::get("/models?limit=1000"))))
    }

    fn read_models(&self, _head: &ReplyHead, body: &[u8]) -> Result<Vec<Model>, Failure> {
        let list: Value = serde_json::from_str(&String::from_utf8_lossy(body)).unwrap_or_default();
        let models = list["data"].as_array().map(|data| data.iter().filter_map(model).collect());
        models.ok_or_else(|| malformed("the upstream's list of models is not one"))
    }
}

impl Anthropic {
    /// The call with the headers that say which protocol it speaks.
    fn versioned(&self, call: HttpCall) -> HttpCall {
        let call = call.header("anthropic-version", VERSION);
        match self.settings.beta.as_slice() {
            [] => call,
            names => call.header("anthropic-beta", &names.join(",")),
        }
    }
}

/// A value as JSON.
fn written(value: &Value) -> String {
    // Writing to a string does not fail.
    serde_json::to_string(value).unwrap_or_default()
}

/// A model of the list, with what it says that it can do.
fn model(entry: &Value) -> Option<Model> {
    let count = |name: &str| u32::try_from(entry[name].as_u64()?).ok();
    let capabilities = &entry["capabilities"];
    let can = |name: &str| capabilities[name]["supported"] == true;
    let features = [
        // All that say what they can do can call tools.
        ("tools", capabilities.is_object()),
        ("vision", can("image_input")),
        ("json-schema", can("structured_outputs")),
        ("reasoning", can("thinking")),
    ];
    Some(Model {
        id: entry["id"].as_str()?.to_owned(),
        context_tokens: count("max_input_tokens"),
        max_output_tokens: count("max_tokens"),
        operations: vec!["chat".to_owned()],
        features: features.into_iter().filter(|it| it.1).map(|it| it.0.to_owned()).collect(),
        extra: vec![("display_name".to_owned(), written(&entry["display_name"]))],
    })
}
