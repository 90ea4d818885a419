//! A Messages request as a chat of the canonical dialect.
//!
//! What the canonical dialect has no word for is named, so that the sender can be told. What it
//! cannot do without (a tool that the vendor itself runs) is refused: an answer without it would
//! be another answer.
//!
//! <https://platform.claude.com/docs/en/api/messages/create>

use crate::failure::Failure;
use crate::refusal::Refusal;
use crate::wire::canonical::{
    Address, Arguments, Called, Canonical, Chat, Content, Extra, File, ImageUrl, Message, Part,
    Tool, ToolCall, is_string, vendors_own,
};
use crate::wire::fields::{Fields, Text, messages};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The same request in the canonical dialect.
///
/// # Errors
///
/// What is wrong with it, or what only its own vendor can do.
pub fn canonical(body: &[u8]) -> Result<Canonical, Failure> {
    let mut fields = Fields::of(body)?;
    let mut made = Making::default();
    let model = fields.model()?;
    if let Some(system) = fields.take("system") {
        made.system(system)?;
    }
    let turns = messages(fields.take("messages"), "messages")?;
    let turns: Vec<Turn<'_>> = read(turns, "messages")?;
    for turn in turns {
        made.turn(turn)?;
    }
    let tools = fields.take("tools").map(|tools| made.tools(tools)).transpose()?;
    let mut extra = Extra::default();
    extra.raw("max_tokens", fields.take("max_tokens"));
    for name in ["temperature", "top_p", "top_k", "stream"] {
        extra.raw(name, fields.take(name));
    }
    extra.raw("stop", fields.take("stop_sequences"));
    if let Some(choice) = fields.take("tool_choice") {
        made.choice(choice, &mut extra)?;
    }
    made.effort(&mut fields, &mut extra)?;
    if let Some(metadata) = fields.take("metadata") {
        let Metadata { user_id } = read(metadata, "metadata")?;
        extra.raw("user", user_id);
    }
    if fields.take("mcp_servers").is_some() {
        return Err(vendors_own("mcp_servers", "servers of tools"));
    }
    made.dropped.extend(fields.rest().map(str::to_owned));
    let chat = Chat {
        model: &model,
        messages: made.messages,
        tools: tools.unwrap_or_default(),
        fields: extra,
    };
    Ok(Canonical::of(&chat, made.dropped))
}

#[derive(Deserialize)]
struct Turn<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: &'a RawValue,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<Source<'a>>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_use_id: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(default)]
    is_error: Option<bool>,
    #[serde(borrow)]
    cache_control: Option<&'a RawValue>,
    #[serde(borrow)]
    citations: Option<&'a RawValue>,
}

/// Where the bytes of an image or a document are. What a document holds as text is its `data`.
#[derive(Deserialize)]
struct Source<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    media_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    url: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Offered<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    description: Option<&'a RawValue>,
    #[serde(borrow)]
    input_schema: Option<&'a RawValue>,
    #[serde(borrow)]
    strict: Option<&'a RawValue>,
    #[serde(borrow)]
    cache_control: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    disable_parallel_tool_use: Option<bool>,
}

#[derive(Deserialize)]
struct Thinking<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    budget_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    effort: Option<Cow<'a, str>>,
    #[serde(borrow)]
    format: Option<Format<'a>>,
}

#[derive(Deserialize)]
struct Format<'a> {
    #[serde(borrow)]
    schema: &'a RawValue,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    user_id: Option<&'a RawValue>,
}

/// What was made so far.
#[derive(Default)]
struct Making<'a> {
    messages: Vec<Message<'a>>,
    dropped: Vec<String>,
}

impl<'a> Making<'a> {
    fn system(&mut self, system: &'a RawValue) -> Result<(), Failure> {
        let content = match is_string(system) {
            true => Content::Raw(system),
            false => Content::Text(self.joined(system, "system")?),
        };
        self.messages.push(Message::of("system", content));
        Ok(())
    }

    fn turn(&mut self, turn: Turn<'a>) -> Result<(), Failure> {
        let role = match &*turn.role {
            "user" => "user",
            "assistant" => "assistant",
            // Newer models take a system's word in the middle of a conversation.
            "system" => return self.system(turn.content),
            other => {
                let message = format!(
                    "`messages` has the role {other:?}; expected \"user\" or \"assistant\"."
                );
                return Err(Refusal::invalid(message, Some("messages")).into());
            }
        };
        if is_string(turn.content) {
            self.messages.push(Message::of(role, Content::Raw(turn.content)));
            return Ok(());
        }
        let blocks: Vec<Block<'a>> = read(turn.content, "messages")?;
        match role {
            "assistant" => self.answer(blocks),
            _ => self.question(blocks),
        }
    }

