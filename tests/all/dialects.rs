//! Clients of another dialect than the canonical one, over upstreams that speak that.

use crate::caller::{Http, Reply};
use crate::house::{House, kinds, provider};
use anyhow::{Context, Result, ensure};
use portcullis_tests::process::on_two_workers;
use serde_json::{Value, json};

/// A message as the official packages send it.
fn message(model: &str, streaming: bool) -> Value {
    json!({
        "model": model,
        "max_tokens": 64,
        "stream": streaming,
        "system": [{ "type": "text", "text": "Be brief.", "cache_control": { "type": "ephemeral" } }],
        "messages": [{ "role": "user", "content": [{ "type": "text", "text": "one two three" }] }],
    })
}

async fn ask(house: &House, body: &Value) -> Result<Reply> {
    house.caller(Http::One).await?.post("/v1/messages", body).await
}

/// The names and the data of a stream's events.
fn events(reply: &Reply) -> Result<Vec<(String, Value)>> {
    let mut events = Vec::new();
    for block in reply.text()?.split_terminator("\n\n") {
        let (name, data) = block.split_once('\n').context("an event has one line")?;
        let name = name.strip_prefix("event: ").with_context(|| format!("no name: {block}"))?;
        let data = data.strip_prefix("data: ").with_context(|| format!("no data: {block}"))?;
        let data: Value = serde_json::from_str(data)?;
        ensure!(data["type"] == name, "{block}");
        events.push((name.to_owned(), data));
    }
    Ok(events)
}

/// Runs a check against a provider whose answers the host reads, and one whose plugin does.
fn on_both(check: impl AsyncFn(&House) -> Result<()>) -> Result<()> {
    on_two_workers(async {
        for (kind, text) in ["read by the host", "read by its plugin"].iter().zip(kinds("")) {
            let house = House::open(&text).await?;
            check(&house).await.with_context(|| (*kind).to_owned())?;
            house.settled().await?;
        }
        Ok(())
    })
}

#[test]
fn a_message_is_answered_whole() -> Result<()> {
    on_both(async |house| {
        let reply = ask(house, &message("house/echo", false)).await?;
        ensure!(reply.status == 200, "{reply:?}");
        ensure!(reply.header("x-portcullis-dropped") == "cache_control", "{reply:?}");
        let answer = reply.json()?;
        ensure!(answer["type"] == "message" && answer["role"] == "assistant", "{answer}");
        ensure!(answer["content"][0]["type"] == "text", "{answer}");
        let text = answer["content"][0]["text"].as_str().unwrap_or_default();
        ensure!(text.starts_with("You said: one two three"), "{answer}");
        ensure!(answer["stop_reason"] == "end_turn", "{answer}");
        ensure!(answer["usage"]["output_tokens"].as_u64() > Some(0), "{answer}");
        let record = house.record("house/echo").await?;
        ensure!(record.output_tokens > Some(0), "{record:?}");
        Ok(())
    })
}

#[test]
fn a_message_is_answered_as_a_stream() -> Result<()> {
    on_both(async |house| {
        let reply = ask(house, &message("house/echo", true)).await?;
        let events = events(&reply)?;
        let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
        ensure!(names.starts_with(&["message_start", "content_block_start"]), "{names:?}");
        let end = ["content_block_stop", "message_delta", "message_stop"];
        ensure!(names.ends_with(&end), "{names:?}");
        let deltas = events.iter().filter_map(|(_, data)| data["delta"]["text"].as_str());
        let text = deltas.collect::<String>();
        ensure!(text.starts_with("You said: one two three") && text.ends_with("end."), "{text}");
        let (_, last) = &events[events.len() - 2];
        ensure!(last["delta"]["stop_reason"] == "end_turn", "{last}");
        ensure!(last["usage"]["output_tokens"].as_u64() > Some(0), "{last}");
        let record = house.record("house/echo").await?;
        ensure!(record.output_tokens > Some(0), "{record:?}");
        Ok(())
    })
}

