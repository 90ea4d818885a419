//! Transcripts, as a client of OpenAI's reads them: its requests are forms, and its answers may be
//! no JSON. A case that is to be streamed says so itself.
//! <https://platform.openai.com/docs/api-reference/audio/createTranscription>

use super::{Dialect, openai};
use crate::caller::{Reply, error_of};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::{Value, json};

pub(super) const DIALECT: Dialect = Dialect {
    name: "openai-transcription",
    path: "/v1/audio/transcriptions",
    headers: &[("content-type", "multipart/form-data; boundary=part")],
    body: form,
    stream: None,
    whole,
    refusal: openai::refusal,
    fold,
    essence,
};

/// The fields of a request as a form, and a file: nobody listens to it.
fn form(request: &Value) -> Bytes {
    let mut form = String::new();
    let mut field = |name: &str, value: &Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let disposition = format!("content-disposition: form-data; name=\"{name}\"");
        form += &format!("--part\r\n{disposition}\r\n\r\n{text}\r\n");
    };
    for (name, value) in request.as_object().into_iter().flatten() {
        match value {
            Value::Array(values) => {
                values.iter().for_each(|value| field(&format!("{name}[]"), value));
            }
            value => field(name, value),
        }
    }
    form += "--part\r\ncontent-disposition: form-data; name=\"file\"; filename=\"speech.wav\"\r\n\
             content-type: audio/wav\r\n\r\nRIFF and so on\r\n--part--\r\n";
    form.into()
}

/// An object, or a text by its type.
fn whole(reply: &Reply) -> Result<Value> {
    match reply.header("content-type") {
        kind if kind.starts_with("text/") => Ok(json!({ kind: reply.text()? })),
        _ => {
            let answer = reply.json()?;
            ensure!(answer["text"].is_string(), "{answer}");
            Ok(answer)
        }
    }
}

/// What an SDK makes of a stream: what its last event says, which the pieces before say as well.
fn fold(reply: &Reply) -> Result<Value> {
    let mut said = String::new();
    let mut answer = None;
    for event in reply.events()? {
        ensure!(answer.is_none(), "there is something behind the end: {event}");
        let mut event: Value = serde_json::from_str(&event)?;
        match event["type"].as_str() {
            Some("transcript.text.delta") => {
                said += event["delta"].as_str().context("a piece without its text")?;
            }
            Some("transcript.text.done") => {
                ensure!(event["text"] == *said, "the pieces say {said:?}: {event}");
                answer = Some(event.take());
            }
            _ => answer = Some(json!({ "text": said, "error": error_of(&event)? })),
        }
    }
    answer.context("the stream has no end")
}

/// What was heard, with its times where they stand in a text.
fn essence(answer: &Value) -> Value {
    let texts = answer.as_object().into_iter().flatten();
    let texts = texts.filter(|(name, _)| *name == "text" || name.starts_with("text/"));
    texts.map(|(_, text)| text.clone()).collect()
}
