//! Speaks Google's Gemini API: `generateContent` streamed and whole, embeddings, a count of
//! tokens, and the list of models.
//!
//! The sender's request, in OpenAI's dialect, is translated (`chat`, `messages`, `tools`), and the
//! answer is read into events (`answer`).

mod answer;
mod chat;
mod error;
mod messages;
mod model;
mod settings;
mod tools;

use answer::Answer;
use model::Name;
use portcullis_sdk::prelude::*;
use settings::Settings;

const STREAMED: (&str, Framing) = ("streamGenerateContent?alt=sse", Framing::Sse);

/// The provider, as its operator set it up.
pub struct Gemini {
    settings: Settings,
}

portcullis_sdk::export!(provider Gemini);

impl Provider for Gemini {
    type Settings = Settings;
    type Exchange = FrameByFrame<Answer>;

    fn describe() -> Description {
        Description::of(&["chat", "embeddings", "count-tokens"])
    }

    fn configure(settings: Settings) -> Result<Self, String> {
        Ok(Self { settings })
    }

    fn start(&self, request: &Request) -> Result<(FrameByFrame<Answer>, Call), Failure> {
        let model = Name::read(&request.model())?;
        let body = request.body();
        let mut draft = Draft::of(&body)?;
        let (method, framing) = match request.operation().as_str() {
            "chat" => {
                self.chat(&mut draft, &model)?;
                if request.streaming() { STREAMED } else { ("generateContent", Framing::Whole) }
            }
            "count-tokens" => {
                self.chat(&mut draft, &model)?;
                draft.set("model", model.path.clone());
                draft.sent = object! { "generateContentRequest": &draft.sent };
                ("countTokens", Framing::Whole)
            }
            "embeddings" => (embed(&mut draft, &model)?, Framing::Whole),
            other => return Err(Failure::no_operation(other)),
        };
        let call = draft.post(format!("/{}:{method}", model.path), framing);
        Ok((FrameByFrame::of(Answer::default()), Call::Http(call)))
    }

    fn refused(&self, head: &ReplyHead, body: &[u8]) -> Failure {
        error::refused(head, body)
    }

    fn list_models_call(&self) -> Option<Call> {
        // All of them, on one page.
        Some(Call::Http(HttpCall::get("/models?pageSize=1000")))
    }

    fn read_models(&self, _head: &ReplyHead, body: &[u8]) -> Result<Vec<Model>, Failure> {
        read_list(body, "models", listed)
    }
}

/// Writes what is to be embedded: one text, or several in one batch. Gives the method for it.
fn embed(draft: &mut Draft<'_>, model: &Name) -> Result<&'static str, Failure> {
    let (input, dimensions) = (draft.take("input"), draft.take("dimensions"));
    let one = input.is_text();
    let request = |text| {
        let content = object! { "parts": vec![object! { "text": text }] };
        let model = model.path.clone();
        object! { "model": model, "content": content, "outputDimensionality": &dimensions }
    };
    let mut requests: Vec<Json<'_>> = texts(input)?.into_iter().map(request).collect();
    if one {
        draft.sent = requests.remove(0);
        return Ok("embedContent");
    }
    draft.set("requests", requests);
    Ok("batchEmbedContents")
}

/// A model of the list; now and then one has no name.
fn listed(entry: View<'_>) -> Option<Model> {
    let name = entry.get("name").some_text()?;
    let limit = |name: &str| entry.get(name).as_u64()?.try_into().ok();
    let methods = entry.get("supportedGenerationMethods");
    let can = |method: &str| methods.items().any(|present| present == method);
    let model = Model {
        context_tokens: limit("inputTokenLimit"),
        max_output_tokens: limit("outputTokenLimit"),
        extra: extra([("display_name", entry.get("displayName").into())]),
        ..Model::named(name.strip_prefix("models/").unwrap_or(&name))
    };
    let (chat, count) = (("chat", can("generateContent")), ("count-tokens", can("countTokens")));
    let model = model.serving([chat, ("embeddings", can("embedContent")), count]);
    Some(model.with([("reasoning", entry.get("thinking") == true)]))
}
