//! Anthropic's Messages API: <https://platform.claude.com/docs/en/api/messages/create>, streams
//! by <https://platform.claude.com/docs/en/build-with-claude/streaming>, errors by
//! <https://platform.claude.com/docs/en/api/errors>.

mod rules;

use serde_json::{Value, json};

use super::check::header;
use super::{Call, Reply, Vendor, Wanted};
use crate::answer::{Answer, End, bites, pieces, split};
use crate::failures::{Failure, Fault, LONG};
use crate::request::{Asked, By, Choice, Said, Tool, array, strings};

pub(super) struct Anthropic;

/// What a thought is known again by.
const SIGNATURE: &str = "EqQBCgIYAhIM1gbcDa9GJwZA2b3h";

impl Vendor for Anthropic {
    fn read(&self, call: &Call<'_>) -> Result<Wanted, Failure> {
        authenticated(call)?;
        let asked = || {
            rules::check(call.body).map_err(|wrong| invalid(&wrong))?;
            Ok(read(call.body))
        };
        match (call.parts.method.as_str(), call.path) {
            ("POST", "/v1/messages") => {
                rules::limited(call.body).map_err(|wrong| invalid(&wrong))?;
                Ok(Wanted::Chat(Box::new(asked()?)))
            }
            ("POST", "/v1/messages/count_tokens") => {
                let asked = asked()?;
                let tokens = json!({"input_tokens": asked.prompt_tokens()});
                Ok(Wanted::Made(asked.model, tokens))
            }
            ("GET", "/v1/models") => Ok(Wanted::Document(models())),
            _ => Err(error(404, "not_found_error", "scripted: Not Found")),
        }
    }

    fn whole(&self, reply: &Reply<'_>) -> Value {
        let content: Vec<Value> = blocks(reply).iter().map(Block::whole).collect();
        let mut message = message(reply);
        message["content"] = content.into();
        let (delta, usage) = end(reply);
        for (name, value) in delta.as_object().into_iter().flatten() {
            message[name] = value.clone();
        }
        for (name, value) in usage.as_object().into_iter().flatten() {
            message["usage"][name] = value.clone();
        }
        message
    }

    fn stream(&self, reply: &Reply<'_>) -> Vec<String> {
        let mut events = vec![json!({"type": "message_start", "message": message(reply)})];
        for (index, block) in blocks(reply).iter().enumerate() {
            let begun = block.empty();
            events.push(
                json!({"type": "content_block_start", "index": index, "content_block": begun}),
            );
            if index == 0 {
                events.push(json!({"type": "ping"}));
            }
            let delta =
                |delta| json!({"type": "content_block_delta", "index": index, "delta": delta});
            events.extend(block.deltas().into_iter().map(delta));
            events.push(json!({"type": "content_block_stop", "index": index}));
        }
        let (delta, usage) = end(reply);
        events.push(json!({"type": "message_delta", "delta": delta, "usage": usage}));
        events.push(json!({"type": "message_stop"}));
        events.iter().map(event).collect()
    }

    fn broken(&self) -> String {
        let error = json!({"type": "overloaded_error", "message": "scripted: Overloaded"});
        event(&json!({"type": "error", "error": error}))
    }

    fn ends(&self, end: &End) -> bool {
        // What a filter takes is a refusal here.
        *end != End::Filtered
    }

    fn failure(&self, fault: Fault) -> Option<Failure> {
        let invalid = |message| error(400, "invalid_request_error", message);
        Some(match fault {
            Fault::InvalidRequest => invalid("scripted: messages.0.content: Input should be valid"),
            Fault::Authentication => {
                error(401, "authentication_error", "scripted: invalid x-api-key")
            }
            Fault::Permission => {
                let words = "scripted: Your API key does not have permission to use this resource";
                error(403, "permission_error", words)
            }
            Fault::NotFound => error(404, "not_found_error", "scripted: model: no such model"),
            Fault::ContextTooLong => invalid("prompt is too long: 208310 tokens > 200000 maximum"),
            Fault::RateLimited => {
                let words = "scripted: This request would exceed your organization's rate limit";
                error(429, "rate_limit_error", words).header("retry-after", LONG)
            }
            Fault::QuotaExhausted => {
                let words = "scripted: There is an issue with your billing or payment information";
                error(402, "billing_error", words)
            }
            Fault::Overloaded => {
                error(529, "overloaded_error", "scripted: Overloaded").header("retry-after", LONG)
            }
            Fault::Upstream => error(500, "api_error", "scripted: Internal server error"),
            Fault::TimedOut => error(504, "timeout_error", "scripted: Request timed out"),
            Fault::ContentRefused => invalid("Output blocked by content filtering policy"),
            Fault::Loading | Fault::NoTools | Fault::NoVision => return None,
        })
    }

