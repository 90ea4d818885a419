//! A chat request in the API's form.

use crate::model::Name;
use crate::{Gemini, messages, tools};
use portcullis_sdk::prelude::*;
use portcullis_sdk::schema;

/// Parameters that are the API's by another name. Of two for one, the later counts.
const PARAMETERS: [(&str, &str); 10] = [
    ("max_tokens", "maxOutputTokens"),
    ("max_completion_tokens", "maxOutputTokens"),
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("top_k", "topK"),
    ("seed", "seed"),
    ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"),
    ("logprobs", "responseLogprobs"),
    ("top_logprobs", "logprobs"),
];

impl Gemini {
    /// Writes the body.
    pub(crate) fn chat<'a>(&'a self, draft: &mut Draft<'a>, model: &Name) -> Result<(), Failure> {
        self.settings.drop.iter().for_each(|name| draft.leave_out(name));
        // Without these it would be another conversation.
        draft.refuse(&["audio", "functions", "function_call"])?;
        messages::write(draft, model.is_third())?;
        // Gemini 3 gives one answer; and an event of a call does not say whose it is.
        if tools::write(draft, model.is_third())? || model.is_third() {
            draft.refuse(&["n"])?;
        }
        if !model.samples() {
            ["temperature", "top_p", "top_k"].iter().for_each(|name| draft.leave_out(name));
        }
        let mut config = object! {};
        // One answer is what there is anyway.
        config.set("candidateCount", draft.take("n").filter(|n| n.as_u64() != Some(1)));
        PARAMETERS.iter().for_each(|(theirs, ours)| config.set(*ours, draft.take(theirs)));
        config.set("stopSequences", Json::from(draft.take("stop").into_items()).something());
        config.set("thinkingConfig", self.thinking(draft, model)?);
        let schema = match Form::read(draft.take("response_format"))? {
            Form::Text => None,
            Form::Object => Some(Json::Null),
            Form::Schema(schema) => Some(kept_to("response_format", schema)?),
        };
        config.set("responseMimeType", schema.as_ref().map(|_| "application/json"));
        config.set("responseJsonSchema", schema);
        draft.set("generationConfig", config);
        if draft.asks("service_tier") {
            draft.pass(&[("service_tier", "serviceTier")]);
        }
        draft.set("safetySettings", self.settings.safety().something());
        Ok(())
    }

    /// How much the model is to think.
    fn thinking<'a>(&self, draft: &mut Draft<'a>, model: &Name) -> Result<Json<'a>, Failure> {
        const FIELD: &str = "reasoning_effort";
        let Some(effort) = draft.take_text(FIELD)? else { return Ok(Json::Null) };
        let known = model.thinking(&effort);
        let (thinking, exact) = known.ok_or_else(|| Failure::unknown(FIELD))?;
        if !exact {
            draft.lose(FIELD);
        }
        let shown = self.settings.thoughts != Some(false) && effort != "none";
        Ok(thinking.with("includeThoughts", shown.then_some(true)))
    }
}

/// A schema that has to be kept to. `field` is where it stands. The API ignores what it does not
/// know of a schema.
pub(crate) fn kept_to<'a>(field: &str, schema: Json<'a>) -> Result<Json<'a>, Failure> {
    const KNOWN: &str = "type format enum minimum maximum required properties anyOf oneOf items \
        prefixItems minItems maxItems additionalProperties propertyOrdering";
    schema::restricted(schema, KNOWN).map_err(|what| {
        Failure::unsupported(field, format!("the Gemini API does not take {what} in a schema"))
    })
}
