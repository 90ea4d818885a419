//! The dialects in which clients ask and are answered. This is the one place where they are told
//! apart.

use crate::contract::Usage;
use crate::failure::Failure;
use crate::refusal::Refusal;
use crate::request::{Operation, Request};
use crate::wire::along::Glance;
use crate::wire::answer::{Answer, Writer};
use crate::wire::canonical::Canonical;
use crate::wire::head::Head;
use crate::wire::transcript::answer::Transcript;
use crate::wire::transcript::format::Format;
use crate::wire::{anthropic, openai, responses, sse, transcript};
use bytes::BytesMut;
use http::StatusCode;
use http::request::Parts;
use serde_json::Value;

/// A dialect of clients, by the interface that it was published with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The canonical one: OpenAI's Chat Completions, Embeddings, Audio and Models.
    Completions,
    /// Anthropic's Messages.
    Messages,
    /// OpenAI's Responses.
    Responses,
    /// OpenAI's transcriptions: the canonical dialect of an operation whose answers are others.
    Transcripts,
}

impl Dialect {
    /// The dialect that every provider understands.
    pub const CANONICAL: Self = Self::Completions;

    /// In which dialect a request is made: by its path, or else by its headers. Both vendors have
    /// a list of models under the same path.
    pub fn of(parts: &Parts) -> Self {
        match parts.uri.path() {
            "/v1/chat/completions" | "/v1/embeddings" => Self::Completions,
            "/v1/audio/transcriptions" => Self::Transcripts,
            path if path.starts_with("/v1/responses") => Self::Responses,
            path if path.starts_with("/v1/messages") => Self::Messages,
            _ if parts.headers.contains_key("anthropic-version") => Self::Messages,
            _ => Self::Completions,
        }
    }

    /// Its name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completions | Self::Transcripts => "openai",
            Self::Messages => "anthropic",
            Self::Responses => "openai-responses",
        }
    }

    /// A body as an upstream of the same dialect takes it.
    pub fn taken(self, body: bytes::Bytes) -> bytes::Bytes {
        match self {
            Self::Messages => anthropic::unsigned::removed(body),
            Self::Completions | Self::Responses | Self::Transcripts => body,
        }
    }

    /// Reads the fields of a body that the gateway acts on.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn head(self, operation: Operation, body: &[u8]) -> Result<Head, Refusal> {
        match self {
            Self::Completions | Self::Transcripts => openai::head::read(operation, body),
            Self::Messages => anthropic::head::read(operation, body),
            Self::Responses => responses::head::read(body),
        }
    }

    /// A chat of this dialect in the canonical one.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or what it asks for that the canonical dialect cannot say.
    pub fn canonical(self, body: &bytes::Bytes) -> Result<Canonical, Failure> {
        match self {
            Self::Completions | Self::Transcripts => {
                Ok(Canonical { body: body.clone(), dropped: Vec::new() })
            }
            Self::Messages => anthropic::request::canonical(body),
            Self::Responses => responses::request::canonical(body),
        }
    }

    /// An answer to a chat, written from events.
    pub fn answer(self, request: &Request, model: &str) -> Answer {
        let writer: Box<dyn Writer> = match self {
            Self::Completions => Box::new(openai::answer::Chat::new(request, model)),
            Self::Messages => Box::new(anthropic::answer::Messages::new(request, model)),
            Self::Responses => Box::new(responses::answer::Responses::new(request, model)),
            Self::Transcripts => {
                return Answer::new(Box::new(Transcript::new(request))).documented();
            }
        };
        Answer::new(writer)
    }

    /// The usage of a whole answer that is passed on.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn whole(self, text: &str) -> Result<Option<Usage>, Failure> {
        match self {
            Self::Completions => openai::along::whole(text),
            Self::Messages => anthropic::along::whole(text),
            Self::Responses => responses::along::whole(text),
            Self::Transcripts => transcript::along::whole(text),
        }
    }

    /// Reads an event of a stream that is passed on: every one when looked at `closely`, and
    /// otherwise as far as it matters. `before` is the usage as it was said so far.
    ///
    /// # Errors
    ///
    /// If the upstream failed, or the event is none.
    pub fn glance(
        self,
        event: &sse::Event,
        closely: bool,
        before: Option<&Usage>,
    ) -> Result<Glance, Failure> {
        let data = event.data.as_deref().unwrap_or_default();
        match self {
            Self::Completions => openai::along::event(data, closely),
            Self::Messages => anthropic::along::event(event, before),
            Self::Responses => responses::along::event(data),
            Self::Transcripts => transcript::along::event(data),
        }
    }

    /// Ends a stream that was passed on and is whole.
    pub fn end(self, out: &mut BytesMut) {
        match self {
            Self::Completions => sse::encode(out, None, "[DONE]"),
            // Their last event is their end.
            Self::Messages | Self::Responses | Self::Transcripts => {}
        }
    }

    /// The media type of a whole answer.
    pub fn media_type(self, request: &Request) -> &'static str {
        match self {
            Self::Completions | Self::Messages | Self::Responses => "application/json",
            Self::Transcripts => Format::of(&request.body).media_type(),
        }
    }

    /// Ends a stream that was passed on and failed.
    pub fn fail(self, refusal: &Refusal, out: &mut BytesMut) {
        match self {
            Self::Completions | Self::Transcripts => {
                sse::encode(out, None, &openai::error::body(refusal));
            }
            Self::Messages => {
                sse::encode_json(out, Some("error"), &anthropic::error::value(refusal));
            }
            // Nobody counted the events that were passed on.
            Self::Responses => {
                sse::encode_json(out, Some("error"), &responses::answer::error(refusal, 0));
            }
        }
    }

    /// A refusal of the request of that id: its status and its body.
    pub fn refusal(self, refusal: &Refusal, id: &str) -> (StatusCode, String) {
        match self {
            Self::Completions | Self::Responses | Self::Transcripts => {
                (refusal.status, openai::error::body(refusal))
            }
            Self::Messages => {
                let mut body = anthropic::error::value(refusal);
                body["request_id"] = id.into();
                (anthropic::error::status(refusal), body.to_string())
            }
        }
    }

    /// The list of models, each with its owner.
    pub fn models(self, models: &[(&str, &str)]) -> Value {
        match self {
            Self::Completions | Self::Responses | Self::Transcripts => openai::models::list(models),
            Self::Messages => {
                let ids: Vec<&str> = models.iter().map(|(id, _)| *id).collect();
                anthropic::models::list(&ids)
            }
        }
    }

    /// One of them.
    pub fn model(self, id: &str, owner: &str) -> Value {
        match self {
            Self::Completions | Self::Responses | Self::Transcripts => {
                openai::models::model(id, owner)
            }
            Self::Messages => anthropic::models::model(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_is_told_by_its_path_and_elsewhere_by_its_header() {
        let of = |path: &str, header: &str| {
            let request = http::Request::get(path).header(header, "2023-06-01");
            Dialect::of(&request.body(()).unwrap().into_parts().0)
        };
        assert_eq!(of("/v1/models", "accept"), Dialect::Completions);
        assert_eq!(of("/v1/models", "anthropic-version"), Dialect::Messages);
        assert_eq!(of("/v1/chat/completions", "anthropic-version"), Dialect::Completions);
        assert_eq!(of("/v1/responses", "anthropic-version"), Dialect::Responses);
        assert_eq!(of("/v1/messages/count_tokens?beta=true", "accept"), Dialect::Messages);
        assert_eq!(of("/v1/audio/transcriptions", "accept"), Dialect::Transcripts);
    }
}
