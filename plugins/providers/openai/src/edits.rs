//! What is changed in a sender's body that is already in this dialect: as little as the upstream
//! needs, and where something is lost, its name.

use crate::fields::written;
use crate::quirks::Quirks;
use crate::settings::{MaxTokensField, Settings};
use crate::unsupported;
use portcullis_sdk::Request;
use portcullis_sdk::provider::{Failure, JsonEdit};
use serde_json::Value;

/// The changes to one body.
#[derive(Default)]
pub(crate) struct Edits {
    /// In order.
    pub(crate) edits: Vec<JsonEdit>,
    /// The names of what the sender asked for and does not get.
    pub(crate) dropped: Vec<String>,
}

impl Edits {
    /// Those that every operation has: the upstream's name of the model.
    pub(crate) fn of(request: &Request) -> Self {
        let mut edits = Self::default();
        edits.set("model", &request.model().into());
        edits
    }

    /// Those of a chat.
    pub(crate) fn of_chat(
        request: &Request,
        settings: &Settings,
        quirks: &Quirks<'_>,
        effort: Option<&str>,
    ) -> Self {
        let mut edits = Self::of(request);
        if request.streaming() && settings.stream_usage {
            edits.set("stream_options/include_usage", &true.into());
        }
        if let Some(field) = settings.max_tokens_field.or(quirks.max_tokens_field()) {
            edits.limit(request, field);
        }
        for name in quirks.refused(effort) {
            edits.leave_out(request, name);
        }
        edits.effort(quirks, effort);
        edits
    }

    pub(crate) fn set(&mut self, name: &str, value: &Value) {
        self.edits.push(JsonEdit::Set((format!("/{name}"), written(value))));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.edits.push(JsonEdit::Remove(format!("/{name}")));
    }

    /// Leaves only one name of the answer's limit. Of a request that has both, the newer name
    /// says what is meant.
    fn limit(&mut self, request: &Request, field: MaxTokensField) {
        let both = || request.get("/max_completion_tokens", u32::MAX).is_some();
        match field {
            MaxTokensField::MaxCompletionTokens if both() => self.remove("max_tokens"),
            field => self.edits.push(field.edit()),
        }
    }

    fn leave_out(&mut self, request: &Request, name: &str) {
        if let Some(value) = request.get(&format!("/{name}"), u32::MAX) {
            self.remove(name);
            self.dropped.extend(asks(name, &value).then(|| name.to_owned()));
        }
    }

    /// Says how much to reason in the upstream's own words.
    fn effort(&mut self, quirks: &Quirks<'_>, effort: Option<&str>) {
        let Some(effort) = effort else { return };
        let Some(fields) = quirks.effort(effort) else { return };
        if fields.is_empty() {
            self.dropped.push("reasoning_effort".to_owned());
        }
        if !fields.contains_key("reasoning_effort") {
            self.remove("reasoning_effort");
        }
        fields.iter().for_each(|(name, value)| self.set(name, value));
    }
}

/// How much to reason, in the sender's word. Asked for where something hangs on it: a question
/// to the host may have it read all of a long body.
pub(crate) fn effort(request: &Request, quirks: &Quirks<'_>) -> Option<String> {
    let word =
        || request.get("/reasoning_effort", 64).and_then(|it| serde_json::from_str(&it).ok());
    quirks.hang_on_effort().then(word).flatten()
}

/// Refuses to answer several times where there is one answer: another candidate may have more,
/// or the host asks several times.
pub(crate) fn one_answer(request: &Request) -> Result<(), Failure> {
    match request.get("/n", 32).as_deref() {
        None | Some("1" | "null") => Ok(()),
        Some(_) => {
            let message = "this upstream gives one answer to a request: `n` has to be 1";
            Err(about("n", unsupported(message)))
        }
    }
}

/// A failure with the name of the field that it is about.
pub(crate) fn about(param: &str, mut failure: Failure) -> Failure {
    failure.extra.push(("param".to_owned(), written(&param.into())));
    failure
}

/// Whether a field asks for anything that would not happen anyway.
pub(crate) fn asks(name: &str, value: &str) -> bool {
    match name {
        // What becomes of a stream is the gateway's part.
        "stream_options" => false,
        "frequency_penalty" | "presence_penalty" => value.parse() != Ok(0.0),
        "temperature" | "top_p" => value.parse() != Ok(1.0),
        _ => !matches!(value, "null" | "false" | "[]" | "{}"),
    }
}