    /// What a person said: results of tools are messages of their own here, and come first.
    fn question(&mut self, blocks: Vec<Block<'a>>) -> Result<(), Failure> {
        let mut parts = Vec::new();
        for block in blocks {
            self.unsaid(&block);
            match &*block.kind {
                "tool_result" => self.result(&block, &mut parts)?,
                _ => parts.extend(self.part(&block)?),
            }
        }
        if !parts.is_empty() {
            self.messages.push(Message::of("user", Content::of(parts)));
        }
        Ok(())
    }

    /// The result of a tool is a text; an image in it is shown by the person.
    fn result(&mut self, block: &Block<'a>, shown: &mut Vec<Part<'a>>) -> Result<(), Failure> {
        let content = match block.content {
            None => Content::Text(String::new()),
            Some(content) if is_string(content) => Content::Raw(content),
            Some(content) => {
                let inside: Vec<Block<'a>> = read(content, "messages")?;
                let (texts, images): (Vec<_>, Vec<_>) =
                    inside.into_iter().partition(|block| block.kind == "text");
                for image in &images {
                    shown.extend(self.part(image)?);
                }
                Content::Text(texts.iter().map(text).collect::<Result<Vec<_>, _>>()?.join("\n"))
            }
        };
        if block.is_error == Some(true) {
            self.dropped.push("is_error".to_owned());
        }
        let tool_call_id = Some(block.tool_use_id.ok_or_else(|| missing("tool_use_id"))?);
        self.messages.push(Message { tool_call_id, ..Message::of("tool", content) });
        Ok(())
    }

