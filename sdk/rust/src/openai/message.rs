//! The messages of a chat request, taken apart as far as every provider of another dialect needs
//! it. What is left of a message, a part or a call stays with it, for who has a place for it.

mod conversation;
mod part;
#[cfg(test)]
mod tests;

pub use conversation::Conversation;
pub use part::{Content, Part};

use crate::Json;
use crate::provider::Failure;
use std::borrow::Cow;

const FIELD: &str = "messages";

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message<'a> {
    /// Whose it is.
    pub role: Role,
    /// What it says; a refusal of an assistant comes last.
    pub parts: Vec<Part<'a>>,
    /// The tools that an assistant called.
    pub calls: Vec<ToolCall<'a>>,
    /// The call that a tool's message answers: its id.
    pub answers: Json<'a>,
    /// The name of the tool whose message it is: that of the newest call of this id, or else the
    /// one that the message gives itself. Of another message, who says it.
    pub name: Json<'a>,
    /// Whatever else it holds.
    pub rest: Json<'a>,
}

/// Whose a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The instructions: "system", or "developer".
    System,
    /// The sender.
    User,
    /// The model.
    Assistant,
    /// A tool, with its result.
    Tool,
}

impl Role {
    /// The dialect's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// A call that the model made.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall<'a> {
    /// Names it, so that the tool's message can.
    pub id: Json<'a>,
    /// The tool's name.
    pub name: Json<'a>,
    /// The arguments: an object, unread.
    pub arguments: Json<'a>,
    /// Whatever else it holds.
    pub rest: Json<'a>,
}

impl<'a> Message<'a> {
    /// Reads the messages of a request; none where it has none.
    pub fn read_all(messages: Json<'a>) -> Result<Vec<Self>, Failure> {
        let messages = match messages {
            Json::Null => Vec::new(),
            Json::List(messages) => messages,
            _ => return Err(wrong("is no list")),
        };
        let mut read: Vec<Self> = Vec::with_capacity(messages.len());
        for message in messages {
            let mut message = Self::read(message)?;
            if message.role == Role::Tool {
                let mut calls = read.iter().rev().flat_map(|before| &before.calls);
                let called = calls.find(|call| call.id == message.answers);
                message.name = called.map_or(message.name, |call| call.name.clone());
            }
            read.push(message);
        }
        Ok(read)
    }

    fn read(mut message: Json<'a>) -> Result<Self, Failure> {
        let role = message.take("role");
        let role = match &*role.text() {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" => Role::Tool,
            _ => {
                let message = format!("this provider has no role {role} in `{FIELD}`");
                return Err(Failure::unsupported(FIELD, message));
            }
        };
        let mut parts = Part::read_all(message.take("content"))?;
        let refusal = message.take("refusal");
        parts.extend((!refusal.is_null()).then(|| Part::text(refusal)));
        let calls = message.take("tool_calls").into_items().into_iter().map(ToolCall::read);
        let calls = calls.collect::<Result<_, _>>()?;
        let (answers, name) = (message.take("tool_call_id"), message.take("name"));
        Ok(Self { role, parts, calls, answers, name, rest: message })
    }

    /// The names of what the sender says beside it, which few upstreams have a place for:
    /// "messages.name", "messages.image_url.detail". What a model or a tool said has a name for
    /// the sender's own use.
    pub(crate) fn beside(&self) -> impl Iterator<Item = String> {
        let theirs = matches!(self.role, Role::System | Role::User) && !self.name.is_null();
        let name = theirs.then(|| format!("{FIELD}.name"));
        let beside = self.parts.iter().flat_map(|part| {
            let fields = part.beside.fields().iter();
            let said = fields.filter(|(_, value)| !value.is_null() && *value != "auto");
            said.map(|(name, _)| format!("{FIELD}.{}.{name}", part.kind))
        });
        name.into_iter().chain(beside)
    }

    /// Takes its parts, each in the upstream's form; one that is null is none.
    pub fn take_parts(
        &mut self,
        form: impl FnMut(Part<'a>) -> Result<Json<'a>, Failure>,
    ) -> Result<Vec<Json<'a>>, Failure> {
        let parts = std::mem::take(&mut self.parts).into_iter().map(form);
        parts.filter(|part| !matches!(part, Ok(Json::Null))).collect()
    }

    /// The text of all its parts, [`joined`]. One that is something else is refused as
    /// unsupported.
    pub fn text(&self) -> Result<String, Failure> {
        let words = |part: &Part<'a>| match &part.content {
            Content::Text(words) => Ok(words.clone()),
            _ => Err(Part::unsupported(&part.kind)),
        };
        let words = self.parts.iter().map(words).collect::<Result<_, _>>()?;
        Ok(joined(words).into_text().into_owned())
    }
}

/// The texts of one message as one, with an empty line between them: what is said of a document
/// must not run on from its last word. One by itself stays as it was written.
pub fn joined(mut texts: Vec<Json<'_>>) -> Json<'_> {
    if texts.len() < 2 {
        return texts.pop().unwrap_or_default();
    }
    let said = texts.iter().map(Json::text).filter(|words| !words.is_empty());
    said.collect::<Vec<_>>().join("\n\n").into()
}

impl<'a> ToolCall<'a> {
    fn read(mut call: Json<'a>) -> Result<Self, Failure> {
        let (id, mut function) = (call.take("id"), call.take("function"));
        let name = function.take("name");
        if !name.is_text() {
            return Err(wrong("has a call of no function"));
        }
        let arguments = match function.take("arguments") {
            object @ Json::Object(_) => object,
            text => match text.text().trim() {
                "" => Json::object([]),
                json if Json::read(json).is_ok_and(|json| json.is_object()) => {
                    Json::Raw(Cow::Owned(json.to_owned()))
                }
                _ => {
                    let what = format!("has a call of {name} whose arguments are no JSON object");
                    return Err(wrong(&what));
                }
            },
        };
        Ok(Self { id, name, arguments, rest: call })
    }
}

fn wrong(what: &str) -> Failure {
    Failure::invalid(FIELD, format!("`{FIELD}` {what}"))
}
