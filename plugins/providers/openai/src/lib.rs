//! Speaks OpenAI's protocol: chat, embeddings, transcription and the list of models.
//!
//! The sender's request is already in this dialect, so as a rule the host edits the model's
//! name in it, passes the answer on, and this code never sees a token. With the setting
//! `passthrough = false` the answer is read into events, which the host writes anew. Models
//! that answer in the Responses API only are asked there, and read. What all of that takes is in
//! the SDK; here is what differs from upstream to upstream, and from model to model.

mod chat;
mod quirks;
mod settings;

use portcullis_sdk::openai::{Transcriber, Vectors, models, responses};
use portcullis_sdk::prelude::*;
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

/// What reads an answer, which has one of several forms.
type Answer = Box<dyn ReadFrame>;

impl Provider for OpenAi {
    type Settings = Settings;
    type Exchange = FrameByFrame<Answer>;

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

    fn start(&self, request: &Request) -> Result<(FrameByFrame<Answer>, Call), Failure> {
        let quirks = Quirks::of(&self.quirks, &request.model());
        let (answer, call) = match request.operation().as_str() {
            "chat" if request.dialect() == RESPONSES => self.same_dialect(request)?,
            "chat" => self.chat(request, &quirks)?,
            "embeddings" => self.embeddings(request),
            "transcription" => self.transcription(request, &quirks)?,
            other => return Err(Failure::no_operation(other)),
        };
        Ok((FrameByFrame::of(answer), Call::Http(self.identified(call))))
    }

    fn list_models_call(&self) -> Option<Call> {
        Some(Call::Http(self.identified(HttpCall::get("/models"))))
    }

    fn read_models(&self, _head: &ReplyHead, body: &[u8]) -> Result<Vec<Model>, Failure> {
        models(body)
    }
}

impl OpenAi {
    /// A sender that speaks the Responses API, at an upstream that does too.
    fn same_dialect(&self, request: &Request) -> Result<(Answer, HttpCall), Failure> {
        if !(self.settings.responses && self.settings.passthrough) {
            let message = "this upstream is not asked in the Responses API";
            let code = Some("dialect".to_owned());
            return Err(Failure { code, ..Failure::new(FailureKind::Unsupported, message) });
        }
        let call = Edits::of(request).post("/responses", framing(request));
        let call = HttpCall { passthrough: true, ..call };
        Ok((Box::new(responses::Response::to(request)), call))
    }

    fn embeddings(&self, request: &Request) -> (Answer, HttpCall) {
        let passthrough =
            self.passes_on(request) && self.settings.embeddings_encoding == Encoding::Pass;
        let mut edits = Edits::of(request);
        if !passthrough {
            // What is read here are numbers; the host encodes what the sender asked for.
            edits.remove("encoding_format");
        }
        let call = HttpCall { passthrough, ..edits.post("/embeddings", Framing::Whole) };
        (Box::new(Vectors::default()), call)
    }

    fn transcription(
        &self,
        request: &Request,
        quirks: &Quirks<'_>,
    ) -> Result<(Answer, HttpCall), Failure> {
        let transcriber = Transcriber {
            formats: quirks.transcription_formats(),
            whole: quirks.transcribes_whole(),
            refused: quirks.refused(Some("none")).collect(),
            passes_on: self.passes_on(request),
        };
        let (transcript, call) = transcriber.ask(request, "/audio/transcriptions")?;
        Ok((Box::new(transcript), call))
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

/// How the reply of a chat comes.
fn framing(request: &Request) -> Framing {
    if request.streaming() { Framing::Sse } else { Framing::Whole }
}
