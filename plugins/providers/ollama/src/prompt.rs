//! A conversation as one prompt, for `/api/generate`. There the model's own template is put
//! around it, as around the words of a user: so a single message is sent as it is, and several
//! are written down as a play is.

use crate::message::Message;
use serde_json::Value;

/// The prompt, the instructions that stand apart from it, and the images of both.
pub(crate) fn of(messages: Vec<Message>) -> [(&'static str, Value); 3] {
    let (mut system, mut said, mut images) = (Vec::new(), Vec::new(), Vec::new());
    for mut message in messages {
        if let Some(Value::Array(more)) = message.remove("images") {
            images.extend(more);
        }
        let part = |name| message.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        match (part("role"), part("content")) {
            (role, words) if role == "system" => system.push(words),
            line => said.push(line),
        }
    }
    let prompt = match said.as_slice() {
        [(_, words)] => words.clone(),
        _ => said.iter().map(|(who, words)| format!("{who}: {words}\n\n")).collect(),
    };
    let (prompt, system) = (prompt.into(), system.join("\n\n").into());
    [("prompt", prompt), ("system", system), ("images", images.into())]
}
