//! Transcripts written from events: pieces of text as they come, and all that is known in the
//! end.

use super::format::{Format, Granularities, written};
use crate::contract::Usage;
use crate::failure::Failure;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::wire::answer::{Piece, Writer};
use crate::wire::message::Message;
use crate::wire::openai::error;
use crate::wire::sse;
use bytes::BytesMut;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Writes one transcript.
pub struct Transcript {
    format: Format,
    asked: Granularities,
    said: String,
}

impl Transcript {
    /// A writer of the answer to `request`.
    pub fn new(request: &Request) -> Self {
        let (format, asked) = (Format::of(&request.body), Granularities::of(&request.body));
        Self { format, asked, said: String::new() }
    }
}

impl Writer for Transcript {
    fn identify(&mut self, _: String, _: String) {}

    fn piece(
        &mut self,
        _: u32,
        _: bool,
        piece: Piece,
        _: Option<&Usage>,
        out: &mut BytesMut,
    ) -> Result<(), Failure> {
        const DELTA: &str = "transcript.text.delta";
        match piece {
            Piece::Text(text) => {
                self.said.push_str(&text);
                sse::encode_json(out, Some(DELTA), &json!({ "type": DELTA, "delta": text }));
            }
            Piece::Document(document) => {
                let whole: Value = serde_json::from_str(&document).unwrap_or_default();
                if let Some(text) = whole["text"].as_str() {
                    text.clone_into(&mut self.said);
                }
            }
            // No other piece belongs to a transcript.
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, usage: Option<&Usage>, out: &mut BytesMut) {
        const DONE: &str = "transcript.text.done";
        let mut done = json!({ "type": DONE, "text": self.said });
        if let Some(usage) = usage {
            done["usage"] = written(usage);
        }
        sse::encode_json(out, Some(DONE), &done);
    }

    fn fail(&mut self, refusal: &Refusal, out: &mut BytesMut) {
        sse::encode(out, None, &error::body(refusal));
    }

    fn whole(
        &mut self,
        mut messages: BTreeMap<u32, Message>,
        usage: Option<&Usage>,
    ) -> Result<String, Failure> {
        let message = messages.remove(&0).unwrap_or_default();
        let text = message.text.unwrap_or_default();
        let document = message.document.unwrap_or_else(|| json!({ "text": text }).to_string());
        self.format.render(&document, usage, self.asked)
    }
}
