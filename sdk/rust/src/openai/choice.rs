//! What a chat request asks of its answer: which tools it may call, and which form it has.

use crate::Json;
use crate::provider::Failure;

/// Which tools the answer calls: `tool_choice`.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolChoice<'a> {
    /// Whether it calls any.
    pub mode: Mode,
    /// If not empty, it calls only functions of these names. One that it has to call is
    /// [`Mode::Required`] with its name.
    pub names: Vec<Json<'a>>,
}

/// Whether the answer calls tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// If the model wants to.
    Auto,
    /// No.
    None,
    /// At least one.
    Required,
}

impl<'a> ToolChoice<'a> {
    /// Reads the field; `None` where it says nothing.
    pub fn read(mut choice: Json<'a>) -> Result<Option<Self>, Failure> {
        let (mut function, mut allowed) = (choice.take("function"), choice.take("allowed_tools"));
        let (mode, names) = match &*choice.text() {
            "auto" => (Mode::Auto, Vec::new()),
            "none" => (Mode::None, Vec::new()),
            "required" => (Mode::Required, Vec::new()),
            _ if choice.is_null() => return Ok(None),
            _ if function.is_object() => (Mode::Required, vec![function.take("name")]),
            _ if allowed.is_object() => {
                let required = allowed.take("mode") == "required";
                let name = |tool: &Json<'a>| tool["function"]["name"].clone();
                let names = allowed["tools"].items().iter().map(name).collect();
                (if required { Mode::Required } else { Mode::Auto }, names)
            }
            _ => return Err(Failure::unknown("tool_choice")),
        };
        Ok(Some(Self { mode, names }))
    }
}

/// The form of the answer: `response_format`.
#[derive(Debug, Clone, PartialEq)]
pub enum Form<'a> {
    /// Text, which is what there is without the field.
    Text,
    /// Any JSON object.
    Object,
    /// What satisfies this JSON schema.
    Schema(Json<'a>),
}

impl<'a> Form<'a> {
    /// Reads the field.
    pub fn read(mut format: Json<'a>) -> Result<Self, Failure> {
        let kind = format.take("type");
        match (&*kind.text(), format.take("json_schema").take("schema")) {
            ("json_object", _) | ("json_schema", Json::Null) => Ok(Self::Object),
            ("json_schema", schema) => Ok(Self::Schema(schema)),
            ("text", _) => Ok(Self::Text),
            _ if kind.is_null() => Ok(Self::Text),
            _ => {
                let message = format!("this provider has no answers of the form {kind}");
                Err(Failure::unsupported("response_format", message))
            }
        }
    }
}

/// The contract's word for the end of an answer, of the dialect's: "tool_calls" is "tool-calls".
/// A word that is not known stays what it is.
pub fn finish_reason(word: &str) -> &str {
    match word {
        "tool_calls" | "function_call" => "tool-calls",
        "content_filter" => "content-filter",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, Mode, ToolChoice};
    use crate::Json;

    #[test]
    fn every_form_of_a_choice_is_read() {
        let function = r#"{"type": "function", "function": {"name": "f"}}"#;
        let allowed = |mode| {
            let allowed = format!(r#"{{"mode": "{mode}", "tools": [{function}]}}"#);
            format!(r#"{{"type": "allowed_tools", "allowed_tools": {allowed}}}"#)
        };
        let named = || vec!["f".into()];
        for (json, mode, names) in [
            (r#""auto""#, Mode::Auto, Vec::new()),
            (r#""none""#, Mode::None, Vec::new()),
            (r#""required""#, Mode::Required, Vec::new()),
            (function, Mode::Required, named()),
            (&allowed("auto"), Mode::Auto, named()),
            (&allowed("required"), Mode::Required, named()),
        ] {
            let choice = ToolChoice::read(Json::read(json).unwrap());
            assert_eq!(choice, Ok(Some(ToolChoice { mode, names })), "{json}");
        }
        assert_eq!(ToolChoice::read(Json::Null), Ok(None));
        for wrong in ["7", r#""some""#, "{}", r#"{"type": "custom"}"#] {
            ToolChoice::read(Json::read(wrong).unwrap()).unwrap_err();
        }
    }

    #[test]
    fn every_form_of_an_answer_is_read() {
        let read = |json| Form::read(Json::read(json).unwrap());
        assert_eq!(read("null"), Ok(Form::Text));
        assert_eq!(read(r#"{"type": "text"}"#), Ok(Form::Text));
        assert_eq!(read(r#"{"type": "json_object"}"#), Ok(Form::Object));
        assert_eq!(read(r#"{"type": "json_schema", "json_schema": {}}"#), Ok(Form::Object));
        let schema =
            r#"{"type": "json_schema", "json_schema": {"name": "n", "schema": {"b": 1, "a": 2}}}"#;
        let Ok(Form::Schema(schema)) = read(schema) else { panic!("no schema") };
        assert_eq!(schema.to_string(), r#"{"b":1,"a":2}"#);
        assert!(read(r#"{"type": "grammar"}"#).is_err());
    }
}
