//! What is read along of a message that is passed on.
//!
//! <https://platform.claude.com/docs/en/build-with-claude/streaming>

use super::error;
use super::usage::Usage;
use crate::contract;
use crate::failure::Failure;
use crate::wire::along::Glance;
use crate::wire::openai::error::{no_json, no_json_event};
use crate::wire::sse::Event;
use serde::Deserialize;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    message: Option<Message>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Message {
    usage: Option<Usage>,
}

/// The usage of a whole reply.
///
/// # Errors
///
/// If it is not JSON, or an error in the clothes of a success.
pub fn whole(text: &str) -> Result<Option<contract::Usage>, Failure> {
    let part: Part<'_> = serde_json::from_str(text).map_err(|error| no_json(text, &error))?;
    match part.kind.as_deref() {
        Some("error") => Err(error::failure(text)),
        _ => Ok(part.usage.map(|usage| usage.contract())),
    }
}

/// Reads an event as far as it matters. Its kind stands in its name; usage stands in the first
/// event and in the last but one, where it is added to what the first said.
///
/// # Errors
///
/// If it is not JSON, or says that the upstream failed.
pub fn event(event: &Event, before: Option<&contract::Usage>) -> Result<Glance, Failure> {
    let data = event.data.as_deref().unwrap_or_default();
    let read = || -> Result<Part<'_>, Failure> {
        serde_json::from_slice(data).map_err(|error| no_json_event(&error))
    };
    let glance = Glance::default();
    Ok(match event.name().unwrap_or_default() {
        "content_block_delta" | "content_block_stop" => Glance { content: true, ..glance },
        "content_block_start" => Glance { content: begins_with_content(data), ..glance },
        "message_start" => {
            let usage = read()?.message.and_then(|message| message.usage);
            Glance { usage: usage.map(|usage| usage.contract()), ..glance }
        }
        "message_delta" => {
            let usage = read()?.usage.map(|usage| usage.after(before));
            Glance { content: true, usage, ..glance }
        }
        "message_stop" => Glance { content: true, finished: true, ..glance },
        "error" => return Err(error::failure(&event.lossy())),
        _ => glance,
    })
}

/// A block of text begins empty; one of a tool's call names the tool.
fn begins_with_content(data: &[u8]) -> bool {
    memchr::memmem::find(data, b"\"text\":\"\"").is_none()
        && memchr::memmem::find(data, b"\"thinking\":\"\"").is_none()
}
