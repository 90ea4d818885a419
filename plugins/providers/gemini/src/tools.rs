//! Tools: functions that the sender runs, Google's search, and which of them is to be used.

use crate::request::{text, unsupported, wrong};
use crate::schema;
use portcullis_sdk::Request;
use portcullis_sdk::provider::Failure;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// What a request says of tools.
#[derive(Default)]
pub(crate) struct Tools {
    /// Declarations of functions: JSON in which the order of names is the sender's.
    functions: Vec<String>,
    /// The model may search the web.
    search: bool,
    /// The arguments of at least one function have to keep to its schema.
    strict: bool,
    choice: Value,
}

/// The schema of a function as it stands in the request.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Function<'a> {
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
}

impl Tools {
    /// Whether there is any.
    pub(crate) fn any(&self) -> bool {
        self.search || !self.functions.is_empty()
    }

    /// Takes the list of tools.
    pub(crate) fn declare(&mut self, tools: &Value, request: &Request) -> Result<bool, Failure> {
        let said = request.get("/tools", u32::MAX).unwrap_or_default();
        let said: Vec<Said<'_>> = serde_json::from_str(&said)
            .map_err(|error| wrong("tools", &format!("is no list of tools: {error}")))?;
        for (tool, said) in tools.as_array().into_iter().flatten().zip(said) {
            match tool["type"].as_str() {
                Some("function") => {
                    let schema = said.function.and_then(|function| function.parameters);
                    self.function(&tool["function"], schema.map(RawValue::get))?;
                }
                Some("web_search" | "web_search_preview" | "google_search") => self.search = true,
                _ => {
                    let what = format!("tools of the type {}", text(&tool["type"]));
                    return Err(unsupported("tools", &what));
                }
            }
        }
        Ok(true)
    }

    /// A schema that need not be kept to is advice, and goes as it is. One that has to be is
    /// held to what the API can.
    fn function(&mut self, function: &Value, schema: Option<&str>) -> Result<(), Failure> {
        let strict = function["strict"] == true;
        self.strict |= strict;
        let mut declaration = format!("{{\"name\":{}", text(&function["name"]));
        if function["description"].is_string() {
            declaration += &format!(",\"description\":{}", text(&function["description"]));
        }
        if let Some(schema) = schema {
            let kept = if strict { schema::accepted("tools", schema)? } else { schema.to_owned() };
            declaration += &format!(",\"parametersJsonSchema\":{kept}");
        }
        self.functions.push(declaration + "}");
        Ok(())
    }

    /// The dialect's own way to ask for a search. There is nothing to say about it here.
    pub(crate) fn search(&mut self, options: &Value) -> Result<bool, Failure> {
        self.search = true;
        Ok(options.as_object().is_some_and(|options| options.is_empty()))
    }

    /// Takes which of them are to be used.
    pub(crate) fn choose(&mut self, choice: Value) -> Result<bool, Failure> {
        self.choice = choice;
        Ok(true)
    }

    /// The list, in the API's form.
    pub(crate) fn json(&self) -> Option<String> {
        let search = self.search.then(|| "{\"googleSearch\":{}}".to_owned());
        let functions = (!self.functions.is_empty())
            .then(|| format!("{{\"functionDeclarations\":[{}]}}", self.functions.join(",")));
        let tools: Vec<String> = search.into_iter().chain(functions).collect();
        (!tools.is_empty()).then(|| format!("[{}]", tools.join(",")))
    }

    /// What is said of their use, if something is. A Gemini 3 can search and call functions in
    /// one answer, once it is told that the sender will see both.
    pub(crate) fn config(&self, third: bool) -> Result<Option<Value>, Failure> {
        let together = third && self.search;
        // In this mode, and in `ANY`, arguments keep to their schemas; beside a search there
        // is no `AUTO`.
        let auto = if self.strict || together { "VALIDATED" } else { "AUTO" };
        let name = |tool: &Value| tool["function"]["name"].clone();
        let choice = &self.choice;
        let allowed = &choice["allowed_tools"];
        let (mode, names) = match choice.as_str() {
            _ if self.functions.is_empty() => return Ok(None),
            Some("auto") => (auto, Vec::new()),
            Some("none") => ("NONE", Vec::new()),
            Some("required") => ("ANY", Vec::new()),
            None if choice.is_null() && auto == "AUTO" => return Ok(None),
            None if choice.is_null() => (auto, Vec::new()),
            None if choice["function"].is_object() => ("ANY", vec![name(choice)]),
            None if allowed.is_object() => {
                let names = allowed["tools"].as_array().into_iter().flatten().map(name);
                (if allowed["mode"] == "required" { "ANY" } else { "VALIDATED" }, names.collect())
            }
            _ => return Err(wrong("tool_choice", "is none that is known")),
        };
        let mut config = json!({"functionCallingConfig": {"mode": mode}});
        if !names.is_empty() {
            config["functionCallingConfig"]["allowedFunctionNames"] = names.into();
        }
        if together {
            config["includeServerSideToolInvocations"] = true.into();
        }
        Ok(Some(config))
    }
}
