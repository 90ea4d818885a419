//! The parts of what a message says.

use super::{FIELD, wrong};
use crate::Json;
use crate::provider::Failure;
use std::borrow::Cow;

/// One part of what a message says.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<'a> {
    /// "text", "refusal", "image_url", "input_audio", "file"…
    pub kind: Cow<'a, str>,
    /// What it says, shows or plays.
    pub content: Content<'a>,
    /// What else stands under the kind's name: an image's `detail`, a file's `filename`.
    pub beside: Json<'a>,
    /// Whatever else the part holds.
    pub rest: Json<'a>,
}

/// What a part of a message says, shows or plays.
#[derive(Debug, Clone, PartialEq)]
pub enum Content<'a> {
    /// Words, or words in which the model declined.
    Text(Json<'a>),
    /// An image, a sound or a file that came with the request.
    Inline {
        /// What it is: "image/png".
        media_type: Json<'a>,
        /// Its bytes, in base64.
        data: Json<'a>,
    },
    /// An image or a file at an address.
    Address {
        /// A URL whose scheme is http, https or gs.
        url: Json<'a>,
        /// What its ending promises that it is.
        media_type: Option<&'static str>,
    },
    /// A file that was stored somewhere before, by its id.
    Stored(Json<'a>),
    /// Something else; what it is stands in `beside`.
    Other,
}

impl<'a> Part<'a> {
    pub(super) fn text(words: Json<'a>) -> Self {
        let nothing = Json::object([]);
        let (kind, content) = (Cow::Borrowed("text"), Content::Text(words));
        Self { kind, content, beside: nothing.clone(), rest: nothing }
    }

    pub(super) fn read_all(content: Json<'a>) -> Result<Vec<Self>, Failure> {
        match content {
            Json::Null => Ok(Vec::new()),
            Json::Text(_) => Ok(vec![Self::text(content)]),
            Json::List(parts) => parts.into_iter().map(Self::read).collect(),
            _ => Err(wrong("has a `content` that is neither a text nor a list of parts")),
        }
    }

    fn read(mut part: Json<'a>) -> Result<Self, Failure> {
        if part.is_text() {
            return Ok(Self::text(part));
        }
        let kind = part.take("type").into_text();
        let mut beside = part.take(&kind);
        let content = match &*kind {
            "text" | "refusal" => Content::Text(std::mem::take(&mut beside)),
            "image_url" => Content::of(beside.take("url"))?,
            "input_audio" => {
                let format = beside.take("format").some_text().unwrap_or("wav".to_owned());
                let media_type = format!("audio/{format}").into();
                Content::Inline { media_type, data: beside.take("data") }
            }
            "file" => match beside.take("file_data") {
                Json::Null => Content::Stored(beside.take("file_id")),
                data => Content::of(data)?,
            },
            _ => Content::Other,
        };
        Ok(Self { kind, content, beside, rest: part })
    }

    /// The failure of a provider that has no place for a part of this kind.
    pub fn unsupported(kind: &str) -> Failure {
        let message = format!("this provider has no place for this part of the type {kind:?}");
        Failure::unsupported(FIELD, message)
    }
}

impl<'a> Content<'a> {
    /// Takes an address, or a `data:` URL apart. Nothing is copied of what is borrowed.
    pub(super) fn of(url: Json<'a>) -> Result<Self, Failure> {
        /// Behind it come the bytes.
        const CODED: &str = ";base64,";
        /// What an upstream may fetch.
        const FETCHED: [&str; 3] = ["https://", "http://", "gs://"];
        let Json::Text(text) = url else { return Err(wrong("has a URL that is none")) };
        if !text.starts_with("data:") {
            let url = Json::Text(text);
            if !FETCHED.iter().any(|scheme| url.text().starts_with(scheme)) {
                return Err(wrong("has a URL that is neither data:, http, https nor gs"));
            }
            let media_type = promised(&url.text());
            return Ok(Self::Address { url, media_type });
        }
        let Some(end) = text.find(CODED) else {
            return Err(wrong("has a `data:` URL that is not base64"));
        };
        let media_type = text["data:".len()..end].split(';').next().unwrap_or_default();
        let media_type = media_type.replace("\\/", "/").into();
        let data = match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[end + CODED.len()..]),
            Cow::Owned(text) => Cow::Owned(text[end + CODED.len()..].to_owned()),
        };
        Ok(Self::Inline { media_type, data: Json::Text(data) })
    }
}

/// The media type that an address's ending promises.
fn promised(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next()?;
    Some(match path.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "pdf" => "application/pdf",
        "mp3" => "audio/mp3",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        _ => return None,
    })
}
