//! The conversation: the sender's messages as `contents`, and beside them what the system says.

use crate::request::{take, text, unsupported, wrong};
use portcullis_sdk::provider::Failure;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Stands where a call has no signature: in an answer of another model, or where the sender
/// does not send it back. Google's guide to thought signatures names it for this.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";
/// Where files lie that were uploaded to the API.
const FILES: &str = "https://generativelanguage.googleapis.com/v1beta/files/";
const FIELD: &str = "messages";

/// A conversation, in the API's form.
#[derive(Default)]
pub(crate) struct Conversation {
    /// What the system says.
    pub(crate) system: Vec<Value>,
    /// The turns.
    pub(crate) contents: Vec<Value>,
    /// Fields that have no place in it.
    pub(crate) dropped: Vec<&'static str>,
    /// The name of each function that was called, by the call's id.
    called: BTreeMap<String, Value>,
    /// The last turn holds what functions returned.
    returned: bool,
}

impl Conversation {
    /// Reads the messages. With `signed`, the model wants a signature at the first call of each
    /// of its turns.
    pub(crate) fn read(messages: Value, signed: bool) -> Result<Self, Failure> {
        let Value::Array(messages) = messages else { return Err(wrong(FIELD, "is no list")) };
        let mut conversation = Self::default();
        for message in messages {
            conversation.message(message, signed)?;
        }
        Ok(conversation)
    }

    fn message(&mut self, mut message: Value, signed: bool) -> Result<(), Failure> {
        let mut parts = Vec::new();
        match take(&mut message, "content") {
            Value::Null => {}
            Value::Array(said) => {
                for part in said {
                    parts.push(self.part(part)?);
                }
            }
            said => parts.push(json!({ "text": said })),
        }
        // Empty text says nothing, and the API refuses it.
        parts.retain(|part| part["text"] != "");
        match message["role"].as_str() {
            Some("system" | "developer") => self.system.append(&mut parts),
            Some("user") => {
                self.drop("messages.name", &message["name"]);
                self.turn("user", parts);
            }
            Some("assistant") => self.answer(&message, parts, signed)?,
            Some("tool") => self.result(&message, &parts)?,
            _ => return Err(wrong(FIELD, &format!("has the role {}", text(&message["role"])))),
        }
        Ok(())
    }

    fn drop(&mut self, name: &'static str, value: &Value) {
        if !value.is_null() && value != "auto" && !self.dropped.contains(&name) {
            self.dropped.push(name);
        }
    }

    /// A turn without a part is none to the API.
    fn turn(&mut self, role: &str, parts: Vec<Value>) {
        if !parts.is_empty() {
            self.contents.push(json!({ "role": role, "parts": parts }));
            self.returned = false;
        }
    }

    /// An answer of the model, with what has to come back to it as it was.
    fn answer(&mut self, message: &Value, parts: Vec<Value>, signed: bool) -> Result<(), Failure> {
        let google = &message["extra_content"]["google"];
        // What Google's own tools did came before what was made of it.
        let theirs = list(&google["parts"]).iter().filter(|part| part.is_object());
        let mut all: Vec<Value> = theirs.cloned().chain(parts).collect();
        if message["refusal"].is_string() {
            all.push(json!({ "text": message["refusal"] }));
        }
        // A signature of text belongs to its end.
        if let Some(last) = all.last_mut() {
            sign(last, &google["thought_signature"]);
        }
        for (index, call) in list(&message["tool_calls"]).iter().enumerate() {
            let Value::String(name) = &call["function"]["name"] else {
                return Err(wrong(FIELD, "has a call of no function"));
            };
            let args = match call["function"]["arguments"].as_str().map(str::trim) {
                None | Some("") => json!({}),
                Some(args) => serde_json::from_str(args).unwrap_or_default(),
            };
            if !args.is_object() {
                let what = format!("has a call of `{name}` whose arguments are no object");
                return Err(wrong(FIELD, &what));
            }
            let (id, name) = (&call["id"], &call["function"]["name"]);
            let mut part = json!({"functionCall": {"id": id, "name": name, "args": args}});
            sign(&mut part, &call["extra_content"]["google"]["thought_signature"]);
            if signed && index == 0 && part["thoughtSignature"].is_null() {
                sign(&mut part, &NO_SIGNATURE.into());
            }
            all.push(part);
            self.called.insert(id.as_str().unwrap_or_default().to_owned(), name.clone());
        }
        self.turn("model", all);
        Ok(())
    }

