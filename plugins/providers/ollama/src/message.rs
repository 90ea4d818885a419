//! The messages of a conversation, made Ollama's: images apart from the text and without their
//! `data:` wrapping, arguments of tools as objects, results with the name of their tool.

use crate::{invalid, unsupported};
use portcullis_sdk::provider::Failure;
use serde_json::{Map, Value};

/// A message in either form.
pub(crate) type Message = Map<String, Value>;

/// The calls of tools so far: id, name of the tool. Ids may repeat from turn to turn, and then
/// the newest call is meant.
type Calls = Vec<(Value, Value)>;

/// What has no place there is named in `dropped`.
pub(crate) fn translated(
    said: Vec<Message>,
    dropped: &mut Vec<String>,
) -> Result<Vec<Message>, Failure> {
    let mut calls = Calls::new();
    said.into_iter().map(|message| one(message, &mut calls, dropped)).collect()
}

fn one(said: Message, calls: &mut Calls, dropped: &mut Vec<String>) -> Result<Message, Failure> {
    let mut sent = Message::new();
    let mut put = |name: &str, value| drop(sent.insert(name.to_owned(), value));
    let result = said.get("role").is_some_and(|role| role == "tool");
    for (name, value) in said {
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            ("role", role) if role == "developer" => put("role", "system".into()),
            ("content", Value::Array(parts)) => {
                let (text, images) = text_and_images(parts)?;
                put("content", text.into());
                put("images", images.into());
            }
            ("tool_calls", Value::Array(mut list)) => {
                list.iter_mut().try_for_each(|call| read_arguments(call, calls))?;
                put("tool_calls", list.into());
            }
            ("name", tool) if result => put("tool_name", tool),
            ("tool_call_id", id) if result => {
                let call = calls.iter().rev().find(|(known, _)| *known == id);
                call.into_iter().for_each(|(_, tool)| put("tool_name", tool.clone()));
                put("tool_call_id", id);
            }
            ("reasoning_content", thoughts) => put("thinking", thoughts),
            ("role" | "content", value) => put(&name, value),
            _ => dropped.push(format!("messages.{name}")),
        }
    }
    Ok(sent)
}

/// Makes an object of a call's arguments, and notes the call.
fn read_arguments(call: &mut Value, calls: &mut Calls) -> Result<(), Failure> {
    let part = |pointer| call.pointer(pointer).cloned().unwrap_or_default();
    let (id, name, text) = (part("/id"), part("/function/name"), part("/function/arguments"));
    let text = text.as_str().filter(|text| !text.trim().is_empty()).unwrap_or("{}");
    let Ok(Value::Object(object)) = serde_json::from_str(text) else {
        return Err(invalid(format!("the arguments of the call of {name} are no JSON object")));
    };
    if let Some(arguments) = call.pointer_mut("/function/arguments") {
        *arguments = object.into();
    }
    calls.push((id, name));
    Ok(())
}

fn text_and_images(parts: Vec<Value>) -> Result<(String, Vec<Value>), Failure> {
    let (mut text, mut images) = (String::new(), Vec::new());
    for mut part in parts {
        let url = part.pointer_mut("/image_url/url").map(Value::take);
        match (part.get("type").and_then(Value::as_str).unwrap_or_default(), url) {
            ("text", _) => text += part.get("text").and_then(Value::as_str).unwrap_or_default(),
            ("image_url", Some(Value::String(url))) => images.push(inline(url)?.into()),
            ("input_audio", _) => return unsupported("Ollama takes no audio in a chat"),
            (other, _) => return unsupported(format!("Ollama takes no {other:?} in a chat")),
        }
    }
    Ok((text, images))
}

/// The base64 of an image that comes with the request.
fn inline(mut url: String) -> Result<String, Failure> {
    if !url.starts_with("data:") {
        return unsupported("Ollama fetches no images: send it as a data: URL, in base64");
    }
    let Some((wrapping, _)) = url.split_once(";base64,") else {
        return Err(invalid("an image's data: URL is not in base64"));
    };
    // In place: an image may be most of a sandbox's memory.
    url.drain(..wrapping.len() + ";base64,".len());
    Ok(url)
}
