//! What is read along of a transcript that is passed on.

use crate::contract;
use crate::contract::FailureKind;
use crate::failure::Failure;
use crate::wire::along::Glance;
use crate::wire::openai::error::{self, no_json_event};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    usage: Option<Usage>,
    duration: Option<f64>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// Of some models time is counted, of others tokens.
#[derive(Deserialize)]
struct Usage {
    seconds: Option<f64>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl Part<'_> {
    fn usage(&self) -> Option<contract::Usage> {
        let usage = self.usage.as_ref();
        if usage.is_none() && self.duration.is_none() {
            return None;
        }
        Some(contract::Usage {
            input_tokens: usage.and_then(|usage| usage.input_tokens),
            output_tokens: usage.and_then(|usage| usage.output_tokens),
            audio_seconds: usage.and_then(|usage| usage.seconds).or(self.duration),
            ..contract::Usage::default()
        })
    }

    fn failure(&self) -> Option<Failure> {
        self.error.filter(|error| error.get() != "null").map(error::failure)
    }
}

/// The usage of a whole transcript, where its form says.
///
/// # Errors
///
/// If it is an error in the clothes of a success, or nothing.
pub fn whole(text: &str) -> Result<Option<contract::Usage>, Failure> {
    if text.is_empty() {
        return Err(Failure::reported(
            FailureKind::Malformed,
            "The upstream answered with nothing.",
        ));
    }
    let Ok(part) = serde_json::from_str::<Part<'_>>(text) else { return Ok(None) };
    part.failure().map_or_else(|| Ok(part.usage()), Err)
}

/// Reads an event.
///
/// # Errors
///
/// If it is not JSON, or says that the upstream failed.
pub fn event(data: &[u8]) -> Result<Glance, Failure> {
    if data == b"[DONE]" {
        // Its last event says so already.
        return Ok(Glance { content: true, ..Glance::default() });
    }
    let part: Part<'_> = serde_json::from_slice(data).map_err(|error| no_json_event(&error))?;
    if let Some(failure) = part.failure() {
        return Err(failure);
    }
    let finished = part.kind.as_deref() == Some("transcript.text.done");
    Ok(Glance { content: true, finished, usage: part.usage(), ..Glance::default() })
}
