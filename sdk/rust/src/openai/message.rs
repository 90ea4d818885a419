//! The messages of a chat request, taken apart as far as every provider of another dialect needs
//! it. What is left of a message, a part or a call stays with it, for who has a place for it.

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

/// One part of what a message says.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<'a> {
    /// "text", "refusal", "image_url", "input_audio", "file"…
    pub kind: Cow<'a, str>,
    /// What it says, shows or plays.
    pub content: Content<'a>,
    /// What else stands under the kind's name: an image's `detail`, a file's `filename`.
    pub beside: Json<'a>,
    /// Whatever else the part holds.
    pub rest: Json<'a>,
}

/// What a part of a message says, shows or plays.
#[derive(Debug, Clone, PartialEq)]
pub enum Content<'a> {
    /// Words, or words in which the model declined.
    Text(Json<'a>),
    /// An image, a sound or a file that came with the request.
    Inline {
        /// What it is: "image/png".
        media_type: Json<'a>,
        /// Its bytes, in base64.
        data: Json<'a>,
    },
    /// An image or a file at an address.
    Address {
        /// A URL whose scheme is http, https or gs.
        url: Json<'a>,
        /// What its ending promises that it is.
        media_type: Option<&'static str>,
    },
    /// A file that was stored somewhere before, by its id.
    Stored(Json<'a>),
    /// Something else; what it is stands in `beside`.
    Other,
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

    /// The text of all its parts. One that is something else is refused as unsupported.
    pub fn text(&self) -> Result<String, Failure> {
        let words = |part: &Part<'a>| match &part.content {
            Content::Text(words) => Ok(words.text().into_owned()),
            _ => Err(Part::unsupported(&part.kind)),
        };
        self.parts.iter().map(words).collect()
    }
}

impl<'a> Part<'a> {
    fn text(words: Json<'a>) -> Self {
        let nothing = Json::object([]);
        let (kind, content) = (Cow::Borrowed("text"), Content::Text(words));
        Self { kind, content, beside: nothing.clone(), rest: nothing }
    }

    fn read_all(content: Json<'a>) -> Result<Vec<Self>, Failure> {
        match content {
            Json::Null => Ok(Vec::new()),
            Json::Text(_) => Ok(vec![Self::text(content)]),
            Json::List(parts) => parts.into_iter().map(Self::read).collect(),
            _ => Err(wrong("has a `content` that is neither a text nor a list of parts")),
        }
    }

    fn read(mut part: Json<'a>) -> Result<Self, Failure> {
        if part.is_text() {
            return Ok(Self::text(part));
        }
        let kind = part.take("type").into_text();
        let mut beside = part.take(&kind);
        let content = match &*kind {
            "text" | "refusal" => Content::Text(std::mem::take(&mut beside)),
            "image_url" => Content::of(beside.take("url"))?,
            "input_audio" => {
                let format = beside.take("format").some_text().unwrap_or("wav".to_owned());
                let media_type = format!("audio/{format}").into();
                Content::Inline { media_type, data: beside.take("data") }
            }
            "file" => match beside.take("file_data") {
                Json::Null => Content::Stored(beside.take("file_id")),
                data => Content::of(data)?,
            },
            _ => Content::Other,
        };
        Ok(Self { kind, content, beside, rest: part })
    }

    /// The failure of a provider that has no place for a part of this kind.
    pub fn unsupported(kind: &str) -> Failure {
        let message = format!("this provider has no place for this part of the type {kind:?}");
        Failure::unsupported(FIELD, message)
    }
}

impl<'a> Content<'a> {
    /// Takes an address, or a `data:` URL apart. Nothing is copied of what is borrowed.
    fn of(url: Json<'a>) -> Result<Self, Failure> {
        /// Behind it come the bytes.
        const CODED: &str = ";base64,";
        /// What an upstream may fetch.
        const FETCHED: [&str; 3] = ["https://", "http://", "gs://"];
        let Json::Text(text) = url else { return Err(wrong("has a URL that is none")) };
        if !text.starts_with("data:") {
            let url = Json::Text(text);
            if !FETCHED.iter().any(|scheme| url.text().starts_with(scheme)) {
                return Err(wrong("has a URL that is neither data:, http, https nor gs"));
            }
            let media_type = promised(&url.text());
            return Ok(Self::Address { url, media_type });
        }
        let Some(end) = text.find(CODED) else {
            return Err(wrong("has a `data:` URL that is not base64"));
        };
        let media_type = text["data:".len()..end].split(';').next().unwrap_or_default();
        let media_type = media_type.replace("\\/", "/").into();
        let data = match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[end + CODED.len()..]),
            Cow::Owned(text) => Cow::Owned(text[end + CODED.len()..].to_owned()),
        };
        Ok(Self::Inline { media_type, data: Json::Text(data) })
    }
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

/// A conversation in the form of most other dialects: what the system says by itself, and turns
/// that differ from each other in who speaks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conversation<'a> {
    /// What the system says.
    pub system: Vec<Json<'a>>,
    /// The turns, each with its parts in the upstream's form.
    pub turns: Vec<(Role, Vec<Json<'a>>)>,
}

impl<'a> Conversation<'a> {
    /// Adds to what the system says, to the turn that is on, or as the next turn. Nothing is no
    /// turn.
    pub fn say(&mut self, role: Role, parts: Vec<Json<'a>>) {
        match self.turns.last_mut() {
            _ if role == Role::System => self.system.extend(parts),
            _ if parts.is_empty() => {}
            Some((present, all)) if *present == role => all.extend(parts),
            _ => self.turns.push((role, parts)),
        }
    }

