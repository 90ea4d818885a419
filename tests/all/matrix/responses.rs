//! Responses, as a client of OpenAI's reads them.
//! <https://platform.openai.com/docs/api-reference/responses-streaming>

use super::events::named;
use super::openai;
use super::outcome::rename;
use super::{Dialect, json_body};
use crate::caller::{JSON, Reply};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

pub(super) const DIALECT: Dialect = Dialect {
    name: "openai-responses",
    path: "/v1/responses",
    headers: &[JSON],
    body: json_body,
    stream: Some(|request| request["stream"] = true.into()),
    whole: |reply| whole(reply.json()?),
    refusal: openai::refusal,
    fold,
    essence,
};

fn whole(mut answer: Value) -> Result<Value> {
    ensure!(answer["object"] == "response" && answer["status"].is_string(), "{answer}");
    ensure!(answer["created_at"].as_u64() > Some(0), "{answer}");
    answer["created_at"] = 0.into();
    rename(&mut answer, "/id", "ID")?;
    let items = answer["output"].as_array().context("there is no output")?.len();
    for item in 0..items {
        rename(&mut answer, &format!("/output/{item}/id"), &format!("ITEM {item}"))?;
        rename(&mut answer, &format!("/output/{item}/call_id"), &format!("CALL {item}"))?;
    }
    Ok(answer)
}

/// What an SDK makes of a stream: the response of its last event, as long as the pieces before
/// say the same.
fn fold(reply: &Reply) -> Result<Value> {
    let mut events = named(reply)?;
    for (number, event) in events.iter().enumerate() {
        ensure!(event["sequence_number"] == number, "event {number}: {event}");
    }
    ensure!(events.first().is_some_and(|event| event["type"] == "response.created"), "{events:?}");
    let error = events.pop_if(|event| event["type"] == "error");
    let mut last = events.pop().context("there are no events")?;
    let over = ["response.completed", "response.incomplete", "response.failed"];
    let kind = last["type"].as_str().unwrap_or_default();
    ensure!(over.contains(&kind), "the stream has no end: {last}");
    let mut answer = last["response"].take();
    for (number, item) in answer["output"].as_array().into_iter().flatten().enumerate() {
        said_in_pieces(&events, number, item)?;
    }
    if let Some(mut error) = error {
        error["sequence_number"] = Value::Null;
        answer["error event"] = error;
    }
    whole(answer)
}

/// That an item was opened, said piece by piece, and closed as it stands in the end.
fn said_in_pieces(events: &[Value], number: usize, item: &Value) -> Result<()> {
    let of_item: Vec<&Value> =
        events.iter().filter(|event| event["output_index"] == number).collect();
    let (first, last) = (of_item.first(), of_item.last());
    let is = |event: Option<&&Value>, kind| event.is_some_and(|event| event["type"] == kind);
    ensure!(is(first, "response.output_item.added"), "{item} was not opened: {of_item:?}");
    // What was being said when a stream failed is shown as far as it came.
    if item["status"] != "incomplete" {
        ensure!(is(last, "response.output_item.done"), "{item} was not closed: {of_item:?}");
        ensure!(last.is_some_and(|event| event["item"] == *item), "{item} is not {last:?}");
    }
    let deltas = of_item.iter().filter_map(|event| event["delta"].as_str());
    let said: String = deltas.collect();
    let parts = ["content", "summary"].into_iter().filter_map(|parts| item[parts].as_array());
    let texts = parts.flatten().flat_map(|part| [&part["text"], &part["refusal"]]);
    let whole: String = texts.chain([&item["arguments"]]).filter_map(Value::as_str).collect();
    ensure!(said == whole, "the pieces say {said:?}, and the item {whole:?}");
    Ok(())
}

/// The texts, the calls with their arguments, and how the response ended.
fn essence(answer: &Value) -> Value {
    let items = answer["output"].as_array().into_iter().flatten();
    let said = items.clone().filter(|item| item["type"] == "message");
    let parts = said.flat_map(|item| item["content"].as_array().into_iter().flatten());
    let text = |name: &'static str| {
        let texts = parts.clone().filter_map(move |part| part[name].as_str());
        texts.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
    };
    let call = |item: &Value| {
        let arguments = item["arguments"].as_str().unwrap_or_default();
        let arguments: Option<Value> = serde_json::from_str(arguments).ok();
        json!({ "name": item["name"], "arguments": arguments })
    };
    let calls = items.filter(|item| item["type"] == "function_call").map(call);
    json!({
        "text": text("text"),
        "refusal": text("refusal"),
        "calls": calls.collect::<Value>(),
        "end": [answer["status"], answer["incomplete_details"]["reason"]],
    })
}
