//! The messages of a conversation, made Ollama's: images apart from the text and without their
//! `data:` wrapping, arguments of tools as objects, results with the name of their tool.

use portcullis_sdk::prelude::*;

/// Takes the messages of a request.
pub(crate) fn translated<'a>(draft: &mut Draft<'a>) -> Result<Vec<Json<'a>>, Failure> {
    let mut all = Vec::new();
    for mut message in draft.take_messages(&[])? {
        let thoughts = message.rest.take("reasoning_content");
        for (name, value) in message.rest.fields() {
            if !value.is_nothing() {
                draft.lose(format!("messages.{name}"));
            }
        }
        let (role, result) = (message.role.word(), message.role == Role::Tool);
        let (content, images) = text_and_images(std::mem::take(&mut message.parts))?;
        let calls = message.calls.into_iter().map(|call| {
            let function = object! { "name": call.name, "arguments": call.arguments };
            call.rest.with("id", call.id).with("function", function)
        });
        all.push(object! {
            "role": role,
            "content": content,
            "images": Json::List(images).something(),
            "thinking": thoughts,
            "tool_calls": calls.collect::<Json<'_>>().something(),
            "tool_name": message.name.filter(|_| result),
            "tool_call_id": message.answers,
        });
    }
    Ok(all)
}

/// The text of all parts, where there is any, and the base64 of images that came with the request.
fn text_and_images(parts: Vec<Part<'_>>) -> Result<(Json<'_>, Vec<Json<'_>>), Failure> {
    let (mut texts, mut images) = (Vec::new(), Vec::new());
    for part in parts {
        match part.content {
            Content::Text(words) => texts.push(words),
            Content::Inline { data, .. } if part.kind == "image_url" => images.push(data),
            Content::Address { .. } if part.kind == "image_url" => {
                let message = "Ollama fetches no images: send it as a data: URL, in base64";
                return Err(Failure::unsupported("messages", message));
            }
            _ => return Err(Part::unsupported(&part.kind)),
        }
    }
    Ok((joined(texts), images))
}
