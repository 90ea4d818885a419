//! The conversation, as items: what was said, what was called, and what came of it.

use super::request::raised;
use super::thoughts;
use crate::provider::Failure;
use crate::{Json, object};

const FIELD: &str = "messages";

/// The items of a chat's messages; null of none. With what this model thought, where it is named.
pub(super) fn of<'a>(messages: Json<'a>, thinker: Option<&str>) -> Result<Json<'a>, Failure> {
    let messages = match messages {
        Json::Null => return Ok(Json::Null),
        Json::List(messages) if messages.iter().all(Json::is_object) => messages,
        _ => return Err(Failure::invalid(FIELD, format!("`{FIELD}` is no list of messages"))),
    };
    let mut items = Vec::with_capacity(messages.len());
    for message in messages {
        add(message, thinker, &mut items)?;
    }
    Ok(Json::List(items))
}

fn add<'a>(
    mut message: Json<'a>,
    thinker: Option<&str>,
    items: &mut Vec<Json<'a>>,
) -> Result<(), Failure> {
    let (role, content) = (message.take("role"), message.take("content"));
    match &*role.text() {
        "system" | "developer" | "user" => {
            let content = parts(content, "input_text")?;
            items.push(object! { "role": &role, "content": content });
        }
        "assistant" => {
            items.extend(thoughts::given_back(&mut message, thinker));
            let content = parts(content, "output_text")?;
            let refusal = message.take("refusal");
            let declined = object! { "type": "refusal", "refusal": &refusal };
            let declined = Json::List(vec![declined]).filter(|_| refusal.is_text());
            for content in [content.something(), declined] {
                items.extend((!content.is_null()).then(|| said(&role, content)));
            }
            for mut call in message.take("tool_calls").into_items() {
                items.extend(thoughts::given_back(&mut call, thinker));
                let (id, mut function) = (call.take("id"), call.take("function"));
                let [name, arguments] = ["name", "arguments"].map(|name| function.take(name));
                items.push(object! {
                    "type": "function_call", "call_id": id, "name": name, "arguments": arguments,
                });
            }
        }
        "tool" => items.push(object! {
            "type": "function_call_output",
            "call_id": message.take("tool_call_id"),
            "output": parts(content, "input_text")?,
        }),
        _ => {
            let message = format!("this provider has no role {role}");
            return Err(Failure::unsupported(FIELD, message));
        }
    }
    Ok(())
}

fn said<'a>(role: &Json<'a>, content: Json<'a>) -> Json<'a> {
    object! { "role": role, "content": content }
}

/// What a message says: a text as it is, or its parts under their names there, of which this is a
/// text's.
fn parts<'a>(content: Json<'a>, text: &'static str) -> Result<Json<'a>, Failure> {
    let Json::List(parts) = content else { return Ok(content) };
    parts.into_iter().map(|it| part(it, text)).collect()
}

fn part<'a>(mut part: Json<'a>, text: &'static str) -> Result<Json<'a>, Failure> {
    let kind = part.take("type");
    let kind = match &*kind.text() {
        "text" => text,
        "refusal" => "refusal",
        "image_url" => {
            let mut image = part.take("image_url");
            part.set("detail", image.take("detail").or("auto"));
            // Some clients write the address alone.
            part.set("image_url", image.take("url").or(image));
            "input_image"
        }
        "file" => {
            part = raised(part, "file");
            "input_file"
        }
        other => {
            let message = format!("the Responses API takes no {other:?} in a message");
            return Err(Failure::unsupported(FIELD, message));
        }
    };
    Ok(part.with("type", kind))
}