#[test]
fn tools_are_used_in_both_forms() -> Result<()> {
    on_both(async |house| {
        for streaming in [false, true] {
            let mut body = message("house/tools", streaming);
            let schema =
                json!({ "type": "object", "properties": { "city": { "type": "string" } } });
            body["tools"] = json!([{ "name": "weather", "input_schema": schema }]);
            let reply = ask(house, &body).await?;
            let (used, reason) = if streaming {
                let events = events(&reply)?;
                let start =
                    events.iter().find(|(_, data)| data["content_block"]["type"] == "tool_use");
                let (_, start) = start.with_context(|| format!("{events:?}"))?;
                let pieces = events.iter().filter(|(_, data)| data["index"] == start["index"]);
                let input: String =
                    pieces.filter_map(|(_, data)| data["delta"]["partial_json"].as_str()).collect();
                let mut used = start["content_block"].clone();
                used["input"] = serde_json::from_str(&input)?;
                (used, events[events.len() - 2].1["delta"]["stop_reason"].clone())
            } else {
                let answer = reply.json()?;
                let content = answer["content"].as_array().context("no content")?;
                let used = content.iter().find(|block| block["type"] == "tool_use");
                (used.with_context(|| answer.to_string())?.clone(), answer["stop_reason"].clone())
            };
            ensure!(used["name"] == "weather" && used["input"].is_object(), "{used}");
            ensure!(used["id"].as_str().is_some_and(|id| !id.is_empty()), "{used}");
            ensure!(reason == "tool_use", "{reason}");
        }
        Ok(())
    })
}

#[test]
fn errors_have_the_shape_of_the_dialect() -> Result<()> {
    on_both(async |house| {
        for (model, status, kind) in [
            ("house/error-429", 429, "rate_limit_error"),
            ("house/error-503", 529, "overloaded_error"),
            ("house/context-too-long", 400, "invalid_request_error"),
            ("nobody/knows", 404, "not_found_error"),
        ] {
            let reply = ask(house, &message(model, false)).await?;
            ensure!(reply.status == status, "{model}: {reply:?}");
            let error = reply.json()?;
            ensure!(error["type"] == "error" && error["error"]["type"] == kind, "{model}: {error}");
            ensure!(error["error"]["message"].as_str().is_some_and(|m| !m.is_empty()), "{error}");
            ensure!(error["request_id"] == reply.header("request-id"), "{model}: {error}");
        }
        let reply = ask(house, &json!({ "model": "house/echo", "messages": [] })).await?;
        ensure!(reply.status == 400 && reply.json()?["error"]["type"] == "invalid_request_error");
        Ok(())
    })
}

#[test]
fn a_stream_that_fails_ends_in_an_error_event() -> Result<()> {
    on_both(async |house| {
        for model in ["house/error-midstream", "house/cut-after-2"] {
            let reply = ask(house, &message(model, true)).await?;
            let events = events(&reply)?;
            let (name, last) = events.last().context("there are no events")?;
            ensure!(name == "error" && last["error"]["type"] == "api_error", "{model}: {events:?}");
        }
        Ok(())
    })
}

#[test]
fn what_only_another_vendor_can_do_is_refused_by_name() -> Result<()> {
    on_both(async |house| {
        let mut body = message("house/echo", false);
        body["tools"] = json!([{ "type": "web_search_20250305", "name": "web_search" }]);
        let reply = ask(house, &body).await?;
        let error = reply.json()?;
        let message = error["error"]["message"].as_str().unwrap_or_default();
        ensure!(reply.status == 400 && message.contains("web_search_20250305"), "{error}");
        ensure!(error["error"]["param"] == "tools", "{error}");
        ensure!(house.calls("echo") == 0, "it was asked all the same");
        Ok(())
    })
}

#[test]
fn tokens_that_nobody_counts_are_estimated_and_called_so() -> Result<()> {
    on_both(async |house| {
        let body = message("house/echo", false);
        let path = "/v1/messages/count_tokens";
        let reply = house.caller(Http::One).await?.post(path, &body).await?;
        ensure!(reply.status == 200, "{reply:?}");
        ensure!(reply.header("x-portcullis-estimated") == "true", "{reply:?}");
        ensure!(reply.json()?["input_tokens"].as_u64() > Some(0), "{reply:?}");
        Ok(())
    })
}

/// A request of the Responses API, as the official packages send it.
fn response(model: &str, streaming: bool) -> Value {
    json!({
        "model": model,
        "stream": streaming,
        "instructions": "Be brief.",
        "input": [{ "role": "user", "content": [{ "type": "input_text", "text": "one two three" }] }],
    })
}

