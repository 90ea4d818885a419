//! The request as this vendor takes it, made of the sender's.

use crate::conversation::Conversation;
use crate::draft::{Draft, Raw};
use crate::effort;
use crate::failure::unsupported;
use crate::settings::Settings;
use crate::tools;
use portcullis_sdk::Request;
use portcullis_sdk::provider::Failure;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// How hard to work, and the form of the answer.
#[derive(Serialize)]
struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format<'a>>,
}

#[derive(Serialize)]
struct Format<'a> {
    r#type: &'static str,
    schema: &'a RawValue,
}

/// The body to send, and the names of what the sender asked for and does not get.
pub(crate) fn translate(
    request: &Request,
    settings: &Settings,
) -> Result<(Vec<u8>, Vec<String>), Failure> {
    let (body, model) = (request.body(), request.model());
    let mut draft = Draft::of(&body)?;
    refuse(&mut draft)?;
    let mut conversation = Conversation::read(draft.take("messages")?.unwrap_or_default())?;
    let forced = tools::write(&mut draft)?;
    let without_budget = forced || conversation.forgot_its_thoughts();
    let effort = effort::write(&mut draft, settings, &model, without_budget)?;
    let format = format(&mut draft, &mut conversation.system)?;
    if effort.is_some() || format.is_some() {
        draft.set_raw("output_config", &OutputConfig { effort, format });
    }
    draft.set("model", Some(model.into()));
    draft.set("stream", request.streaming().then_some(true.into()));
    draft.set("system", Some(conversation.system.into()));
    draft.set_raw("messages", &conversation.turns);
    let stop: Option<Value> = draft.take("stop")?;
    draft.set("stop_sequences", stop.map(|it| if it.is_array() { it } else { json!([it]) }));
    let user: Option<Value> = draft.take("user")?;
    let user = draft.take("safety_identifier")?.or(user);
    draft.set("metadata", user.map(|user| json!({ "user_id": user })));
    let mark = draft.take("cache_control")?;
    draft.set("cache_control", mark);
    Ok(draft.finish())
}

/// Refuses what would be another answer if it were left out.
fn refuse(draft: &mut Draft<'_>) -> Result<(), Failure> {
    if draft.take::<Value>("n")?.is_some_and(|n| n.as_u64() != Some(1)) {
        return Err(unsupported("this provider gives one answer to a request: `n` has to be 1"));
    }
    if draft.take::<Value>("modalities")?.is_some_and(|modalities| modalities != json!(["text"])) {
        return Err(unsupported("this provider answers in text only"));
    }
    Ok(())
}

/// The form of the answer, where it has a schema. The field for it, and not a tool that the
/// model is made to call: newer models refuse to be made to call one. Any JSON at all cannot
/// be asked for, so the model is told, and the sender that it was only told.
fn format<'a>(
    draft: &mut Draft<'a>,
    system: &mut Vec<Value>,
) -> Result<Option<Format<'a>>, Failure> {
    let mut wanted: Raw<'a> = draft.take("response_format")?.unwrap_or_default();
    let inner = wanted.remove("json_schema").and_then(|it| serde_json::from_str(it.get()).ok());
    if let Some(schema) = inner.and_then(|mut inner: Raw<'a>| inner.remove("schema")) {
        return Ok(Some(Format { r#type: "json_schema", schema }));
    }
    if wanted.remove("type").is_some_and(|kind| kind.get() != r#""text""#) {
        const TELL: &str = "Answer with one JSON object and nothing else: no words around it, \
                            and no code fence.";
        system.push(json!({ "type": "text", "text": TELL }));
        draft.leave_out("response_format", true);
    }
    Ok(None)
}