    fn part(&mut self, block: &Block<'a>) -> Result<Option<Part<'a>>, Failure> {
        match &*block.kind {
            "text" => Ok(Some(Part::Text { text: block.text.ok_or_else(|| missing("text"))? })),
            "image" => {
                let url = address(block.source.as_ref(), "an image")?;
                Ok(Some(Part::ImageUrl { image_url: ImageUrl { url, detail: None } }))
            }
            "document" => {
                let source = block.source.as_ref();
                if let Some(text) = source.filter(|s| s.kind == "text").and_then(|s| s.data) {
                    return Ok(Some(Part::Text { text }));
                }
                let file_data = address(source, "a document")?;
                Ok(Some(Part::File { file: File { filename: block.title, file_data } }))
            }
            // A model's thoughts are signed by their vendor, and valid there alone.
            "thinking" | "redacted_thinking" => {
                self.dropped.push("thinking of earlier turns".to_owned());
                Ok(None)
            }
            other => Err(vendors_own("messages", &format!("blocks of the type {other:?}"))),
        }
    }

    fn answer(&mut self, blocks: Vec<Block<'a>>) -> Result<(), Failure> {
        let (mut parts, mut tool_calls) = (Vec::new(), Vec::new());
        for block in blocks {
            self.unsaid(&block);
            if block.kind != "tool_use" {
                parts.extend(self.part(&block)?);
                continue;
            }
            let function = Called {
                name: block.name.ok_or_else(|| missing("name"))?,
                arguments: Arguments::Value(block.input.map_or("{}", RawValue::get)),
            };
            let id = block.id.ok_or_else(|| missing("id"))?;
            tool_calls.push(ToolCall { id, kind: "function", function });
        }
        let content = (!parts.is_empty()).then(|| Content::of(parts));
        if content.is_some() || !tool_calls.is_empty() {
            let role = "assistant";
            self.messages.push(Message { role, content, tool_calls, tool_call_id: None });
        }
        Ok(())
    }

    /// Notes what a block asks for beside what it says.
    fn unsaid(&mut self, block: &Block<'_>) {
        for (name, said) in [("cache_control", block.cache_control), ("citations", block.citations)]
        {
            if said.is_some_and(|said| said.get() != "null") {
                self.dropped.push(name.to_owned());
            }
        }
    }

    /// The texts of blocks that can be nothing else.
    fn joined(&mut self, blocks: &'a RawValue, field: &'static str) -> Result<String, Failure> {
        let blocks: Vec<Block<'a>> = read(blocks, field)?;
        for block in &blocks {
            self.unsaid(block);
        }
        Ok(blocks.iter().map(text).collect::<Result<Vec<_>, _>>()?.join("\n\n"))
    }

    fn tools(&mut self, tools: &'a RawValue) -> Result<Vec<Tool<'a>>, Failure> {
        let offered: Vec<Offered<'a>> = read(tools, "tools")?;
        let mut tools = Vec::with_capacity(offered.len());
        for tool in offered {
            if let Some(kind) = tool.kind.filter(|kind| kind != "custom") {
                return Err(vendors_own("tools", &format!("tools of the type {kind:?}")));
            }
            if tool.cache_control.is_some() {
                self.dropped.push("cache_control".to_owned());
            }
            let mut function = Extra::default();
            function.raw("name", Some(tool.name.ok_or_else(|| missing("name"))?));
            function.raw("description", tool.description);
            function.raw("parameters", tool.input_schema);
            function.raw("strict", tool.strict);
            tools.push(Tool { kind: "function", function });
        }
        Ok(tools)
    }

    fn choice(&mut self, choice: &'a RawValue, extra: &mut Extra<'a>) -> Result<(), Failure> {
        let choice: Choice<'a> = read(choice, "tool_choice")?;
        let made = match (&*choice.kind, choice.name) {
            ("auto", _) => json!("auto"),
            ("any", _) => json!("required"),
            ("none", _) => json!("none"),
            ("tool", Some(name)) => {
                let name: String = read(name, "tool_choice")?;
                json!({ "type": "function", "function": { "name": name } })
            }
            (other, _) => {
                let message = format!(
                    "`tool_choice` has the type {other:?}; expected \"auto\", \"any\", \"none\", or \
                     \"tool\" with a `name`."
                );
                return Err(Refusal::invalid(message, Some("tool_choice")).into());
            }
        };
        extra.made("tool_choice", made);
        if choice.disable_parallel_tool_use == Some(true) {
            extra.made("parallel_tool_calls", false);
        }
        Ok(())
    }

    /// How hard the model is to think, and the form of its answer. A budget in tokens is one of
    /// the three words that the canonical dialect has.
    fn effort(&mut self, fields: &mut Fields<'a>, extra: &mut Extra<'a>) -> Result<(), Failure> {
        let thinking: Option<Thinking<'a>> =
            fields.take("thinking").map(|said| read(said, "thinking")).transpose()?;
        let output: Option<Output<'a>> =
            fields.take("output_config").map(|said| read(said, "output_config")).transpose()?;
        let (effort, format) = output.map_or((None, None), |said| (said.effort, said.format));
        let thinking = thinking.filter(|thinking| thinking.kind == "enabled");
        let budget = thinking.and_then(|thinking| thinking.budget_tokens);
        let by_budget = budget.map(|tokens| match tokens {
            ..=2_048 => Cow::Borrowed("low"),
            2_049..=8_192 => Cow::Borrowed("medium"),
            _ => Cow::Borrowed("high"),
        });
        if let Some(effort) = effort.or(by_budget) {
            extra.made("reasoning_effort", &*effort);
        }
        if let Some(Format { schema }) = format {
            let schema: serde_json::Value = read(schema, "output_config")?;
            let schema = json!({ "name": "answer", "schema": schema, "strict": true });
            extra.made("response_format", json!({ "type": "json_schema", "json_schema": schema }));
        }
        Ok(())
    }
}

fn address<'a>(source: Option<&Source<'a>>, what: &str) -> Result<Address<'a>, Failure> {
    let source = source.ok_or_else(|| missing("source"))?;
    match &*source.kind {
        "url" => Ok(Address::Url(source.url.ok_or_else(|| missing("url"))?)),
        "base64" => {
            let data: Text<'a> = read(source.data.ok_or_else(|| missing("data"))?, "messages")?;
            let media = source.media_type.clone().ok_or_else(|| missing("media_type"))?;
            Ok(Address::Data(media, data.0))
        }
        other => Err(vendors_own("messages", &format!("{what} from a source {other:?}"))),
    }
}

fn text(block: &Block<'_>) -> Result<String, Failure> {
    match block.text {
        Some(text) if block.kind == "text" => read(text, "messages"),
        _ => Err(vendors_own("messages", &format!("blocks of the type {:?} here", block.kind))),
    }
}

fn read<'a, T: Deserialize<'a>>(value: &'a RawValue, field: &'static str) -> Result<T, Failure> {
    serde_json::from_str(value.get()).map_err(|error| {
        let message = format!("`{field}` is malformed: {error}.");
        Refusal::invalid(message, Some(field)).into()
    })
}

fn missing(field: &str) -> Failure {
    let message = format!("A block of `messages` has no `{field}`.");
    Refusal::invalid(message, Some("messages")).into()
}

#[cfg(test)]
mod tests;
