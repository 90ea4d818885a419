//! Vectors, by the task "feature extraction" of the hub or by TEI.

use crate::answer::Answer;
use crate::settings::{Server, Settings};
use crate::{fields, malformed, post, unsupported};
use portcullis_sdk::Request;
use portcullis_sdk::provider::{Body, Call, Event, Failure, Framing};
use serde::de::IgnoredAny;

pub(crate) fn call(settings: &Settings, request: &Request) -> Result<(Answer, Call), Failure> {
    let (mut texts, mut body, mut dropped) = (Vec::<String>::new(), String::new(), Vec::new());
    for (name, value) in fields(request)? {
        match (name.as_str(), value.get()) {
            // The host encodes vectors as they were asked for.
            ("model" | "encoding_format" | "metadata", _) => {}
            // Always a list: what comes back for a text by itself is not the same everywhere.
            ("input", json) => {
                let one = json.starts_with('"');
                let list = if one { format!("[{json}]") } else { json.to_owned() };
                texts = serde_json::from_str(&list)
                    .or_else(|_| unsupported("Hugging Face embeds texts only, no tokens"))?;
                body += &format!(r#","inputs":{list}"#);
            }
            ("dimensions", json) if settings.server == Server::Dedicated => {
                body += &format!(r#","dimensions":{json}"#);
            }
            _ => dropped.push(name),
        }
    }
    let path = settings.path(request, "/embed", "/pipeline/feature-extraction")?;
    let body = Body::Bytes(format!("{{{}}}", body.trim_start_matches(',')).into());
    let call = post(path, body, Framing::Whole, dropped);
    Ok((Answer::to(request, Vec::new(), Some(texts.len())), Call::Http(call)))
}

/// The vectors of a reply, one for each text.
pub(crate) fn read(text: &str, texts: usize) -> Result<Vec<Event>, Failure> {
    let vectors: Vec<Vec<f32>> = match serde_json::from_str(text) {
        Ok(vectors) => vectors,
        // How one is made of them is part of a model, which does not say it here; the wrong way
        // gives vectors that fit no others.
        Err(_) if serde_json::from_str::<Vec<Vec<Vec<IgnoredAny>>>>(text).is_ok() => {
            return unsupported("this model makes vectors of tokens, not one of each text");
        }
        Err(error) => {
            let place = error.column();
            return Err(malformed(format!("the upstream sent what is no vector (column {place})")));
        }
    };
    let made = vectors.len();
    if made != texts {
        return Err(malformed(format!("the upstream made {made} vectors of {texts} texts")));
    }
    Ok((0..).zip(vectors).map(Event::Embedding).collect())
}