#[test]
fn a_response_is_answered_in_both_forms() -> Result<()> {
    on_both(async |house| {
        for streaming in [false, true] {
            let mut caller = house.caller(Http::One).await?;
            let reply = caller.post("/v1/responses", &response("house/echo", streaming)).await?;
            ensure!(reply.status == 200, "{reply:?}");
            let answer = if streaming {
                let events = events(&reply)?;
                let numbers: Vec<_> =
                    events.iter().map(|(_, data)| data["sequence_number"].as_u64()).collect();
                let expected: Vec<_> = (0..events.len() as u64).map(Some).collect();
                ensure!(numbers == expected, "{numbers:?}");
                let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
                let begin = ["response.created", "response.in_progress"];
                ensure!(names.starts_with(&begin), "{names:?}");
                ensure!(names.ends_with(&["response.output_item.done", "response.completed"]));
                let said = events.iter().filter(|(name, _)| name == "response.output_text.delta");
                let said: String = said.filter_map(|(_, data)| data["delta"].as_str()).collect();
                let last = events.last().context("there are no events")?.1["response"].clone();
                ensure!(last["output"][0]["content"][0]["text"] == said, "{last}");
                last
            } else {
                reply.json()?
            };
            ensure!(answer["object"] == "response" && answer["status"] == "completed", "{answer}");
            ensure!(answer["instructions"] == "Be brief.", "{answer}");
            let text = answer["output"][0]["content"][0]["text"].as_str().unwrap_or_default();
            ensure!(text.starts_with("You said: one two three"), "{answer}");
            ensure!(answer["usage"]["output_tokens"].as_u64() > Some(0), "{answer}");
        }
        Ok(())
    })
}

#[test]
fn a_response_calls_tools_in_both_forms() -> Result<()> {
    on_both(async |house| {
        for streaming in [false, true] {
            let mut body = response("house/tools", streaming);
            let schema =
                json!({ "type": "object", "properties": { "city": { "type": "string" } } });
            body["tools"] =
                json!([{ "type": "function", "name": "weather", "parameters": schema }]);
            let reply = house.caller(Http::One).await?.post("/v1/responses", &body).await?;
            let answer = if streaming {
                let events = events(&reply)?;
                let pieces = events.iter().filter(|(name, _)| name.ends_with("arguments.delta"));
                let pieces: String =
                    pieces.filter_map(|(_, data)| data["delta"].as_str()).collect();
                ensure!(pieces.contains('{'), "{events:?}");
                events.last().context("there are no events")?.1["response"].clone()
            } else {
                reply.json()?
            };
            let output = answer["output"].as_array().context("there is no output")?;
            let call = output.iter().find(|item| item["type"] == "function_call");
            let call = call.with_context(|| answer.to_string())?;
            ensure!(call["name"] == "weather" && call["status"] == "completed", "{call}");
            ensure!(call["call_id"].as_str().is_some_and(|id| !id.is_empty()), "{call}");
            let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap_or(""))?;
            ensure!(arguments.is_object(), "{call}");
        }
        Ok(())
    })
}

#[test]
fn a_response_that_fails_says_so() -> Result<()> {
    on_both(async |house| {
        let body = response("house/cut-after-2", true);
        let reply = house.caller(Http::One).await?.post("/v1/responses", &body).await?;
        let events = events(&reply)?;
        let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
        ensure!(names.ends_with(&["response.failed", "error"]), "{names:?}");
        let mut body = response("house/echo", false);
        body["previous_response_id"] = json!("resp_1");
        let reply = house.caller(Http::One).await?.post("/v1/responses", &body).await?;
        let message = reply.refused(400, "unsupported")?;
        ensure!(message.contains("`previous_response_id`"), "{message}");
        Ok(())
    })
}

#[test]
fn the_list_of_models_has_the_shape_of_the_dialect() -> Result<()> {
    on_two_workers(async {
        let house = House::open(&provider("house", "models = [\"echo\"]")).await?;
        let mut caller = house.caller(Http::One).await?;
        let list = caller.get_with("/v1/models", &[("anthropic-version", "2023-06-01")]).await?;
        let list = list.json()?;
        ensure!(list["has_more"] == false && list["data"][0]["type"] == "model", "{list}");
        ensure!(list["first_id"] == list["data"][0]["id"], "{list}");
        let one = caller.get_with("/v1/models/house%2Fecho", &[("anthropic-version", "x")]).await?;
        ensure!(one.json()?["id"] == "house/echo", "{one:?}");
        Ok(())
    })
}