    /// What a function returned. The results of calls that were made at once belong into one
    /// turn: the API refuses them one by one.
    fn result(&mut self, message: &Value, parts: &[Value]) -> Result<(), Failure> {
        let id = message["tool_call_id"].as_str().unwrap_or_default();
        let name = self.called.get(id).unwrap_or(&message["name"]);
        if name.is_null() {
            return Err(wrong(FIELD, &format!("has a result of `{id}`, and no call of that id")));
        }
        let said: Option<String> = parts.iter().map(|part| part["text"].as_str()).collect();
        let said =
            said.ok_or_else(|| unsupported(FIELD, "results of functions that are no text"))?;
        let response = match serde_json::from_str(&said) {
            Ok(object @ Value::Object(_)) => object,
            _ => json!({ "output": said }),
        };
        let part = json!({"functionResponse": {"id": id, "name": name, "response": response}});
        let last = self.contents.last_mut().filter(|_| self.returned);
        match last.and_then(|turn| turn["parts"].as_array_mut()) {
            Some(parts) => parts.push(part),
            None => self.turn("user", vec![part]),
        }
        self.returned = true;
        Ok(())
    }

    fn part(&mut self, mut part: Value) -> Result<Value, Failure> {
        let kind = take(&mut part, "type");
        let mut held = take(&mut part, kind.as_str().unwrap_or_default());
        match kind.as_str() {
            Some("text" | "refusal") => Ok(json!({ "text": held })),
            Some("image_url") => {
                self.drop("messages.image_url.detail", &held["detail"]);
                media(take(&mut held, "url"))
            }
            Some("input_audio") => {
                let kind = format!("audio/{}", held["format"].as_str().unwrap_or("wav"));
                Ok(inline(&kind, take(&mut held, "data")))
            }
            Some("file") => {
                self.drop("messages.file.filename", &held["filename"]);
                match take(&mut held, "file_data") {
                    Value::Null => stored(&held["file_id"]),
                    data => media(data),
                }
            }
            _ => Err(unsupported(FIELD, &format!("parts of the type {}", text(&kind)))),
        }
    }
}

/// What stands behind a URL: the data itself, or an address that the API fetches.
fn media(url: Value) -> Result<Value, Failure> {
    let Value::String(mut url) = url else { return Err(wrong(FIELD, "has a URL that is none")) };
    if url.starts_with("data:") {
        const CODED: &str = ";base64,";
        let Some(end) = url.find(CODED) else {
            return Err(wrong(FIELD, "has a `data:` URL that is not base64"));
        };
        let data = url.split_off(end + CODED.len());
        let kind = url["data:".len()..].split(';').next().unwrap_or_default();
        return Ok(inline(kind, data.into()));
    }
    if !["https://", "http://", "gs://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(wrong(FIELD, "has a URL that is neither data:, http, https nor gs"));
    }
    let mut part = json!({"fileData": {"fileUri": url}});
    if let Some(kind) = kind(&url) {
        part["fileData"]["mimeType"] = kind.into();
    }
    Ok(part)
}

fn inline(kind: &str, data: Value) -> Value {
    json!({"inlineData": {"mimeType": kind, "data": data}})
}

/// A file that was uploaded to the API, by its name or its address.
fn stored(id: &Value) -> Result<Value, Failure> {
    let id = id.as_str().unwrap_or_default();
    let address = match id.strip_prefix("files/") {
        Some(name) => format!("{FILES}{name}"),
        None if id.contains("://") => id.to_owned(),
        None => return Err(unsupported(FIELD, "files that lie elsewhere")),
    };
    Ok(json!({"fileData": {"fileUri": address}}))
}

/// The type that an address's ending promises. Without one the API looks for itself.
fn kind(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next()?;
    Some(match path.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "pdf" => "application/pdf",
        "mp3" => "audio/mp3",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        _ => return None,
    })
}

fn sign(part: &mut Value, signature: &Value) {
    if !signature.is_null() {
        part["thoughtSignature"] = signature.clone();
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
