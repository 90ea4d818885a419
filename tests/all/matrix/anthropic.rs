//! Messages, as a client of Anthropic's reads them.
//! <https://platform.claude.com/docs/en/build-with-claude/streaming>

use super::events::named;
use super::outcome::rename;
use super::{Dialect, json_body};
use crate::caller::{JSON, Reply};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

pub(super) const DIALECT: Dialect = Dialect {
    name: "anthropic",
    path: "/v1/messages",
    headers: &[JSON, ("anthropic-version", "2023-06-01")],
    body: json_body,
    stream: Some(|request| request["stream"] = true.into()),
    whole: |reply| whole(reply.json()?),
    refusal,
    fold,
    essence,
};

fn whole(mut answer: Value) -> Result<Value> {
    ensure!(answer["type"] == "message" && answer["role"] == "assistant", "{answer}");
    ensure!(answer["usage"]["output_tokens"].is_u64(), "{answer}");
    rename(&mut answer, "/id", "ID")?;
    let blocks = answer["content"].as_array().context("there is no content")?.len();
    for block in 0..blocks {
        rename(&mut answer, &format!("/content/{block}/id"), &format!("CALL {block}"))?;
    }
    Ok(answer)
}

pub(super) fn refusal(mut body: Value) -> Result<(Value, String)> {
    let said = |name: &str| body["error"][name].as_str().unwrap_or_default().to_owned();
    ensure!(body["type"] == "error" && !said("message").is_empty(), "{body}");
    let kind = said("type");
    rename(&mut body, "/request_id", "REQUEST")?;
    Ok((body, kind))
}

/// What an SDK makes of a stream, which is strict about its order: the message, block after
/// block with its end, how it ended, the end.
fn fold(reply: &Reply) -> Result<Value> {
    let mut events = named(reply)?.into_iter();
    let mut first = events.next().context("there are no events")?;
    ensure!(first["type"] == "message_start", "{first}");
    let mut message = first["message"].take();
    let mut open: Option<Value> = None;
    let mut over = false;
    for event in events {
        ensure!(!over, "there is something behind the end: {event}");
        let blocks = message["content"].as_array_mut().context("there is no content")?;
        let here = event["index"] == blocks.len();
        match event["type"].as_str().unwrap_or_default() {
            "ping" => {}
            "content_block_start" => {
                ensure!(here && open.is_none(), "a block begins in another: {event}");
                open = Some(event["content_block"].clone());
            }
            "content_block_delta" => {
                let open = open.as_mut().filter(|_| here);
                add(open.with_context(|| format!("no block is open: {event}"))?, &event["delta"])?;
            }
            "content_block_stop" => {
                let open = open.take().filter(|_| here);
                blocks.push(closed(open.with_context(|| format!("no block is open: {event}"))?)?);
            }
            "message_delta" => {
                ensure!(open.is_none(), "a block is open: {event}");
                ensure!(event["usage"]["output_tokens"].is_u64(), "{event}");
                merge(&mut message, &event["delta"]);
                merge(&mut message["usage"], &event["usage"]);
            }
            "message_stop" => over = true,
            "error" => {
                blocks.extend(open.take());
                message["error"] = event["error"].clone();
                over = true;
            }
            other => anyhow::bail!("no SDK knows {other:?}"),
        }
    }
    ensure!(over, "the stream has no end");
    whole(message)
}

/// Adds a piece to what a block says. The JSON of a tool's input is a text until the block ends.
fn add(block: &mut Value, delta: &Value) -> Result<()> {
    let (field, piece) = match delta["type"].as_str().unwrap_or_default() {
        "text_delta" => ("text", &delta["text"]),
        "thinking_delta" => ("thinking", &delta["thinking"]),
        "signature_delta" => ("signature", &delta["signature"]),
        "input_json_delta" => ("input", &delta["partial_json"]),
        other => anyhow::bail!("no SDK knows {other:?}"),
    };
    let piece = piece.as_str().with_context(|| format!("no piece: {delta}"))?;
    let said = block[field].as_str().unwrap_or_default();
    block[field] = format!("{said}{piece}").into();
    Ok(())
}

fn closed(mut block: Value) -> Result<Value> {
    if block["type"] == "tool_use" && block["input"].is_string() {
        let json = block["input"].as_str().filter(|json| !json.is_empty()).unwrap_or("{}");
        block["input"] = serde_json::from_str(json)?;
    }
    Ok(block)
}

fn merge(into: &mut Value, from: &Value) {
    for (name, value) in from.as_object().into_iter().flatten() {
        into[name] = value.clone();
    }
}

/// The text, the words of a refusal, the calls with their input, and how the message ended.
fn essence(answer: &Value) -> Value {
    let blocks = answer["content"].as_array().into_iter().flatten();
    let texts = blocks.clone().filter_map(|block| block["text"].as_str());
    let words: Vec<&str> = texts.flat_map(str::split_whitespace).collect();
    let calls = blocks.filter(|block| block["type"] == "tool_use");
    let calls = calls.map(|call| json!({ "name": call["name"], "input": call["input"] }));
    json!({
        "text": words.join(" "),
        "refusal": answer["stop_details"]["explanation"].as_str().unwrap_or_default(),
        "calls": calls.collect::<Value>(),
        "end": answer["stop_reason"],
    })
}
