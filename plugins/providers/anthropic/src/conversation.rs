//! The sender's messages as this vendor's: what the system says apart from the turns, tools'
//! results in the user's turn, and one turn where several messages have the same role.

use crate::failure::{invalid, unsupported};
use portcullis_sdk::provider::Failure;
use serde_json::{Value, json};

/// A conversation.
#[derive(Default)]
pub(crate) struct Conversation {
    pub(crate) system: Vec<Value>,
    pub(crate) turns: Vec<Value>,
}

impl Conversation {
    pub(crate) fn read(messages: Vec<Value>) -> Result<Self, Failure> {
        let mut all = Self::default();
        for message in messages {
            all.message(message)?;
        }
        // Somebody has to speak first; a sender that only instructs speaks through that.
        if all.turns.is_empty() && !all.system.is_empty() {
            let words = std::mem::take(&mut all.system);
            all.turn("user", words);
        }
        Ok(all)
    }

    fn message(&mut self, mut message: Value) -> Result<(), Failure> {
        let mut content = blocks(take(&mut message, "/content"))?;
        let role = match message["role"].as_str().unwrap_or_default() {
            "system" | "developer" => "system",
            "user" => "user",
            "assistant" => {
                content = in_order(content, &message)?;
                "assistant"
            }
            "tool" => {
                let mut result = json!({ "type": "tool_result" });
                result["tool_use_id"] = take(&mut message, "/tool_call_id");
                result["content"] = content.into();
                content = vec![result];
                "user"
            }
            other => return Err(unsupported(format!("this provider has no role {other:?}"))),
        };
        mark(content.last_mut(), &message);
        match role {
            "system" => self.system.extend(content),
            role => self.turn(role, content),
        }
        Ok(())
    }

    /// Adds to the turn that is on, if it has this role, or begins the next.
    fn turn(&mut self, role: &str, content: Vec<Value>) {
        let same = self.turns.last_mut().filter(|turn| turn["role"] == role);
        match same.and_then(|turn| turn["content"].as_array_mut()) {
            _ if content.is_empty() => {}
            Some(all) => all.extend(content),
            None => {
                let mut turn = json!({ "role": role });
                turn["content"] = content.into();
                self.turns.push(turn);
            }
        }
    }

    /// Whether the answer goes on with a turn whose thoughts did not come back.
    pub(crate) fn forgot_its_thoughts(&self) -> bool {
        let [.., model, tools] = self.turns.as_slice() else { return false };
        tools["content"][0]["type"] == "tool_result" && !is_signed(&model["content"][0])
    }
}

/// What an assistant said, with what it thought and called, in its order (see
/// `Answer::thought`). Thoughts of other vendors would be refused.
fn in_order(said: Vec<Value>, message: &Value) -> Result<Vec<Value>, Failure> {
    let thoughts = message["thinking_blocks"].as_array().into_iter().flatten();
    let thoughts: Vec<&Value> = thoughts.filter(|thought| is_signed(thought)).collect();
    let behind = |place: &Value| {
        let mut stood: Vec<Value> = Vec::new();
        stood.extend(thoughts.iter().filter(|it| it["after"] == *place).copied().cloned());
        stood.iter_mut().filter_map(Value::as_object_mut).for_each(|it| drop(it.remove("after")));
        stood
    };
    let mut content = behind(&Value::Null);
    content.extend(said);
    content.extend(text(message["refusal"].clone()));
    content.extend(behind(&"text".into()));
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        let (id, function) = (&call["id"], &call["function"]);
        let (name, input) = (&function["name"], input(&function["arguments"])?);
        content.push(json!({ "type": "tool_use", "id": id, "name": name, "input": input }));
        content.extend(behind(id));
    }
    Ok(content)
}

/// Whether a block is a thought that its maker will know again.
fn is_signed(block: &Value) -> bool {
    block["signature"].is_string() || block["type"] == "redacted_thinking"
}

/// The arguments of a call, which this vendor wants as an object.
fn input(arguments: &Value) -> Result<Value, Failure> {
    let json = arguments.as_str().filter(|json| !json.trim().is_empty()).unwrap_or("{}");
    let input: Option<Value> = serde_json::from_str(json).ok().filter(Value::is_object);
    input.ok_or_else(|| invalid("the `arguments` of a call are not a JSON object"))
}

fn blocks(content: Value) -> Result<Vec<Value>, Failure> {
    match content {
        Value::Null => Ok(Vec::new()),
        Value::String(_) => Ok(text(content).into_iter().collect()),
        Value::Array(parts) => parts.into_iter().filter_map(|it| block(it).transpose()).collect(),
        _ => Err(invalid("a message's `content` is neither a text nor a list of parts")),
    }
}

fn block(mut part: Value) -> Result<Option<Value>, Failure> {
    let mut block = match part["type"].as_str().unwrap_or_default() {
        "text" => text(take(&mut part, "/text")),
        "refusal" => text(take(&mut part, "/refusal")),
        "image_url" => Some(sourced("image", take(&mut part, "/image_url/url"))?),
        "file" => {
            let mut document = sourced("document", take(&mut part, "/file/file_data"))?;
            if let Some(title) = part["file"].get("filename") {
                document["title"] = title.clone();
            }
            Some(document)
        }
        kind => return Err(unsupported(format!("this provider takes no part of type {kind:?}"))),
    };
    mark(block.as_mut(), &part);
    Ok(block)
}

/// Words; none where there are none, because the vendor refuses an empty block.
fn text(words: Value) -> Option<Value> {
    words.as_str().filter(|words| !words.trim().is_empty())?;
    let mut block = json!({ "type": "text" });
    block["text"] = words;
    Some(block)
}

/// A block of what is at an address, or of what is in a `data:` URL.
fn sourced(kind: &str, url: Value) -> Result<Value, Failure> {
    let Value::String(mut url) = url else {
        return Err(unsupported(format!("this provider needs a {kind}'s address or its data")));
    };
    let mut block = json!({ "type": kind });
    let parts = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    if let Some((kind, data)) = parts {
        block["source"] = json!({ "type": "base64", "media_type": kind });
        url.drain(..url.len() - data.len());
        block["source"]["data"] = url.into();
    } else if url.starts_with("http") {
        block["source"] = json!({ "type": "url", "url": url });
    } else {
        let message = "an image or file is neither an address nor a `data:` URL in base64";
        return Err(invalid(message));
    }
    Ok(block)
}

/// Marks a block for the cache, as the message or the part that it is of was.
fn mark(block: Option<&mut Value>, of: &Value) {
    if let (Some(block), Some(mark)) = (block, of.get("cache_control")) {
        block["cache_control"] = mark.clone();
    }
}

/// What is at a pointer, moved: it may be an image of megabytes.
fn take(value: &mut Value, pointer: &str) -> Value {
    value.pointer_mut(pointer).map_or(Value::Null, Value::take)
}
