//! Requests of this dialect, and the chats that they become.

use super::*;
use crate::contract::FailureKind;
use serde_json::Value;

fn translated(request: Value) -> (Value, Vec<String>) {
    let made = canonical(request.to_string().as_bytes()).unwrap_or_else(|e| panic!("{e:?}"));
    (serde_json::from_slice(&made.body).unwrap(), made.dropped)
}

#[track_caller]
fn refused(request: Value, kind: FailureKind, expected: &str) {
    let Err(failure) = canonical(request.to_string().as_bytes()) else { panic!("{request}") };
    assert_eq!(failure.kind(), kind, "{failure:?}");
    assert!(failure.message().contains(expected), "{failure:?}");
}

fn of(messages: Value) -> Value {
    json!({ "model": "m", "max_tokens": 9, "messages": messages })
}

#[test]
fn a_plain_request_is_a_plain_chat() {
    let mut request = of(json!([{ "role": "user", "content": "Hi \u{1f980}\n" }]));
    request["system"] =
        json!([{ "type": "text", "text": "Be" }, { "type": "text", "text": "brief" }]);
    request["stop_sequences"] = json!(["END"]);
    request["temperature"] = json!(0.5);
    request["stream"] = json!(true);
    request["metadata"] = json!({ "user_id": "u" });
    let (chat, dropped) = translated(request);
    let expected = json!({
        "model": "m",
        "messages": [
            { "role": "system", "content": "Be\n\nbrief" },
            { "role": "user", "content": "Hi \u{1f980}\n" },
        ],
        "max_tokens": 9,
        "temperature": 0.5,
        "stream": true,
        "stop": ["END"],
        "user": "u",
    });
    assert_eq!((chat, dropped.len()), (expected, 0));
}

#[test]
fn tools_their_uses_and_their_results_keep_their_order() {
    let mut request = of(json!([
        { "role": "assistant", "content": [
            { "type": "thinking", "thinking": "hm", "signature": "s" },
            { "type": "text", "text": "I look." },
            { "type": "tool_use", "id": "t1", "name": "f", "input": { "b": 1, "a": "ä" } },
            { "type": "tool_use", "id": "t2", "name": "g", "input": {} },
        ] },
        { "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": "t1", "content": "one" },
            { "type": "tool_result", "tool_use_id": "t2", "is_error": true, "content": [
                { "type": "text", "text": "two" },
                { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "QQ==" } },
            ] },
            { "type": "text", "text": "And?", "cache_control": { "type": "ephemeral" } },
        ] },
    ]));
    request["tools"] =
        json!([{ "name": "f", "description": "d", "input_schema": { "type": "object" } }]);
    request["tool_choice"] =
        json!({ "type": "tool", "name": "f", "disable_parallel_tool_use": true });
    let (chat, dropped) = translated(request);
    let expected = json!([
        { "role": "assistant", "content": "I look.", "tool_calls": [
            { "id": "t1", "type": "function", "function": { "name": "f", "arguments": r#"{"a":"ä","b":1}"# } },
            { "id": "t2", "type": "function", "function": { "name": "g", "arguments": "{}" } },
        ] },
        { "role": "tool", "content": "one", "tool_call_id": "t1" },
        { "role": "tool", "content": "two", "tool_call_id": "t2" },
        { "role": "user", "content": [
            { "type": "image_url", "image_url": { "url": "data:image/png;base64,QQ==" } },
            { "type": "text", "text": "And?" },
        ] },
    ]);
    assert_eq!(chat["messages"], expected);
    assert_eq!(chat["tools"][0]["function"]["parameters"], json!({ "type": "object" }));
    assert_eq!(chat["tool_choice"]["function"]["name"], "f");
    assert_eq!(chat["parallel_tool_calls"], false);
    assert_eq!(dropped, ["cache_control", "is_error", "thinking of earlier turns"]);
}

#[test]
fn documents_thinking_and_schemas_have_their_words() {
    let mut request = of(json!([{ "role": "user", "content": [
        { "type": "document", "title": "a.pdf", "source":
            { "type": "base64", "media_type": "application/pdf", "data": "QQ==" } },
        { "type": "document", "source": { "type": "text", "media_type": "text/plain", "data": "words" } },
        { "type": "image", "source": { "type": "url", "url": "https://example.com/a.png" } },
    ] }]));
    request["thinking"] = json!({ "type": "enabled", "budget_tokens": 4_000 });
    request["output_config"] =
        json!({ "format": { "type": "json_schema", "schema": { "type": "object" } } });
    request["service_tier"] = json!("auto");
    let (chat, dropped) = translated(request);
    let parts = &chat["messages"][0]["content"];
    assert_eq!(parts[0]["file"]["file_data"], "data:application/pdf;base64,QQ==");
    assert_eq!(parts[0]["file"]["filename"], "a.pdf");
    assert_eq!(parts[1], json!({ "type": "text", "text": "words" }));
    assert_eq!(parts[2]["image_url"]["url"], "https://example.com/a.png");
    assert_eq!(chat["reasoning_effort"], "medium");
    assert_eq!(chat["response_format"]["json_schema"]["schema"], json!({ "type": "object" }));
    assert_eq!(dropped, ["service_tier"]);
}

#[test]
fn what_only_the_vendor_can_do_is_refused() {
    let mut request = of(json!([{ "role": "user", "content": "Hi" }]));
    request["tools"] = json!([{ "type": "web_search_20250305", "name": "web_search" }]);
    refused(request, FailureKind::Unsupported, "web_search_20250305");
    let file = json!([{ "type": "image", "source": { "type": "file", "file_id": "f" } }]);
    refused(of(json!([{ "role": "user", "content": file }])), FailureKind::Unsupported, "an image");
    let mut request = of(json!([{ "role": "user", "content": "Hi" }]));
    request["mcp_servers"] = json!([{}]);
    refused(request, FailureKind::Unsupported, "servers of tools");
}

#[test]
fn what_is_malformed_is_named() {
    let wrong = |messages, expected| refused(of(messages), FailureKind::InvalidRequest, expected);
    wrong(json!([{ "role": "robot", "content": "Hi" }]), "the role \"robot\"");
    wrong(json!([{ "role": "user" }]), "`messages` is malformed: missing field `content`");
    wrong(json!([{ "role": "user", "content": [{ "type": "text" }] }]), "no `text`");
    wrong(json!([{ "role": "user", "content": [{ "type": "image" }] }]), "no `source`");
    wrong(json!([{ "role": "user", "content": [{ "type": "tool_result" }] }]), "no `tool_use_id`");
    let mut request = of(json!([{ "role": "user", "content": "Hi" }]));
    request["tool_choice"] = json!({ "type": "tool" });
    refused(request, FailureKind::InvalidRequest, "\"tool\" with a `name`");
}
