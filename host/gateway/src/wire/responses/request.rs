//! A Responses request as a chat of the canonical dialect.
//!
//! <https://platform.openai.com/docs/api-reference/responses/create>

use crate::failure::Failure;
use crate::refusal::Refusal;
use crate::wire::canonical::{
    Address, Arguments, Called, Canonical, Chat, Content, Extra, File, ImageUrl, Message, Part,
    Tool, ToolCall, is_string, vendors_own,
};
use crate::wire::fields::{Fields, typed};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What the vendor keeps between requests, or does behind one.
const KEPT_BY_THE_VENDOR: [&str; 4] =
    ["previous_response_id", "conversation", "prompt", "background"];

/// The same request in the canonical dialect.
///
/// # Errors
///
/// What is wrong with it, or what only its own vendor can do.
pub fn canonical(body: &[u8]) -> Result<Canonical, Failure> {
    let mut fields = Fields::of(body)?;
    let model = fields.model()?;
    for name in KEPT_BY_THE_VENDOR {
        if fields.take(name).is_some_and(|value| value.get() != "false") {
            return Err(vendors_own(name, &format!("`{name}`: it keeps nothing between requests")));
        }
    }
    let mut made = Making::default();
    if let Some(instructions) = fields.take("instructions") {
        made.messages
            .push(Message::of("system", Content::Raw(string(instructions, "instructions")?)));
    }
    let input = fields.take("input").ok_or_else(|| Refusal::missing("input"))?;
    made.input(input)?;
    let mut extra = Extra::default();
    for (name, canonical) in [
        ("max_output_tokens", "max_tokens"),
        ("temperature", "temperature"),
        ("top_p", "top_p"),
        ("stream", "stream"),
        ("parallel_tool_calls", "parallel_tool_calls"),
        ("user", "user"),
        ("safety_identifier", "safety_identifier"),
        ("prompt_cache_key", "prompt_cache_key"),
        ("service_tier", "service_tier"),
    ] {
        extra.raw(canonical, fields.take(name));
    }
    if let Some(choice) = fields.take("tool_choice") {
        tool_choice(choice, &mut extra)?;
    }
    if let Some(Reasoning { effort: Some(effort), .. }) = fields.typed("reasoning", "an object")? {
        extra.raw("reasoning_effort", Some(effort));
    }
    if let Some(text) = fields.typed::<Text<'_>>("text", "an object")? {
        text.format(&mut extra)?;
        extra.raw("verbosity", text.verbosity);
    }
    let tools = fields.take("tools").map(tools).transpose()?.unwrap_or_default();
    // Labels are read by the gateway itself; to keep an answer is not promised.
    let (_, store) = (fields.take("metadata"), fields.take("store"));
    if store.is_some_and(|store| store.get() == "true") {
        made.dropped.push("store".to_owned());
    }
    made.dropped.extend(fields.rest().map(str::to_owned));
    let chat = Chat { model: &model, messages: made.messages, tools, fields: extra };
    Ok(Canonical::of(&chat, made.dropped))
}

#[derive(Deserialize)]
struct Reasoning<'a> {
    #[serde(borrow)]
    effort: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(borrow)]
    format: Option<&'a RawValue>,
    #[serde(borrow)]
    verbosity: Option<&'a RawValue>,
}

impl<'a> Text<'a> {
    fn format(&self, extra: &mut Extra<'a>) -> Result<(), Failure> {
        let Some(format) = self.format else { return Ok(()) };
        let mut format: serde_json::Map<String, serde_json::Value> =
            typed(format, "text", "an object with a `format`")?;
        let kind = format.remove("type").unwrap_or_default();
        match kind.as_str() {
            Some("text") | None => {}
            Some("json_schema") => {
                let schema = json!({ "type": "json_schema", "json_schema": format });
                extra.made("response_format", schema);
            }
            Some(kind) => extra.made("response_format", json!({ "type": kind })),
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    role: Option<Cow<'a, str>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    call_id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    image_url: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(borrow)]
    file_data: Option<&'a RawValue>,
    #[serde(borrow)]
    file_url: Option<&'a RawValue>,
    #[serde(borrow)]
    filename: Option<&'a RawValue>,
}

/// What was made so far.
#[derive(Default)]
struct Making<'a> {
    messages: Vec<Message<'a>>,
    dropped: Vec<String>,
}

impl<'a> Making<'a> {
    fn input(&mut self, input: &'a RawValue) -> Result<(), Failure> {
        if is_string(input) {
            self.messages.push(Message::of("user", Content::Raw(input)));
            return Ok(());
        }
        let items: Vec<Item<'a>> = read(input)?;
        items.into_iter().try_for_each(|item| self.item(item))
    }

