//! What is read along of a chat, or of vectors, that are passed on.

use super::error;
use super::usage::Usage;
use crate::contract;
use crate::failure::Failure;
use crate::wire::along::Glance;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What is read of a reply or of one event of it.
#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
}

/// The usage of a whole reply.
///
/// # Errors
///
/// If it is not JSON, or an error in the clothes of a success.
pub fn whole(text: &str) -> Result<Option<contract::Usage>, Failure> {
    let reply: Part<'_> =
        serde_json::from_str(text).map_err(|error| error::no_json(text, &error))?;
    reply.failure().map_or_else(|| Ok(reply.usage()), Err)
}

/// Reads an event as far as it matters. Looked at `closely`, every event is parsed; otherwise
/// only those that could end the answer, fail it, or carry its usage.
///
/// # Errors
///
/// If it is not JSON, or says that the upstream failed.
pub fn event(data: &[u8], closely: bool) -> Result<Glance, Failure> {
    if data == b"[DONE]" {
        return Ok(Glance { done: true, ..Glance::default() });
    }
    if !closely && !matters(data) {
        return Ok(Glance { content: true, ..Glance::default() });
    }
    let part: Part<'_> =
        serde_json::from_slice(data).map_err(|error| error::no_json_event(&error))?;
    if let Some(failure) = part.failure() {
        return Err(failure);
    }
    let usage = part.usage();
    let choices = part.choices.as_deref().unwrap_or_default();
    let finished = choices.iter().any(Choice::is_finished);
    let content = finished || choices.iter().any(Choice::has_content);
    Ok(Glance { content, finished, done: false, only_usage: !content && usage.is_some(), usage })
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

impl Part<'_> {
    fn failure(&self) -> Option<Failure> {
        Some(error::failure(self.error.filter(|error| !is_null(error))?))
    }

    fn usage(&self) -> Option<contract::Usage> {
        Usage::read(self.usage.filter(|usage| !is_null(usage))?.get())
    }
}

impl Choice<'_> {
    fn is_finished(&self) -> bool {
        self.finish_reason.is_some_and(|reason| !is_null(reason))
    }

    fn has_content(&self) -> bool {
        let Some(delta) = self.delta else { return false };
        let fields: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(delta.get()).unwrap_or_default();
        fields
            .iter()
            .any(|(name, value)| name != "role" && !value.is_null() && value.as_str() != Some(""))
    }
}

/// Whether an event may be more than content: found by its bytes, since parsing each would cost
/// more than forwarding it.
fn matters(data: &[u8]) -> bool {
    fn is_set(data: &[u8], name: &[u8], null: &[u8]) -> bool {
        memmem::find_iter(data, name).any(|at| !data[at..].starts_with(null))
    }
    is_set(data, b"\"finish_reason\"", b"\"finish_reason\":null")
        || is_set(data, b"\"usage\"", b"\"usage\":null")
        || is_set(data, b"\"error\"", b"\"error\":null")
}
