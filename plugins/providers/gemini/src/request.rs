//! A chat request in the API's form. The sender's fields are gone through one by one, and what
//! the API has no place for is named in `dropped`: nothing is lost without a word.

use crate::content::Conversation;
use crate::model::Name;
use crate::schema;
use crate::settings::Settings;
use crate::tools::Tools;
use portcullis_sdk::Request;
use portcullis_sdk::provider::{Failure, FailureKind};
use serde_json::{Map, Value, json};

/// A request on its way into the API's form.
#[derive(Default)]
pub(crate) struct Draft {
    /// The fields of the body, but for those in which the order of names matters.
    pub(crate) body: Map<String, Value>,
    config: Map<String, Value>,
    tools: Tools,
    /// The answer's schema. As text: in the order of its names the model fills it in, and a
    /// map would sort them.
    schema: Option<String>,
    /// What the sender said and the API has no place for.
    pub(crate) dropped: Vec<String>,
}

impl Draft {
    /// Reads the sender's request.
    pub(crate) fn read(request: &Request, model: &Name, own: &Settings) -> Result<Self, Failure> {
        let mut draft = Self::default();
        for (name, value) in object(request)? {
            let placed = value.is_null()
                || !own.drop.contains(&name) && draft.field(&name, value, request, model, own)?;
            if !placed {
                draft.dropped.push(name);
            }
        }
        // An event of a call does not say whose answer it belongs to.
        if draft.tools.any() && draft.config.contains_key("candidateCount") {
            return Err(unsupported("n", "several answers that may call tools"));
        }
        if let Some(config) = draft.tools.config(model.is_third())? {
            draft.body.insert("toolConfig".to_owned(), config);
        }
        if let Some(settings) = own.safety() {
            draft.body.insert("safetySettings".to_owned(), settings);
        }
        Ok(draft)
    }

    /// The body's JSON.
    pub(crate) fn json(self) -> String {
        let config = spliced(self.config, [("responseJsonSchema", self.schema)]);
        let tools = self.tools.json();
        spliced(self.body, [("tools", tools), ("generationConfig", Some(config))])
    }

    /// Takes one field; says whether there is a place for all of it.
    fn field(
        &mut self,
        name: &str,
        value: Value,
        request: &Request,
        model: &Name,
        own: &Settings,
    ) -> Result<bool, Failure> {
        let place = match name {
            // The gateway's own: it has read them.
            "model" | "stream" | "stream_options" | "metadata" => return Ok(true),
            "messages" => {
                let turns = Conversation::read(value, model.is_third())?;
                self.dropped.extend(turns.dropped.into_iter().map(str::to_owned));
                self.body.insert("contents".to_owned(), turns.contents.into());
                if !turns.system.is_empty() {
                    let system = json!({ "parts": turns.system });
                    self.body.insert("systemInstruction".to_owned(), system);
                }
                return Ok(true);
            }
            "tools" => return self.tools.declare(&value, request),
            "tool_choice" => return self.tools.choose(value),
            "web_search_options" => return self.tools.search(&value),
            "parallel_tool_calls" => return Ok(value == true),
            "response_format" => return self.form(&value, request),
            "reasoning_effort" => {
                let (mut thinking, exact) = model.thinking(value.as_str().unwrap_or_default())?;
                if own.thoughts && value != "none" {
                    thinking["includeThoughts"] = true.into();
                }
                self.config.insert("thinkingConfig".to_owned(), thinking);
                return Ok(exact);
            }
            "service_tier" => {
                if value != "auto" && value != "default" {
                    self.body.insert("serviceTier".to_owned(), value);
                }
                return Ok(true);
            }
            // Without these it would be another conversation.
            "audio" | "functions" | "function_call" => {
                return Err(unsupported(name, &format!("`{name}`")));
            }
            "temperature" | "top_p" | "top_k" if !model.samples() => return Ok(false),
            // One answer is what there is anyway.
            "n" if value == 1 => return Ok(true),
            "n" if model.is_third() => return Ok(false),
            "n" => "candidateCount",
            "max_tokens" | "max_completion_tokens" => "maxOutputTokens",
            "temperature" => "temperature",
            "top_p" => "topP",
            "top_k" => "topK",
            "stop" => "stopSequences",
            "seed" => "seed",
            "presence_penalty" => "presencePenalty",
            "frequency_penalty" => "frequencyPenalty",
            "logprobs" => "responseLogprobs",
            "top_logprobs" => "logprobs",
            _ => return Ok(false),
        };
        let value = if name == "stop" && value.is_string() { json!([value]) } else { value };
        self.config.entry(place).or_insert(value);
        Ok(true)
    }

    /// The form of the answer.
    fn form(&mut self, form: &Value, request: &Request) -> Result<bool, Failure> {
        match form["type"].as_str() {
            Some("text") => return Ok(true),
            Some("json_object" | "json_schema") => {}
            _ => {
                let what = format!("answers of the form {}", text(&form["type"]));
                return Err(unsupported("response_format", &what));
            }
        }
        self.config.insert("responseMimeType".to_owned(), "application/json".into());
        if let Some(schema) = request.get("/response_format/json_schema/schema", u32::MAX) {
            self.schema = Some(schema::accepted("response_format", &schema)?);
        }
        Ok(true)
    }
}

/// The sender's body.
pub(crate) fn object(request: &Request) -> Result<Map<String, Value>, Failure> {
    let body = serde_json::from_str(&request.body());
    body.map_err(|error| wrong("request", &format!("is no object: {error}")))
}

/// An object with more fields at its end, whose values are JSON already.
fn spliced<const N: usize>(
    object: Map<String, Value>,
    more: [(&'static str, Option<String>); N],
) -> String {
    let mut json = text(&object.into());
    for (name, value) in more {
        let Some(value) = value else { continue };
        json.pop();
        let comma = if json.len() > 1 { "," } else { "" };
        json += &format!("{comma}\"{name}\":{value}}}");
    }
    json
}

/// What an object holds under a name, taken out of it.
pub(crate) fn take(object: &mut Value, name: &str) -> Value {
    object.get_mut(name).map(Value::take).unwrap_or_default()
}

/// A value as JSON.
pub(crate) fn text(value: &Value) -> String {
    // Writing a value to a string does not fail.
    serde_json::to_string(value).unwrap_or_default()
}

/// The sender's mistake in this field.
pub(crate) fn wrong(name: &str, what: &str) -> Failure {
    blame(FailureKind::InvalidRequest, name, format!("`{name}` {what}"))
}

/// What this upstream has no place for. Another one may.
pub(crate) fn unsupported(name: &str, what: &str) -> Failure {
    blame(FailureKind::Unsupported, name, format!("the Gemini API does not take {what}"))
}

fn blame(kind: FailureKind, name: &str, message: String) -> Failure {
    let param = ("param".to_owned(), text(&name.into()));
    Failure { extra: vec![param], ..Failure::new(kind, message) }
}