    fn headers(&self, id: u64) -> Vec<(&'static str, String)> {
        vec![
            ("request-id", format!("req_{id}")),
            ("anthropic-organization-id", "org_scripted".to_owned()),
            ("anthropic-ratelimit-requests-limit", "4000".to_owned()),
            ("anthropic-ratelimit-requests-remaining", "3999".to_owned()),
            ("anthropic-ratelimit-requests-reset", "2026-11-21T08:00:42Z".to_owned()),
        ]
    }
}

fn authenticated(call: &Call<'_>) -> Result<(), Failure> {
    let keyed = !header(call, "x-api-key").is_empty() || !header(call, "authorization").is_empty();
    if !keyed {
        return Err(error(401, "authentication_error", "scripted: x-api-key header is required"));
    }
    match header(call, "anthropic-version") {
        "2023-06-01" | "2026-10-21" => Ok(()),
        "" => Err(invalid("anthropic-version: header is required")),
        other => Err(invalid(&format!("anthropic-version: \"{other}\" is not a valid version"))),
    }
}

fn invalid(wrong: &str) -> Failure {
    error(400, "invalid_request_error", &format!("scripted: {wrong}"))
}

fn error(status: u16, kind: &str, message: &str) -> Failure {
    let error = json!({"type": kind, "message": message});
    Failure::new(status, json!({"type": "error", "error": error, "request_id": "req_scripted"}))
}

fn models() -> Value {
    let model = |id: &str| json!({"type": "model", "id": id, "display_name": id, "created_at": "2026-09-22T00:00:00Z"});
    let (first, last) = ("claude-opus-5-5--echo", "claude-sonnet-5-5--echo");
    let models = [model(first), model(last)];
    json!({"data": models, "has_more": false, "first_id": first, "last_id": last})
}

/// What a request asks for.
fn read(body: &Value) -> Asked {
    let messages = array(&body["messages"]);
    let mut all = vec![Said { by: By::Other, text: text_of(&body["system"]) }];
    all.extend(messages.iter().map(said));
    let blocks = messages.iter().flat_map(|message| array(&message["content"]));
    let tools = array(&body["tools"]).iter().filter_map(|tool| {
        let name = tool["name"].as_str()?.to_owned();
        Some(Tool { name, parameters: tool["input_schema"].clone() })
    });
    let choice = &body["tool_choice"];
    let thinking = &body["thinking"];
    Asked {
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        streams: body["stream"] == true,
        includes_usage: true,
        said: all,
        images: blocks.filter_map(image).collect(),
        tools: tools.collect(),
        choice: match choice["type"].as_str() {
            Some("tool") => Choice::One(choice["name"].as_str().unwrap_or_default().to_owned()),
            Some("none") => Choice::None,
            _ => Choice::Any,
        },
        one_call: choice["disable_parallel_tool_use"] == true,
        schema: body["output_config"]["format"].get("schema").cloned(),
        limit: body["max_tokens"].as_u64().map(|limit| limit as usize),
        stop: strings(&body["stop_sequences"]),
        answers: 1,
        shows_thoughts: thinking["display"] == "summarized",
        cached_for_an_hour: body.to_string().contains("\"ttl\":\"1h\""),
    }
}

fn said(message: &Value) -> Said {
    let content = &message["content"];
    let results = array(content).iter().filter(|block| block["type"] == "tool_result");
    let results: Vec<String> = results.map(|result| text_of(&result["content"])).collect();
    let by = if message["role"] == "user" { By::User } else { By::Other };
    match results.is_empty() {
        true => Said { by, text: text_of(content) },
        false => Said { by: By::Tool, text: results.join(" ") },
    }
}

fn text_of(content: &Value) -> String {
    // What is in a document of text is read like a text.
    let document = |block: &'_ Value| (block["source"]["type"] == "text").then_some("/source/data");
    let blocks = array(content).iter().filter_map(|block| {
        let place = document(block).unwrap_or("/text");
        block.pointer(place)?.as_str()
    });
    let text = content.as_str().map(str::to_owned);
    text.unwrap_or_else(|| blocks.collect::<Vec<_>>().join(" "))
}

