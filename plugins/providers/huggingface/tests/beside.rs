//! What recordings do not show: what stands beside calls, the order of what is passed on, and
//! the lists of models.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

use portcullis_provider_huggingface::HuggingFace;
use portcullis_sdk::provider::{Body, Call, HttpCall, JsonEdit, Model, Provider, ReplyHead};
use portcullis_sdk::{Recording, Request};

fn provider(settings: &str) -> HuggingFace {
    HuggingFace::configure(serde_json::from_str(settings).unwrap()).unwrap()
}

fn call(settings: &str, operation: &str, body: &str) -> HttpCall {
    let recording = Recording {
        operation: operation.to_owned(),
        body: body.to_owned(),
        ..Recording::default()
    };
    match provider(settings).start(&Request::from(recording)) {
        Ok((_, Call::Http(call))) => call,
        other => panic!("{body}: {:?}", other.map(|(_, call)| call)),
    }
}

#[test]
fn what_is_not_said_is_named() {
    const GENERATION: &str = r#"{"route": "text-generation"}"#;
    const DEDICATED: &str = r#"{"server": "dedicated"}"#;
    for (settings, operation, body, dropped) in [
        ("{}", "chat", r#"{"logit_bias": {"1": 2}, "user": "u"}"#, None),
        (DEDICATED, "chat", r#"{"logprobs": true, "user": null}"#, None),
        (
            DEDICATED,
            "chat",
            r#"{"user": "u", "logit_bias": {"1": 2}}"#,
            Some(r#"["logit_bias","user"]"#),
        ),
        (GENERATION, "chat", r#"{"temperature": 0.5, "logprobs": false}"#, None),
        (
            GENERATION,
            "chat",
            r#"{"presence_penalty": 1, "logprobs": true, "reasoning_effort": "low", "x": 1}"#,
            Some(r#"["logprobs","presence_penalty","reasoning_effort","x"]"#),
        ),
        (GENERATION, "chat", r#"{"tool_choice": "required"}"#, Some(r#"["tool_choice"]"#)),
        ("{}", "embeddings", r#"{"input": "a", "encoding_format": "float"}"#, None),
        (
            "{}",
            "embeddings",
            r#"{"input": "a", "dimensions": 2, "user": "u"}"#,
            Some(r#"["dimensions","user"]"#),
        ),
    ] {
        let expected: Vec<_> =
            dropped.map(|names| ("dropped".to_owned(), names.to_owned())).into_iter().collect();
        assert_eq!(call(settings, operation, body).extra, expected, "{settings} {body}");
    }
}

/// However many messages there are before it.
#[test]
fn a_developer_of_a_long_conversation_becomes_the_system() {
    let turn = r#"{"role": "user", "content": "developer"}"#;
    let told = r#"{"role": "developer", "content": "Be brief."}"#;
    for before in [0, 1, 31, 32, 33, 100] {
        let messages = [vec![turn; before], vec![told, turn]].concat().join(",");
        let call = call("{}", "chat", &format!(r#"{{"messages": [{messages}]}}"#));
        let Body::Edited(edits) = call.body else { panic!("no edits") };
        let place = format!("/messages/{before}/role");
        let edited = JsonEdit::Set((place, r#""system""#.to_owned()));
        let roles = |edit: &&JsonEdit| format!("{edit:?}").contains("/role");
        assert_eq!(edits.iter().filter(roles).collect::<Vec<_>>(), [&edited], "{before}");
    }
}

#[test]
fn numbers_are_passed_on_as_they_were_written() {
    let call = call(r#"{"route": "text-generation"}"#, "chat", r#"{"top_p": 0.90, "seed": 7}"#);
    let Body::Bytes(sent) = call.body else { panic!("no bytes") };
    let sent = String::from_utf8(sent).unwrap();
    assert!(sent.contains(r#""top_p":0.90"#), "{sent}");
}

#[test]
fn what_the_router_says_of_models_is_read() {
    let models = |list: &str| -> Vec<Model> {
        let head = ReplyHead { status: 200, headers: Vec::new() };
        provider("{}").read_models(&head, list.as_bytes()).unwrap()
    };
    let list = models(
        r#"{"object":"list","data":[
            {"id":"zai-org/GLM-4.5V","object":"model","created":1,"owned_by":"zai-org",
             "architecture":{"input_modalities":["text","image"],"output_modalities":["text"]},
             "providers":[
                {"provider":"novita","status":"live","context_length":65536,"supports_tools":true,"supports_structured_output":false},
                {"provider":"together","status":"live","context_length":131072,"supports_structured_output":true},
                {"provider":"featherless-ai","status":"live"}]},
            {"id":"gpt2","object":"model","created":1686935002,"owned_by":"openai"}]}"#,
    );
    let [routed, dedicated] = list.as_slice() else { panic!("{list:?}") };
    assert_eq!((routed.id.as_str(), routed.context_tokens), ("zai-org/GLM-4.5V", Some(131_072)));
    assert_eq!(routed.features, ["tools", "json-schema", "vision"]);
    assert_eq!(routed.extra, [("owned_by".to_owned(), r#""zai-org""#.to_owned())]);
    assert_eq!((dedicated.id.as_str(), dedicated.context_tokens), ("gpt2", None));
    assert!(dedicated.features.is_empty());
    let head = ReplyHead { status: 200, headers: Vec::new() };
    assert!(provider("{}").read_models(&head, b"<html>").is_err());
}

/// The router lists what can chat.
#[test]
fn models_are_listed_where_the_list_is_of_them() {
    for (settings, listed) in [
        ("{}", true),
        (r#"{"route": "text-generation"}"#, false),
        (r#"{"route": "text-generation", "server": "dedicated"}"#, true),
    ] {
        assert_eq!(provider(settings).list_models_call().is_some(), listed, "{settings}");
    }
}
