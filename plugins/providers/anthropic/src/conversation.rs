//! The sender's messages as this vendor's: what the system says apart from the turns, tools'
//! results in the user's turn, and one turn where several messages have the same role.

use portcullis_sdk::prelude::*;

/// Takes the messages of a request.
pub(crate) fn read<'a>(draft: &mut Draft<'a>) -> Result<Conversation<'a>, Failure> {
    let mut all = Conversation::default();
    for mut message in draft.take_messages(&["messages.file.filename"])? {
        let mark = message.rest.take("cache_control");
        let mut content = message.take_parts(block)?;
        let (mut role, id) = (message.role, message.answers.clone());
        if role == Role::Assistant {
            content = in_order(content, message);
        } else if role == Role::Tool {
            let result = object! { "type": "tool_result", "tool_use_id": id, "content": content };
            (role, content) = (Role::User, vec![result]);
        }
        if let Some(last) = content.last_mut() {
            last.set("cache_control", mark);
        }
        all.say(role, content);
    }
    // Somebody has to speak first; a sender that only instructs speaks through that.
    if all.turns.is_empty() {
        let words = std::mem::take(&mut all.system);
        all.say(Role::User, words);
    }
    Ok(all)
}

/// Whether the answer goes on with a turn whose thoughts did not come back.
pub(crate) fn forgot_its_thoughts(all: &Conversation<'_>) -> bool {
    let [.., (_, model), (_, tools)] = all.turns.as_slice() else { return false };
    tools[0]["type"] == "tool_result" && !is_signed(&model[0])
}

/// What an assistant said, with what it thought and called, in its order (see
/// `Answer::thought`). Thoughts of other vendors would be refused.
fn in_order<'a>(said: Vec<Json<'a>>, mut message: Message<'a>) -> Vec<Json<'a>> {
    let mut thoughts = message.rest.take("thinking_blocks").into_items();
    thoughts.retain(is_signed);
    let behind = |place: &Json<'a>| {
        let stood = thoughts.iter().filter(|it| it["after"] == *place).cloned();
        let mut stood: Vec<Json<'a>> = stood.collect();
        stood.iter_mut().for_each(|it| drop(it.take("after")));
        stood
    };
    let mut content = behind(&Json::Null);
    content.extend(said);
    content.extend(behind(&"text".into()));
    for call in message.calls {
        let behind = behind(&call.id);
        let (id, name, input) = (call.id, call.name, call.arguments);
        content.push(object! { "type": "tool_use", "id": id, "name": name, "input": input });
        content.extend(behind);
    }
    content
}

/// Whether a block is a thought that its maker will know again.
fn is_signed(block: &Json<'_>) -> bool {
    block["signature"].is_text() || block["type"] == "redacted_thinking"
}

/// A part of a message; null of a text that says nothing, because the vendor refuses that.
fn block(mut part: Part<'_>) -> Result<Json<'_>, Failure> {
    let (title, mark) = (part.beside.take("filename"), part.rest.take("cache_control"));
    let source = match part.content {
        Content::Text(words) if words.text().trim().is_empty() => return Ok(Json::Null),
        Content::Text(words) => {
            return Ok(object! { "type": "text", "text": words, "cache_control": mark });
        }
        Content::Inline { media_type, data } if part.kind != "input_audio" => {
            object! { "type": "base64", "media_type": media_type, "data": data }
        }
        Content::Address { url, .. } => object! { "type": "url", "url": url },
        _ => return Err(Part::unsupported(&part.kind)),
    };
    let kind = if part.kind == "file" { "document" } else { "image" };
    Ok(object! { "type": kind, "source": source, "title": title, "cache_control": mark })
}
