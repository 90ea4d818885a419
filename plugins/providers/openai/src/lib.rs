//! Speaks OpenAI's protocol: chat, embeddings, transcription and the list of models.
//!
//! The sender's request is already in this dialect, so as a rule the host edits the model's
//! name in it, passes the answer on, and this code never sees a token. With the setting
//! `passthrough = false` the answer is read into events, which the host writes anew. Models
//! that answer in the Responses API only are asked there, and read.

mod answer;
mod chunk;
mod edits;
mod fields;
mod quirks;
mod resets;
mod responses;
mod settings;
mod transcript;
mod vectors;

use answer::Answer;
use edits::Edits;
use fields::written;
use portcullis_sdk::Request;
use portcullis_sdk::openai::{ModelEntry, ModelList};
use portcullis_sdk::provider::{
    Body, Call, Description, Failure, FailureKind, Framing, HttpCall, Model, Provider, ReplyHead,
    read_refusal,
};
use quirks::{Quirk, Quirks};
use settings::{Encoding, Settings};

/// The dialect of the Responses API.
const RESPONSES: &str = "openai-responses";

/// The provider, as its operator set it up.
pub struct OpenAi {
    settings: Settings,
    quirks: Vec<Quirk>,
}

portcullis_sdk::export!(provider OpenAi);

impl Provider for OpenAi {
    type Settings = Settings;
    type Exchange = Answer;

    fn describe() -> Description {
        Description {
            dialects: vec![RESPONSES.to_owned()],
            ..Description::of(&["chat", "embeddings", "transcription"])
        }
    }

    fn configure(mut settings: Settings) -> Result<Self, String> {
        let own = || serde_json::from_str(quirks::OF_OPENAI).map_err(|error| error.to_string());
        let quirks = settings.quirks.take().map_or_else(own, Ok)?;
        Ok(Self { settings, quirks })
    }

    fn start(&self, request: &Request) -> Result<(Answer, Call), Failure> {
        let (answer, call, dropped) = match request.operation().as_str() {
            "chat" if request.dialect() == RESPONSES => self.same_dialect(request)?,
            "chat" => self.chat(request)?,
            "embeddings" => self.embeddings(request),
            "transcription" => self.transcription(request)?,
            other => return Err(unsupported(format!("this provider has no operation {other:?}"))),
        };
        let mut call = self.identified(call);
        if !dropped.is_empty() {
            // For the host to tell the sender.
            call.extra.push(("dropped".to_owned(), written(&dropped.into())));
        }
        Ok((answer, Call::Http(call)))
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
        let ModelList { data } =
            list.ok_or_else(|| malformed("the upstream's list of models is not one"))?;
        Ok(data.into_iter().map(model).collect())
    }
}

/// What reads the answer, the call, and the names of what the sender does not get.
type Begun = (Answer, HttpCall, Vec<String>);

impl OpenAi {
    fn chat(&self, request: &Request) -> Result<Begun, Failure> {
        let quirks = Quirks::of(&self.quirks, &request.model());
        if quirks.one_answer() {
            edits::one_answer(request)?;
        }
        let effort = edits::effort(request, &quirks);
        let streaming = request.streaming();
        let framing = if streaming { Framing::Sse } else { Framing::Whole };
        if self.settings.responses && quirks.go_to_responses(request, effort.as_deref()) {
            let (body, dropped) = responses::sent::translate(request, &quirks, effort.as_deref())?;
            let call = HttpCall::post("/responses", Body::Bytes(body)).framing(framing);
            return Ok((Answer::of(responses::answer::Response::new(streaming)), call, dropped));
        }
        let Edits { edits, dropped } =
            Edits::of_chat(request, &self.settings, &quirks, effort.as_deref());
        let call = HttpCall {
            passthrough: self.passes_on(request),
            ..HttpCall::post("/chat/completions", Body::Edited(edits)).framing(framing)
        };
        Ok((Answer::of(chunk::Chunks::new(streaming)), call, dropped))
    }

    /// A sender that speaks the Responses API, at an upstream that does too.
    fn same_dialect(&self, request: &Request) -> Result<Begun, Failure> {
        if !(self.settings.responses && self.settings.passthrough) {
            let message = "this upstream is not asked in the Responses API";
            let code = Some("dialect".to_owned());
            return Err(Failure { code, ..unsupported(message) });
        }
        let streaming = request.streaming();
        let call = HttpCall {
            framing: if streaming { Framing::Sse } else { Framing::Whole },
            passthrough: true,
            ..HttpCall::post("/responses", Body::Edited(Edits::of(request).edits))
        };
        Ok((Answer::of(responses::answer::Response::new(streaming)), call, Vec::new()))
    }

    fn embeddings(&self, request: &Request) -> Begun {
        let passthrough =
            self.passes_on(request) && self.settings.embeddings_encoding == Encoding::Pass;
        let mut edits = Edits::of(request);
        if !passthrough {
            // What is read here are numbers; the host encodes what the sender asked for.
            edits.remove("encoding_format");
        }
        let body = Body::Edited(edits.edits);
        let call = HttpCall { passthrough, ..HttpCall::post("/embeddings", body) };
        (Answer::of(vectors::Vectors::default()), call, edits.dropped)
    }

    fn transcription(&self, request: &Request) -> Result<Begun, Failure> {
        let quirks = Quirks::of(&self.quirks, &request.model());
        let form = transcript::Form::of(request, &quirks, self.passes_on(request))?;
        let call = HttpCall {
            // The host says which form it is: it knows where one part ends.
            headers: Vec::new(),
            framing: if form.streams { Framing::Sse } else { Framing::Whole },
            passthrough: form.passthrough,
            ..HttpCall::post("/audio/transcriptions", Body::Form(form.parts))
        };
        let transcript = transcript::Transcript::new(request.streaming(), form.streams);
        Ok((Answer::of(transcript), call, form.dropped))
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

fn model(entry: ModelEntry) -> Model {
    let owner = entry.owned_by.map(|owner| ("owned_by".to_owned(), written(&owner.into())));
    Model {
        id: entry.id,
        context_tokens: entry.context_length,
        max_output_tokens: entry.max_completion_tokens,
        operations: Vec::new(),
        features: Vec::new(),
        extra: owner.into_iter().collect(),
    }
}

fn unsupported(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Unsupported, message)
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::InvalidRequest, message)
}

fn malformed(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Malformed, message)
}