fn image(block: &Value) -> Option<String> {
    let source = (block["type"] == "image").then_some(&block["source"])?;
    Some(source["media_type"].as_str().unwrap_or("url").to_owned())
}

/// A block of content.
enum Block {
    Thinking(String),
    Text(String),
    ToolUse { id: String, name: String, input: String },
}

impl Block {
    fn whole(&self) -> Value {
        match self {
            Block::Thinking(text) => {
                json!({"type": "thinking", "thinking": text, "signature": SIGNATURE})
            }
            Block::Text(text) => json!({"type": "text", "text": text, "citations": null}),
            Block::ToolUse { id, name, input } => {
                let input: Value = serde_json::from_str(input).unwrap_or_default();
                json!({"type": "tool_use", "id": id, "name": name, "input": input})
            }
        }
    }

    fn empty(&self) -> Value {
        match self {
            Block::Thinking(_) => json!({"type": "thinking", "thinking": "", "signature": ""}),
            Block::Text(_) => json!({"type": "text", "text": ""}),
            Block::ToolUse { id, name, .. } => {
                json!({"type": "tool_use", "id": id, "name": name, "input": {}})
            }
        }
    }

    fn deltas(&self) -> Vec<Value> {
        match self {
            Block::Thinking(text) => {
                let thought = |text| json!({"type": "thinking_delta", "thinking": text});
                let signed = json!({"type": "signature_delta", "signature": SIGNATURE});
                pieces(text).into_iter().map(thought).chain([signed]).collect()
            }
            Block::Text(text) => {
                let said = |text| json!({"type": "text_delta", "text": text});
                split(text).into_iter().map(said).collect()
            }
            Block::ToolUse { input, .. } => {
                // A call without arguments has an empty piece, and no `{}`.
                let input = if input == "{}" { "" } else { input };
                let piece = |json| json!({"type": "input_json_delta", "partial_json": json});
                [String::new()].into_iter().chain(bites(input, 5)).map(piece).collect()
            }
        }
    }
}

fn blocks(reply: &Reply<'_>) -> Vec<Block> {
    let Answer { reasoning, text, calls, .. } = reply.answer;
    let mut blocks = Vec::new();
    if !reasoning.is_empty() {
        // What is not shown has a signature all the same.
        let shown = reply.asked.shows_thoughts;
        blocks.push(Block::Thinking(if shown { reasoning.clone() } else { String::new() }));
    }
    if !text.is_empty() {
        blocks.push(Block::Text(text.clone()));
    }
    blocks.extend(calls.iter().enumerate().map(|(index, call)| Block::ToolUse {
        id: format!("toolu_{}_{index}", reply.id),
        name: call.name.clone(),
        input: call.arguments.clone(),
    }));
    blocks
}

/// A message that has not said anything yet.
fn message(reply: &Reply<'_>) -> Value {
    let usage = reply.answer.usage(reply.asked);
    let (short, long) = match reply.asked.cached_for_an_hour {
        true => (0, usage.written),
        false => (usage.written, 0),
    };
    let creation = json!({"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long});
    json!({
        "id": format!("msg_{}", reply.id),
        "type": "message",
        "role": "assistant",
        "model": reply.asked.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "stop_details": null,
        "usage": {
            "input_tokens": usage.prompt - usage.cached - usage.written,
            "cache_read_input_tokens": usage.cached,
            "cache_creation_input_tokens": usage.written,
            "cache_creation": creation,
            "output_tokens": 1,
            "service_tier": "standard",
        },
    })
}

/// Why a message ended, and what it came to.
fn end(reply: &Reply<'_>) -> (Value, Value) {
    let (reason, sequence) = match &reply.answer.end {
        End::Stop | End::Filtered => ("end_turn", None),
        End::StopAt(sequence) => ("stop_sequence", Some(sequence)),
        End::Length => ("max_tokens", None),
        End::Calls => ("tool_use", None),
        End::Refused => ("refusal", None),
    };
    let details = (reply.answer.end == End::Refused)
        .then(|| json!({"type": "refusal", "category": null, "explanation": reply.answer.refusal}));
    let usage = reply.answer.usage(reply.asked);
    let mut counts = json!({"output_tokens": usage.said});
    if usage.reasoning > 0 {
        counts["output_tokens_details"] = json!({"thinking_tokens": usage.reasoning});
    }
    (json!({"stop_reason": reason, "stop_sequence": sequence, "stop_details": details}), counts)
}

fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default())
}
