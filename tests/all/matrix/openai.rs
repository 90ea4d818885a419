//! Chat completions, as a client of OpenAI's reads them.
//! <https://platform.openai.com/docs/api-reference/chat-streaming>

use super::outcome::rename;
use super::{Dialect, json_body};
use crate::caller::{JSON, Reply, error_of};
use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

pub(super) const DIALECT: Dialect = Dialect {
    name: "openai",
    path: "/v1/chat/completions",
    headers: &[JSON],
    body: json_body,
    stream: Some(|request| {
        request["stream"] = true.into();
        request["stream_options"] = json!({ "include_usage": true });
    }),
    whole: |reply| whole(reply.json()?),
    refusal,
    fold,
    essence,
};

fn whole(mut answer: Value) -> Result<Value> {
    ensure!(answer["object"] == "chat.completion", "{answer}");
    ensure!(answer["created"].as_u64() > Some(0), "{answer}");
    answer["created"] = 0.into();
    rename(&mut answer, "/id", "ID")?;
    let choices = answer["choices"].as_array().context("there are no choices")?.clone();
    for (index, choice) in choices.iter().enumerate() {
        let calls = choice["message"]["tool_calls"].as_array().map_or(0, Vec::len);
        for call in 0..calls {
            let id = format!("/choices/{index}/message/tool_calls/{call}/id");
            rename(&mut answer, &id, &format!("CALL {index}.{call}"))?;
        }
    }
    Ok(answer)
}

pub(super) fn refusal(body: Value) -> Result<(Value, String)> {
    let code = error_of(&body)?["code"].as_str().unwrap_or_default().to_owned();
    Ok((body, code))
}

/// What an SDK makes of a stream, which is strict about it: one id, one beginning of each
/// choice, one end, numbers on all pieces of calls and ids on the first only.
fn fold(reply: &Reply) -> Result<Value> {
    let events = reply.events()?;
    let (last, chunks) = events.split_last().context("there are no events")?;
    let mut answer = json!({ "choices": [] });
    for chunk in chunks {
        add(&mut answer, serde_json::from_str(chunk)?)?;
    }
    if last != "[DONE]" {
        let last: Value = serde_json::from_str(last).context("the stream has no end")?;
        answer["error"] = error_of(&last)?;
    }
    answer["object"] = "chat.completion".into();
    whole(answer)
}

fn add(answer: &mut Value, chunk: Value) -> Result<()> {
    ensure!(chunk["object"] == "chat.completion.chunk", "{chunk}");
    let Value::Object(mut chunk) = chunk else { anyhow::bail!("{chunk}") };
    let choices = chunk.remove("choices").unwrap_or_default();
    let usage = chunk.remove("usage").filter(|usage| !usage.is_null());
    ensure!(usage.is_none() || choices == json!([]), "usage comes apart from choices: {choices}");
    if let Some(usage) = usage {
        answer["usage"] = usage;
    }
    for (name, value) in chunk {
        let known = answer.get(&name).is_none_or(|before| *before == value || name == "object");
        ensure!(known, "{name} changed to {value}");
        answer[name] = value;
    }
    for choice in choices.as_array().into_iter().flatten() {
        let index = choice["index"].as_u64().context("a choice without its number")? as usize;
        let all = answer["choices"].as_array_mut().context("no list")?;
        while all.len() <= index {
            all.push(json!({ "index": all.len(), "message": {}, "finish_reason": null }));
        }
        let choice_so_far = &mut all[index];
        ensure!(choice_so_far["finish_reason"].is_null(), "it goes on after its end: {choice}");
        let beside = choice.as_object().into_iter().flatten();
        for (name, value) in beside.filter(|(name, _)| *name != "delta") {
            choice_so_far[name] = value.clone();
        }
        let delta = choice["delta"].as_object().context("a choice without a delta")?;
        append(&mut choice_so_far["message"], delta)?;
    }
    Ok(())
}

fn append(message: &mut Value, delta: &Map<String, Value>) -> Result<()> {
    for (name, value) in delta {
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            ("role", role) => {
                ensure!(message["role"].is_null(), "the role comes once");
                message["role"] = role.clone();
            }
            ("tool_calls", calls) => {
                for call in calls.as_array().into_iter().flatten() {
                    call_piece(message, call)?;
                }
            }
            (name, Value::String(piece)) => {
                let said = message[name].as_str().unwrap_or_default();
                message[name] = format!("{said}{piece}").into();
            }
            (name, Value::Array(items)) => {
                let mut all = message[name].as_array().cloned().unwrap_or_default();
                all.extend(items.iter().cloned());
                message[name] = all.into();
            }
            (name, value) => message[name] = value.clone(),
        }
    }
    Ok(())
}

fn call_piece(message: &mut Value, piece: &Value) -> Result<()> {
    let index = piece["index"].as_u64().context("a piece of a call without its number")? as usize;
    let mut calls = message["tool_calls"].as_array().cloned().unwrap_or_default();
    ensure!(index <= calls.len(), "call {index} comes before those before it");
    let mut fields = piece.as_object().cloned().unwrap_or_default();
    fields.remove("index");
    if index == calls.len() {
        ensure!(piece["id"].is_string() && piece["function"]["name"].is_string(), "{piece}");
        calls.push(Value::Object(fields));
    } else {
        ensure!(fields.keys().all(|name| name == "function" || name == "extra_content"), "{piece}");
        ensure!(piece["function"]["name"].is_null(), "the name comes once: {piece}");
        let call = &mut calls[index];
        let said = call["function"]["arguments"].as_str().unwrap_or_default();
        let more = piece["function"]["arguments"].as_str().unwrap_or_default();
        call["function"]["arguments"] = format!("{said}{more}").into();
        if let Some(extra) = fields.remove("extra_content") {
            call["extra_content"] = extra;
        }
    }
    message["tool_calls"] = calls.into();
    Ok(())
}

/// A text, whatever white space is in it: what has two parts may come back with a space between
/// them.
fn squeezed(text: &Value) -> String {
    let words = text.as_str().unwrap_or_default().split_whitespace();
    words.collect::<Vec<_>>().join(" ")
}

/// The texts, the calls with their arguments, and how each choice ended.
fn essence(answer: &Value) -> Value {
    let call = |call: &Value| {
        let function = &call["function"];
        let arguments = function["arguments"].as_str().unwrap_or_default();
        let arguments: Option<Value> = serde_json::from_str(arguments).ok();
        json!({ "name": function["name"], "arguments": arguments })
    };
    let choice = |choice: &Value| {
        let message = &choice["message"];
        let calls = message["tool_calls"].as_array().into_iter().flatten().map(call);
        json!({
            "content": squeezed(&message["content"]),
            "refusal": message["refusal"].as_str().unwrap_or_default(),
            "calls": calls.collect::<Value>(),
            "end": choice["finish_reason"],
        })
    };
    answer["choices"].as_array().into_iter().flatten().map(choice).collect()
}