    fn item(&mut self, item: Item<'a>) -> Result<(), Failure> {
        match item.kind.as_deref().unwrap_or("message") {
            "message" => self.message(&item),
            "function_call" => self.call(&item),
            "function_call_output" => {
                let output = item.output.ok_or_else(|| missing("output"))?;
                let content = match is_string(output) {
                    true => Content::Raw(output),
                    false => Content::Text(texts(output)?),
                };
                let tool_call_id = Some(item.call_id.ok_or_else(|| missing("call_id"))?);
                self.messages.push(Message { tool_call_id, ..Message::of("tool", content) });
                Ok(())
            }
            // Only the vendor whose model thought it can read it.
            "reasoning" => {
                self.dropped.push("reasoning of earlier turns".to_owned());
                Ok(())
            }
            other => Err(vendors_own("input", &format!("items of the type {other:?}"))),
        }
    }

    fn message(&mut self, item: &Item<'a>) -> Result<(), Failure> {
        let role = match item.role.as_deref() {
            Some("user") => "user",
            Some("assistant") => "assistant",
            Some("system" | "developer") => "system",
            other => {
                let message = format!(
                    "`input` has the role {:?}; expected \"user\", \"assistant\", \"system\" or \
                     \"developer\".",
                    other.unwrap_or_default()
                );
                return Err(Refusal::invalid(message, Some("input")).into());
            }
        };
        let content = item.content.ok_or_else(|| missing("content"))?;
        if is_string(content) {
            self.messages.push(Message::of(role, Content::Raw(content)));
            return Ok(());
        }
        let blocks: Vec<Block<'a>> = read(content)?;
        let parts: Vec<Part<'a>> = blocks.iter().map(part).collect::<Result<_, _>>()?;
        self.messages.push(Message::of(role, Content::of(parts)));
        Ok(())
    }

    /// Calls stand in the message of the assistant that made them.
    fn call(&mut self, item: &Item<'a>) -> Result<(), Failure> {
        let function = Called {
            name: item.name.ok_or_else(|| missing("name"))?,
            arguments: Arguments::Raw(item.arguments.ok_or_else(|| missing("arguments"))?),
        };
        let id = item.call_id.ok_or_else(|| missing("call_id"))?;
        let call = ToolCall { id, kind: "function", function };
        match self.messages.last_mut() {
            Some(last) if last.role == "assistant" => last.tool_calls.push(call),
            _ => self.messages.push(Message {
                role: "assistant",
                content: None,
                tool_calls: vec![call],
                tool_call_id: None,
            }),
        }
        Ok(())
    }
}

fn part<'a>(block: &Block<'a>) -> Result<Part<'a>, Failure> {
    match &*block.kind {
        "input_text" | "output_text" | "text" => {
            Ok(Part::Text { text: block.text.ok_or_else(|| missing("text"))? })
        }
        "refusal" => Ok(Part::Text { text: block.refusal.ok_or_else(|| missing("refusal"))? }),
        "input_image" => {
            let url = block.image_url.ok_or_else(|| vendors_own("input", "images by their id"))?;
            let image_url = ImageUrl { url: Address::Url(url), detail: block.detail };
            Ok(Part::ImageUrl { image_url })
        }
        "input_file" => {
            let data = block.file_data.or(block.file_url);
            let data = data.ok_or_else(|| vendors_own("input", "files by their id"))?;
            let file = File { filename: block.filename, file_data: Address::Url(data) };
            Ok(Part::File { file })
        }
        other => Err(vendors_own("input", &format!("parts of the type {other:?}"))),
    }
}

/// The texts of parts that can be nothing else.
fn texts(output: &RawValue) -> Result<String, Failure> {
    let blocks: Vec<Block<'_>> = read(output)?;
    let text = |block: &Block<'_>| match part(block)? {
        Part::Text { text } => read::<String>(text),
        _ => Err(vendors_own("input", "outputs of tools that are no text")),
    };
    Ok(blocks.iter().map(text).collect::<Result<Vec<_>, _>>()?.join("\n"))
}

fn tool_choice<'a>(choice: &'a RawValue, extra: &mut Extra<'a>) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Choice {
        #[serde(rename = "type")]
        kind: String,
        name: Option<String>,
    }
    if is_string(choice) {
        extra.raw("tool_choice", Some(choice));
        return Ok(());
    }
    let choice: Choice = typed(choice, "tool_choice", "a string or an object with a `type`")?;
    match (choice.kind.as_str(), choice.name) {
        ("function", Some(name)) => {
            let function = json!({ "type": "function", "function": { "name": name } });
            extra.made("tool_choice", function);
            Ok(())
        }
        (kind, _) => Err(vendors_own("tool_choice", &format!("a choice of the type {kind:?}"))),
    }
}

fn tools(tools: &RawValue) -> Result<Vec<Tool<'_>>, Failure> {
    #[derive(Deserialize)]
    struct Offered<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
        #[serde(borrow)]
        name: Option<&'a RawValue>,
        #[serde(borrow)]
        description: Option<&'a RawValue>,
        #[serde(borrow)]
        parameters: Option<&'a RawValue>,
        #[serde(borrow)]
        strict: Option<&'a RawValue>,
    }
    let offered: Vec<Offered<'_>> = typed(tools, "tools", "an array of objects with a `type`")?;
    let mut tools = Vec::with_capacity(offered.len());
    for offered in offered {
        if offered.kind != "function" {
            return Err(vendors_own("tools", &format!("tools of the type {:?}", offered.kind)));
        }
        let mut function = Extra::default();
        function.raw("name", Some(offered.name.ok_or_else(|| missing("name"))?));
        function.raw("description", offered.description);
        function.raw("parameters", offered.parameters);
        function.raw("strict", offered.strict);
        tools.push(Tool { kind: "function", function });
    }
    Ok(tools)
}

