//! What is read along of a response that is passed on.
//!
//! <https://platform.openai.com/docs/api-reference/responses-streaming>

use super::usage::Usage;
use crate::contract;
use crate::contract::FailureKind;
use crate::failure::Failure;
use crate::wire::along::Glance;
use crate::wire::openai::error::{no_json, no_json_event};
use memchr::memmem;
use serde::Deserialize;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Response {
    status: Option<String>,
    error: Option<Error>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Error {
    code: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    response: Option<Response>,
    error: Option<Error>,
    code: Option<String>,
    message: Option<String>,
}

fn failure(error: Error) -> Failure {
    let message = error.message.unwrap_or_else(|| "The upstream failed in its answer.".to_owned());
    Failure::coded(FailureKind::Upstream, message, error.code)
}

/// The usage of a whole response.
///
/// # Errors
///
/// If it is not JSON, or one that failed.
pub fn whole(text: &str) -> Result<Option<contract::Usage>, Failure> {
    let response: Response = serde_json::from_str(text).map_err(|error| no_json(text, &error))?;
    match (response.error, response.status.as_deref()) {
        (Some(error), _) => Err(failure(error)),
        (None, Some("failed")) => Err(failure(Error { code: None, message: None })),
        _ => Ok(response.usage.map(|usage| usage.contract())),
    }
}

/// Reads an event as far as it matters: most are pieces of text.
///
/// # Errors
///
/// If it is not JSON, or says that the upstream failed.
pub fn event(data: &[u8]) -> Result<Glance, Failure> {
    // It names its kind, and the kind of an event that is no piece is named nowhere else.
    if memmem::find(data, b".delta\"").is_some() && memmem::find(data, b"\"response\":").is_none() {
        return Ok(Glance { content: true, ..Glance::default() });
    }
    let event: Event<'_> = serde_json::from_slice(data).map_err(|error| no_json_event(&error))?;
    let said = event.response;
    match &*event.kind {
        "error" => {
            let (code, message) = (event.code, event.message);
            Err(failure(event.error.unwrap_or(Error { code, message })))
        }
        "response.failed" => {
            let error = said.and_then(|response| response.error);
            Err(failure(error.unwrap_or(Error { code: None, message: None })))
        }
        "response.completed" | "response.incomplete" => {
            let usage = said.and_then(|response| response.usage).map(|usage| usage.contract());
            Ok(Glance { content: true, finished: true, usage, ..Glance::default() })
        }
        "response.created"
        | "response.in_progress"
        | "response.queued"
        | "response.output_item.added"
        | "response.content_part.added" => Ok(Glance::default()),
        _ => Ok(Glance { content: true, ..Glance::default() }),
    }
}
