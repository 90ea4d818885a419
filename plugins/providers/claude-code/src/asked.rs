//! What is asked of the command: its parameters, and what it reads.
//!
//! The body's fields are gone through one by one, and what no arm takes is named as dropped: so
//! none is ignored in silence.

use crate::failure::{invalid, unsupported};
use crate::prompt::Prompt;
use crate::settings::Settings;
use portcullis_sdk::Request;
use portcullis_sdk::provider::{Failure, FailureKind};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of one argument. Linux takes 128 KiB of each, with what the operator wrote around it.
const LONGEST_ARGUMENT: usize = 120_000;
/// Bytes that Claude Code reads: "Piped stdin is capped at 10MB".
const LONGEST_STDIN: usize = 10_000_000;

/// What is asked.
#[derive(Default)]
pub(crate) struct Asked {
    /// What goes into the command's holes.
    pub(crate) parameters: Vec<(String, String)>,
    /// The conversation.
    pub(crate) stdin: String,
    /// The names of what the sender asked for and the command line has no word for.
    pub(crate) dropped: BTreeSet<String>,
    /// What the answer has to fit.
    pub(crate) schema: Option<String>,
    effort: Option<String>,
}

/// The fields of an object, unread: a schema has its properties in the order in which the model
/// is to fill them in.
type Fields = BTreeMap<String, Box<RawValue>>;

/// The form of the answer, as far as it is read.
#[derive(Deserialize)]
struct Format {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    json_schema: Fields,
}

impl Asked {
    pub(crate) fn of(settings: &Settings, request: &Request) -> Result<Self, Failure> {
        let fields: Fields = read("body", &request.body())?;
        let no_tools = fields.get("tool_choice").is_some_and(|it| it.get() == r#""none""#);
        let mut asked = Self::default();
        let mut prompt = Prompt::default();
        for (name, value) in &fields {
            let idle = value.get() == "null" || (no_tools && name == "tools");
            if !idle && !asked.take(name, value.get(), &mut prompt)? {
                asked.dropped.insert(name.clone());
            }
        }
        asked.dropped.append(&mut prompt.dropped);
        asked.hand_over(settings, request.model(), &prompt)?;
        Ok(asked)
    }

    /// Takes one field of a request; false where there is no place for it.
    fn take(&mut self, name: &str, value: &str, prompt: &mut Prompt) -> Result<bool, Failure> {
        match (name, value) {
            // The host's part.
            ("model" | "stream" | "stream_options" | "metadata", _) => {}
            // What is so in any event.
            ("n", "1") | ("logprobs" | "store", "false") | ("tools" | "functions", "[]") => {}
            ("tool_choice", r#""auto""# | r#""none""#) | ("parallel_tool_calls", _) => {}
            ("modalities", r#"["text"]"#) => {}
            ("n", _) => {
                let failure = unsupported("Claude Code gives one answer: `n` can only be 1");
                // The host then asks for each.
                return Err(Failure { extra: vec![("param".into(), r#""n""#.into())], ..failure });
            }
            ("tools" | "functions", _) => return Err(unsupported("Claude Code takes no tools")),
            ("messages", messages) => prompt.read(read(name, messages)?)?,
            ("response_format", format) => return self.format(read(name, format)?),
            ("reasoning_effort", effort) => {
                let effort = match effort.trim_matches('"') {
                    // At the lower end the sender has a word more.
                    "minimal" => "low",
                    known @ ("low" | "medium" | "high" | "xhigh" | "max") => known,
                    _ => return Ok(false),
                };
                self.effort = Some(effort.to_owned());
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn format(&mut self, mut format: Format) -> Result<bool, Failure> {
        let schema = format.json_schema.remove("schema");
        self.schema = match (format.kind.as_str(), schema) {
            ("text", _) => None,
            ("json_schema", Some(schema)) => Some(schema.get().to_owned()),
            ("json_schema" | "json_object", _) => Some(r#"{"type":"object"}"#.to_owned()),
            _ => return Ok(false),
        };
        Ok(true)
    }

    /// Puts everything where the command takes it.
    fn hand_over(&mut self, by: &Settings, model: String, prompt: &Prompt) -> Result<(), Failure> {
        self.stdin = prompt.text();
        let said = prompt.instructions().or_else(|| by.instructions.clone());
        let fits = |said: &String| !by.instructions_on_stdin && said.len() <= LONGEST_ARGUMENT;
        if let Some(said) = said.as_ref().filter(|said| !fits(said)) {
            self.stdin = format!("<instructions>\n{said}\n</instructions>\n\n{}", self.stdin);
        }
        if self.stdin.len() > LONGEST_STDIN {
            let message = "the conversation is longer than the 10 MB that Claude Code reads";
            return Err(Failure::new(FailureKind::ContextTooLong, message));
        }
        let (effort, schema) = (self.effort.take(), self.schema.clone());
        let holes = [("model", Some(model)), ("system", said.filter(fits)), ("effort", effort)];
        for (hole, value) in holes.into_iter().chain([("schema", schema)]) {
            let Some(value) = value else { continue };
            if value.contains('\0') {
                return Err(invalid(format!("the request's {hole} holds the character U+0000")));
            }
            if value.len() > LONGEST_ARGUMENT {
                return Err(unsupported(format!("the {hole} is too long for a command line")));
            }
            self.parameters.push((hole.to_owned(), value));
        }
        Ok(())
    }
}

/// Reads a part of the request. The error names the place and not what stood there.
fn read<T: DeserializeOwned>(what: &str, json: &str) -> Result<T, Failure> {
    serde_json::from_str(json).map_err(|error| {
        invalid(format!("the request's {what} cannot be read (column {})", error.column()))
    })
}