fn string<'a>(value: &'a RawValue, name: &'static str) -> Result<&'a RawValue, Failure> {
    match is_string(value) {
        true => Ok(value),
        false => Err(vendors_own(name, &format!("`{name}` that is no text"))),
    }
}

fn read<'a, T: Deserialize<'a>>(value: &'a RawValue) -> Result<T, Failure> {
    serde_json::from_str(value.get()).map_err(|error| {
        Refusal::invalid(format!("`input` is malformed: {error}."), Some("input")).into()
    })
}

fn missing(field: &str) -> Failure {
    let message = format!("An item of `input` or of `tools` has no `{field}`.");
    Refusal::invalid(message, Some("input")).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::FailureKind;
    use serde_json::Value;

    fn translated(request: Value) -> (Value, Vec<String>) {
        let made = canonical(request.to_string().as_bytes()).unwrap_or_else(|e| panic!("{e:?}"));
        (serde_json::from_slice(&made.body).unwrap(), made.dropped)
    }

    #[test]
    fn a_text_and_its_instructions_are_a_chat() {
        let (chat, dropped) = translated(json!({
            "model": "m", "instructions": "Be brief.", "input": "Hi", "max_output_tokens": 7,
            "store": false, "metadata": { "a": "b" }, "truncation": "auto",
            "reasoning": { "effort": "low" },
            "text": { "format": { "type": "json_schema", "name": "n", "schema": {} } },
        }));
        let expected = json!({
            "model": "m",
            "messages": [
                { "role": "system", "content": "Be brief." },
                { "role": "user", "content": "Hi" },
            ],
            "max_tokens": 7,
            "reasoning_effort": "low",
            "response_format":
                { "type": "json_schema", "json_schema": { "name": "n", "schema": {} } },
        });
        assert_eq!((chat, dropped), (expected, vec!["truncation".to_owned()]));
    }

    #[test]
    fn items_become_messages() {
        let (chat, dropped) = translated(json!({
            "model": "m",
            "input": [
                { "role": "user", "content": [
                    { "type": "input_text", "text": "Look" },
                    { "type": "input_image", "image_url": "data:image/png;base64,QQ==", "detail": "low" },
                ] },
                { "type": "reasoning", "id": "rs_1", "summary": [] },
                { "type": "message", "role": "assistant", "content": [
                    { "type": "output_text", "text": "I do", "annotations": [] } ] },
                { "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"a\":1}" },
                { "type": "function_call", "call_id": "c2", "name": "g", "arguments": "{}" },
                { "type": "function_call_output", "call_id": "c1", "output": "one" },
                { "type": "function_call_output", "call_id": "c2", "output": [
                    { "type": "input_text", "text": "two" } ] },
            ],
            "tools": [{ "type": "function", "name": "f", "parameters": {}, "strict": true }],
            "tool_choice": { "type": "function", "name": "f" },
        }));
        let call = |id, name, arguments| {
            json!({ "id": id, "type": "function",
                    "function": { "name": name, "arguments": arguments } })
        };
        let expected = json!([
            { "role": "user", "content": [
                { "type": "text", "text": "Look" },
                { "type": "image_url",
                  "image_url": { "url": "data:image/png;base64,QQ==", "detail": "low" } },
            ] },
            { "role": "assistant", "content": "I do",
              "tool_calls": [call("c1", "f", "{\"a\":1}"), call("c2", "g", "{}")] },
            { "role": "tool", "content": "one", "tool_call_id": "c1" },
            { "role": "tool", "content": "two", "tool_call_id": "c2" },
        ]);
        assert_eq!(chat["messages"], expected);
        assert_eq!(chat["tools"][0]["function"]["strict"], true);
        assert_eq!(chat["tool_choice"]["function"]["name"], "f");
        assert_eq!(dropped, ["reasoning of earlier turns"]);
    }

    #[test]
    fn what_only_the_vendor_can_do_is_refused() {
        for (field, value) in [
            ("previous_response_id", json!("resp_1")),
            ("background", json!(true)),
            ("tools", json!([{ "type": "web_search" }])),
            ("input", json!([{ "type": "item_reference", "id": "x" }])),
            ("tool_choice", json!({ "type": "file_search" })),
        ] {
            let mut request = json!({ "model": "m", "input": "Hi" });
            request[field] = value;
            let Err(failure) = canonical(request.to_string().as_bytes()) else { panic!("{field}") };
            assert_eq!(failure.kind(), FailureKind::Unsupported, "{failure:?}");
            assert_eq!(failure.param().as_deref(), Some(field));
        }
    }
}