    /// Takes the turns, as objects: whose one is, as the upstream calls the model, and its parts under
    /// this name. What is not the model's is the user's.
    pub fn take_turns(&mut self, model: &'a str, parts: &'a str) -> Json<'a> {
        let turn = |(role, all)| {
            let role = if role == Role::Assistant { model } else { "user" };
            Json::object([("role", role.into()), (parts, Json::List(all))])
        };
        std::mem::take(&mut self.turns).into_iter().map(turn).collect()
    }
}

/// The media type that an address's ending promises.
fn promised(url: &str) -> Option<&'static str> {
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

fn wrong(what: &str) -> Failure {
    Failure::invalid(FIELD, format!("`{FIELD}` {what}"))
}

#[cfg(test)]
mod tests {
    use super::{Content, Conversation, Message, Role};
    use crate::Json;
    use std::borrow::Cow;

    fn read(messages: &str) -> Result<Vec<Message<'_>>, String> {
        Message::read_all(Json::read(messages).unwrap()).map_err(|failure| failure.message)
    }

    #[test]
    fn messages_are_taken_apart_and_lose_nothing() {
        let messages = read(
            r#"[{"role": "developer", "content": "Be brief.", "cache_control": 1},
                {"role": "assistant", "content": null, "refusal": "No.", "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}, "extra_content": 2},
                    {"id": "d", "function": {"name": "g", "arguments": " "}}]},
                {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "3", "mark": 4}, "°"]}]"#,
        )
        .unwrap();
        let [system, assistant, tool] = messages.as_slice() else { panic!("{messages:?}") };
        assert_eq!((system.role, system.text().unwrap()), (Role::System, "Be brief.".to_owned()));
        assert_eq!(system.rest.to_string(), r#"{"cache_control":1}"#);
        assert_eq!(assistant.text().unwrap(), "No.");
        assert_eq!(assistant.calls[0].arguments.to_string(), r#"{"x": 1}"#);
        assert_eq!(assistant.calls[0].rest["extra_content"].as_u64(), Some(2));
        assert_eq!(assistant.calls[1].arguments.to_string(), "{}");
        assert_eq!((&tool.name, tool.text().unwrap()), (&Json::from("f"), "3°".to_owned()));
        assert_eq!(tool.parts[0].rest["mark"].as_u64(), Some(4));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (messages, words) in [
            ("{}", "`messages` is no list"),
            (r#"[{"role": "narrator"}]"#, "no role \"narrator\""),
            (r#"[{}]"#, "no role null"),
            (r#"[{"role": "user", "content": 7}]"#, "neither a text nor a list of parts"),
            (r#"[{"role": "assistant", "tool_calls": [{}]}]"#, "a call of no function"),
            (
                r#"[{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "[1]"}}]}]"#,
                "a call of \"f\" whose arguments are no JSON object",
            ),
        ] {
            let message = read(messages).unwrap_err();
            assert!(message.contains(words), "{messages}: {message}");
        }
        assert_eq!(read("null"), Ok(Vec::new()));
    }

    #[test]
    fn who_goes_on_speaking_has_one_turn() {
        let mut conversation = Conversation::default();
        for (role, word) in [
            (Role::User, "a"),
            (Role::System, "b"),
            (Role::User, "c"),
            (Role::Tool, "d"),
            (Role::User, "e"),
        ] {
            conversation.say(role, vec![word.into()]);
            conversation.say(Role::Assistant, Vec::new());
        }
        assert_eq!(conversation.system, ["b"]);
        let turn =
            |role, words: &[&'static str]| (role, words.iter().map(|&it| it.into()).collect());
        let (user, tool) = (turn(Role::User, &["a", "c"]), turn(Role::Tool, &["d"]));
        assert_eq!(conversation.turns, [user, tool, turn(Role::User, &["e"])]);
        conversation.turns.truncate(1);
        conversation.say(Role::Assistant, vec!["f".into()]);
        let turns = r#"[{"role":"user","parts":["a","c"]},{"role":"model","parts":["f"]}]"#;
        assert_eq!(conversation.take_turns("model", "parts").to_string(), turns);
    }

    #[test]
    fn data_is_a_slice_of_the_request_even_if_its_slashes_are_escaped() {
        let url = Json::read(r#""data:image\/png;x=y;base64,ab\/c=""#).unwrap();
        let Ok(Content::Inline { media_type, data }) = Content::of(url) else { panic!("no data") };
        assert_eq!(media_type, "image/png");
        assert!(matches!(data, Json::Text(Cow::Borrowed(r"ab\/c="))));
        for (url, media_type) in
            [("https://example.com/a", None), ("gs://bucket/a.b/c.JPG?size=2", Some("image/jpeg"))]
        {
            let address = Content::of(url.into()).unwrap();
            assert_eq!(address, Content::Address { url: url.into(), media_type });
        }
        for wrong in ["cat.png", "data:,a", "ftp://a", "data:;base64"] {
            Content::of(wrong.into()).unwrap_err();
        }
    }

    #[test]
    fn parts_are_read_by_their_kinds() {
        let messages = read(
            r#"[{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "UklG", "format": "mp3"}},
                {"type": "file", "file": {"file_id": "f", "filename": "n"}, "mark": 1},
                {"type": "video_url", "video_url": {}}]}]"#,
        )
        .unwrap();
        let [image, sound, file, other] = messages[0].parts.as_slice() else { panic!() };
        assert_eq!((&*image.kind, &image.beside["detail"]), ("image_url", &"low".into()));
        let media_type = "audio/mp3".into();
        assert_eq!(sound.content, Content::Inline { media_type, data: "UklG".into() });
        assert_eq!(file.content, Content::Stored("f".into()));
        assert_eq!((&file.beside["filename"], file.rest["mark"].as_u64()), (&"n".into(), Some(1)));
        assert_eq!((&*other.kind, &other.content), ("video_url", &Content::Other));
        messages[0].text().unwrap_err();
    }
}
