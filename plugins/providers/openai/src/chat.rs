//! A chat: which path it goes to, and what is changed in it on the way there. As little as the
//! upstream needs, and where something is lost, its name.

use crate::quirks::Quirks;
use crate::settings::MaxTokensField::{self, MaxCompletionTokens, MaxTokens};
use crate::{Answer, OpenAi, framing};
use portcullis_sdk::openai::{Completion, responses};
use portcullis_sdk::prelude::*;
use portcullis_sdk::provider::changes;

impl OpenAi {
    pub(crate) fn chat(
        &self,
        request: &Request,
        quirks: &Quirks<'_>,
    ) -> Result<(Answer, HttpCall), Failure> {
        let edits = Edits::of(request);
        if quirks.one_answer() {
            edits.one_answer()?;
        }
        let effort = quirks.hang_on_effort().then(|| effort(request)).flatten();
        let effort = effort.as_deref();
        if self.settings.responses && quirks.go_to_responses(request, effort) {
            let call = translated(request, quirks, effort)?;
            return Ok((Box::new(responses::Response::to(request)), call));
        }
        let edits = self.edited(edits, request, quirks, effort);
        let call = edits.post("/chat/completions", framing(request));
        let call = HttpCall { passthrough: self.passes_on(request), ..call };
        Ok((Box::new(Completion::new(request.streaming())), call))
    }

    /// With all that the upstream and the model want.
    fn edited<'r>(
        &self,
        mut edits: Edits<'r>,
        request: &Request,
        quirks: &Quirks<'_>,
        effort: Option<&str>,
    ) -> Edits<'r> {
        if request.streaming() && self.settings.stream_usage {
            edits.set("stream_options/include_usage", true);
        }
        if let Some(field) = self.settings.max_tokens_field.or(quirks.max_tokens_field()) {
            limit(&mut edits, field);
        }
        quirks.refused(effort).for_each(|name| edits.leave_out(name));
        if let Some(fields) = effort.and_then(|effort| quirks.effort(effort)) {
            if fields.is_nothing() {
                edits.lose("reasoning_effort");
            }
            if fields["reasoning_effort"].is_null() {
                edits.remove("reasoning_effort");
            }
            fields.fields().iter().for_each(|(name, value)| edits.set(name, value));
        }
        edits
    }
}

/// A chat with a model that answers in the Responses API only.
fn translated(
    request: &Request,
    quirks: &Quirks<'_>,
    effort: Option<&str>,
) -> Result<HttpCall, Failure> {
    let body = request.body();
    let mut draft = Draft::of(&body)?;
    for name in quirks.refused(effort) {
        if changes(name, &draft.take(name)) {
            draft.lose(name);
        }
    }
    responses::write(&mut draft, request, quirks.carry_reasoning())?;
    if let Some(mut fields) = effort.and_then(|effort| quirks.effort(effort)) {
        let word = fields.take("reasoning_effort");
        draft.set("reasoning", object! { "effort": word }.something());
    }
    Ok(draft.post("/responses", framing(request)))
}

/// How much to reason, in the sender's word. Asked for where something hangs on it: a question
/// to the host may have it read all of a long body.
fn effort(request: &Request) -> Option<String> {
    let word = request.get("/reasoning_effort", 64)?;
    Json::read(&word).ok()?.some_text()
}

/// Leaves only one name of the answer's limit. Of a request that has both, the newer name
/// says what is meant.
fn limit(edits: &mut Edits<'_>, field: MaxTokensField) {
    let [older, newer] = ["max_tokens", "max_completion_tokens"];
    match field {
        MaxCompletionTokens if edits.asked(newer).is_some() => edits.remove(older),
        MaxCompletionTokens => edits.rename(older, newer),
        MaxTokens => edits.rename(newer, older),
    }
}
