//! The request as this vendor takes it, made of the sender's.

use crate::settings::Settings;
use crate::{conversation, effort, tools};
use portcullis_sdk::prelude::*;

/// Asks for JSON where there is no schema.
const TELL: &str = "Answer with one JSON object and nothing else: no words around it, and no code \
                    fence.";

/// Writes the body.
pub(crate) fn write(
    draft: &mut Draft<'_>,
    model: String,
    settings: &Settings,
) -> Result<(), Failure> {
    // Left out, these would make it another answer.
    draft.refuse(&["n", "modalities"])?;
    let mut conversation = conversation::read(draft)?;
    let forced = tools::write(draft)?;
    let without_budget = forced || conversation::forgot_its_thoughts(&conversation);
    let effort = effort::write(draft, settings, &model, without_budget)?;
    // The field for a schema, and not a tool that the model is made to call: newer models refuse
    // to be made to call one. Any JSON at all cannot be asked for, so the model is told, and the
    // sender that it was only told.
    let format = match Form::read(draft.take("response_format"))? {
        Form::Text => Json::Null,
        Form::Schema(schema) => object! { "type": "json_schema", "schema": schema },
        Form::Object => {
            conversation.system.push(object! { "type": "text", "text": TELL });
            draft.lose("response_format");
            Json::Null
        }
    };
    draft.set("output_config", object! { "effort": effort, "format": format }.something());
    draft.set("model", model);
    draft.set("messages", conversation.take_turns("assistant", "content"));
    draft.set("system", Json::List(conversation.system).something());
    let stop = draft.take("stop").into_items();
    draft.set("stop_sequences", Json::List(stop).something());
    let older = draft.take("user");
    let user = draft.take("safety_identifier").or(older);
    draft.set("metadata", object! { "user_id": user }.something());
    draft.pass(&[("cache_control", "cache_control")]);
    Ok(())
}

/// Leaves of the body what a count of tokens takes.
pub(crate) fn keep_what_counts(body: &mut Json<'_>) {
    for name in ["max_tokens", "stop_sequences", "metadata", "temperature", "top_p", "top_k"] {
        body.take(name);
    }
}
