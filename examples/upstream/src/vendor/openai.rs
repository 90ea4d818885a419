//! OpenAI's chat completions: <https://platform.openai.com/docs/api-reference/chat/create>,
//! vectors by <https://platform.openai.com/docs/api-reference/embeddings/create>, transcripts by
//! <https://platform.openai.com/docs/api-reference/audio/createTranscription>, errors by
//! <https://platform.openai.com/docs/guides/error-codes>. The same words as at the server's root,
//! from a server that checks what it is sent.

mod rules;

use serde_json::Value;

use super::check::header;
use super::{Call, Reply, Vendor, Wanted};
use crate::answer::End;
use crate::embeddings::embeddings;
use crate::failures::{self, Failure, Fault};
use crate::{chat, sse};

pub(super) struct OpenAi;

impl Vendor for OpenAi {
    fn read(&self, call: &Call<'_>) -> Result<Wanted, Failure> {
        if !header(call, "authorization").starts_with("Bearer ") {
            return Err(Failure::of_status(401));
        }
        let invalid = |wrong: String| Failure::invalid(format!("scripted 400: {wrong}"));
        match (call.parts.method.as_str(), call.path) {
            ("POST", "/v1/chat/completions") => {
                rules::check(call.body).map_err(invalid)?;
                Ok(Wanted::Chat(Box::new(chat::read(call.body))))
            }
            ("POST", "/v1/embeddings") => {
                rules::vectors(call.body).map_err(invalid)?;
                Ok(Wanted::Made(self.model(call).to_owned(), embeddings(call.body, false)?))
            }
            ("POST", "/v1/audio/transcriptions") => {
                rules::transcript(call.body).map_err(invalid)?;
                Ok(Wanted::Transcript)
            }
            (_, path) => Err(Failure::unknown_path(path)),
        }
    }

    fn whole(&self, reply: &Reply<'_>) -> Value {
        let mut completion = chat::completion(reply.id, reply.asked, reply.answer);
        for choice in completion["choices"].as_array_mut().into_iter().flatten() {
            hide(&mut choice["message"]);
        }
        completion
    }

    fn stream(&self, reply: &Reply<'_>) -> Vec<String> {
        let mut chunks = sse::chunks(reply.id, reply.asked, reply.answer);
        // A chunk without its thought would be one that says nothing.
        chunks.retain_mut(|chunk| !chunk.pointer_mut("/choices/0/delta").is_some_and(hide));
        let done = "data: [DONE]\n\n".to_owned();
        chunks.iter().map(event).chain([done]).collect()
    }

    fn broken(&self) -> String {
        event(&failures::exploded())
    }

    fn ends(&self, _: &End) -> bool {
        true
    }

    fn failure(&self, fault: Fault) -> Option<Failure> {
        Failure::of(fault)
    }

    fn headers(&self, id: u64) -> Vec<(&'static str, String)> {
        vec![("x-request-id", format!("req_{id}"))]
    }
}

/// Takes away what the model thought: OpenAI counts it, and does not show it here. Says whether
/// there was any.
fn hide(said: &mut Value) -> bool {
    let said = said.as_object_mut();
    said.is_some_and(|said| said.remove("reasoning_content").is_some())
}

fn event(chunk: &Value) -> String {
    format!("data: {chunk}\n\n")
}
