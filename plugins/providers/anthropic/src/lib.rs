//! Speaks Anthropic's Messages API.
//!
//! A sender that speaks it as well is passed on, with the model's name edited. One that speaks
//! OpenAI's dialect is translated: the request before the call (`request`), the answer event by
//! event (`answer`). What this vendor has no word for is named in the call, so that nobody takes
//! silence for consent.

mod answer;
mod conversation;
mod effort;
mod failure;
mod request;
mod settings;
mod tools;

use answer::Answer;
use portcullis_sdk::prelude::*;
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
    type Exchange = FrameByFrame<Answer>;

    fn describe() -> Description {
        let dialects = vec!["anthropic".to_owned()];
        Description { dialects, ..Description::of(&["chat", "count-tokens"]) }
    }

    fn configure(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
    }

    fn start(&self, request: &Request) -> Result<(FrameByFrame<Answer>, Call), Failure> {
        let (path, counts) = match request.operation().as_str() {
            "chat" => ("/messages", false),
            "count-tokens" => ("/messages/count_tokens", true),
            other => return Err(Failure::no_operation(other)),
        };
        let streams = request.streaming() && !counts;
        let framing = if streams { Framing::Sse } else { Framing::Whole };
        let call = if request.dialect() == "anthropic" {
            let name = Json::from(request.model()).to_string();
            let body = Body::Edited(vec![JsonEdit::Set(("/model".to_owned(), name))]);
            HttpCall { passthrough: true, ..HttpCall::post(path, body).framing(framing) }
        } else {
            let body = request.body();
            let mut draft = Draft::of(&body)?;
            request::write(&mut draft, request.model(), &self.settings)?;
            if counts {
                request::keep_what_counts(&mut draft.sent);
            }
            draft.set("stream", streams.then_some(true));
            draft.post(path, framing)
        };
        Ok((FrameByFrame::of(Answer::default()), Call::Http(self.versioned(call))))
    }

    fn refused(&self, head: &ReplyHead, body: &[u8]) -> Failure {
        failure::refused(head, body)
    }

    fn list_models_call(&self) -> Option<Call> {
        // As many as a page may hold; there are fewer than that.
        Some(Call::Http(self.versioned(HttpCall::get("/models?limit=1000"))))
    }

    fn read_models(&self, _head: &ReplyHead, body: &[u8]) -> Result<Vec<Model>, Failure> {
        read_list(body, "data", model)
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

/// A model of the list, with what it says that it can do.
fn model(entry: View<'_>) -> Option<Model> {
    let count = |name: &str| u32::try_from(entry.get(name).as_u64()?).ok();
    let capabilities = entry.get("capabilities");
    let can = |name: &str| capabilities.get(name).get("supported") == true;
    let model = Model {
        context_tokens: count("max_input_tokens"),
        max_output_tokens: count("max_tokens"),
        extra: extra([("display_name", entry.get("display_name").into())]),
        ..Model::named(entry.get("id").some_text()?)
    };
    Some(model.serving([("chat", true), ("count-tokens", true)]).with([
        // All that say what they can do can call tools.
        ("tools", capabilities.is_object()),
        ("vision", can("image_input")),
        ("json-schema", can("structured_outputs")),
        ("reasoning", can("thinking")),
    ]))
}
