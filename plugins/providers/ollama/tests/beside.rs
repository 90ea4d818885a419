//! What recordings do not show: what stands beside calls and answers, the order of what is
//! passed on, and the list of models.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

use portcullis_provider_ollama::Ollama;
use portcullis_sdk::provider::{
    Body, Call, Event, Exchange, Frame, HttpCall, Model, Provider, ReplyHead,
};
use portcullis_sdk::{Recording, Request};

fn provider() -> Ollama {
    Ollama::configure(serde_json::from_str("{}").unwrap()).unwrap()
}

fn call(operation: &str, body: &str) -> HttpCall {
    let recording = Recording {
        operation: operation.to_owned(),
        body: body.to_owned(),
        ..Recording::default()
    };
    match provider().start(&Request::from(recording)) {
        Ok((_, Call::Http(call))) => call,
        other => panic!("{body}: {:?}", other.map(|(_, call)| call)),
    }
}

fn models(list: &str) -> Vec<Model> {
    let head = ReplyHead { status: 200, headers: Vec::new() };
    provider().read_models(&head, list.as_bytes()).unwrap()
}

#[test]
fn what_is_not_said_is_named() {
    for (operation, body, dropped) in [
        ("chat", r#"{"messages": [], "temperature": 0.5, "user": null, "logprobs": false}"#, None),
        (
            "chat",
            r#"{"messages": [], "logit_bias": {"1": 2}, "user": "u", "logprobs": true, "mirostat": 1}"#,
            Some(r#"["logit_bias","logprobs","mirostat","user"]"#),
        ),
        ("chat", r#"{"tool_choice": "required"}"#, Some(r#"["tool_choice"]"#)),
        ("chat", r#"{"parallel_tool_calls": false}"#, Some(r#"["parallel_tool_calls"]"#)),
        ("chat", r#"{"suffix": "s", "dimensions": 2}"#, Some(r#"["dimensions","suffix"]"#)),
        (
            "chat",
            r#"{"messages": [{"role": "user", "name": "ann", "content": "a", "audio": null}]}"#,
            Some(r#"["messages.name"]"#),
        ),
        ("embeddings", r#"{"input": "a", "encoding_format": "float"}"#, None),
        ("embeddings", r#"{"input": "a", "user": "u"}"#, Some(r#"["user"]"#)),
    ] {
        let expected: Vec<_> =
            dropped.map(|names| ("dropped".to_owned(), names.to_owned())).into_iter().collect();
        assert_eq!(call(operation, body).extra, expected, "{body}");
    }
}

/// A model fills a schema in as it is ordered, and numbers are the sender's.
#[test]
fn schemas_tools_and_numbers_are_passed_on_as_they_were_written() {
    let schema =
        r#"{"type":"object","properties":{"why":{"type":"string"},"answer":{"maximum":1.10}}}"#;
    let tools =
        format!(r#"[{{"type":"function","function":{{"parameters":{schema},"name":"f"}}}}]"#);
    let body = format!(
        r#"{{"tools":{tools},"top_p":0.90,"response_format":{{"type":"json_schema","json_schema":{{"schema":{schema}}}}}}}"#
    );
    let Body::Bytes(sent) = call("chat", &body).body else { panic!("no bytes") };
    let sent = String::from_utf8(sent).unwrap();
    for part in [
        format!(r#""format":{schema}"#),
        format!(r#""tools":{tools}"#),
        r#""top_p":0.90"#.to_owned(),
    ] {
        assert!(sent.contains(&part), "{part} in {sent}");
    }
}

#[test]
fn how_long_it_took_stands_beside_the_end() {
    let (mut answer, _) = provider().start(&Request::from(Recording::default())).unwrap();
    let line = r#"{"model":"m","message":{"content":""},"done":true,"done_reason":"stop",
        "total_duration":4883583458,"load_duration":1334875,"eval_duration":0}"#;
    let events = answer.frames(vec![Frame::Text(line.to_owned())]).unwrap();
    let Some(Event::Finished(finish)) = events.last() else { panic!("{events:?}") };
    let expected =
        [("total_duration", "4883583458"), ("load_duration", "1334875"), ("eval_duration", "0")];
    assert_eq!(finish.extra, expected.map(|(name, time)| (name.to_owned(), time.to_owned())));
}

/// Newer versions say what a model can do, and how much it reads.
#[test]
fn models_of_newer_and_older_versions_are_read() {
    let list = models(
        r#"{"models":[
            {"name":"qwen3:8b","model":"qwen3:8b","modified_at":"2025-05-10T08:06:48.639712648-07:00","size":4683075271,
             "digest":"0a8c","details":{"family":"qwen3","families":null,"context_length":40960},
             "capabilities":["completion","tools","thinking"]},
            {"name":"all-minilm","details":{"context_length":0},"capabilities":["embedding"]},
            {"name":"llama3.2:latest"}]}"#,
    );
    let [talks, embeds, unknown] = list.as_slice() else { panic!("{list:?}") };
    assert_eq!((talks.id.as_str(), talks.context_tokens), ("qwen3:8b", Some(40_960)));
    assert_eq!(talks.operations, ["chat"]);
    assert_eq!(talks.features, ["tools", "reasoning", "json-object", "json-schema"]);
    assert!(talks.extra.contains(&("family".to_owned(), r#""qwen3""#.to_owned())));
    assert_eq!(
        (embeds.operations.as_slice(), embeds.context_tokens),
        (&["embeddings".to_owned()][..], None)
    );
    assert!(unknown.operations.is_empty() && unknown.features.is_empty());
    assert!(
        provider().read_models(&ReplyHead { status: 200, headers: Vec::new() }, b"<html>").is_err()
    );
}
