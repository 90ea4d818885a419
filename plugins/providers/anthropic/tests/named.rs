//! What recordings have no line for: what a call leaves out by name, the order of what it says,
//! the list of models, and what is known beside a failure and an end.

use portcullis_provider_anthropic::Anthropic;
use portcullis_sdk::Recording;
use portcullis_sdk::provider::{
    Body, Call, Event, Exchange, FailureKind, Frame, HttpCall, Provider, ReplyHead,
};

#[test]
fn what_cannot_be_honoured_is_named() {
    const NEWER: &str = "claude-opus-5-5";
    const OLDER: &str = "claude-haiku-4-5";
    for (model, fields, dropped) in [
        (NEWER, r#""max_tokens": 9, "stop": "x", "user": "u", "metadata": {"task": "t"}"#, None),
        // What happens anyway is no loss.
        (
            NEWER,
            r#""logprobs": false, "top_logprobs": null, "presence_penalty": 0, "logit_bias": {},
               "frequency_penalty": 0.0, "service_tier": "auto", "modalities": ["text"], "n": 1,
               "temperature": 1, "top_p": 1.0, "store": false"#,
            None,
        ),
        (
            NEWER,
            r#""logprobs": true, "top_logprobs": 2, "presence_penalty": 0.5, "seed": 0,
               "logit_bias": {"1": 2}, "frequency_penalty": -1, "service_tier": "flex",
               "functions": [{}], "prediction": {"type": "content"}, "verbosity": "low""#,
            Some(
                r#"["frequency_penalty","functions","logit_bias","logprobs","prediction","presence_penalty","seed","service_tier","top_logprobs","verbosity"]"#,
            ),
        ),
        (
            NEWER,
            r#""temperature": 0.2, "top_p": 0.5, "top_k": 3"#,
            Some(r#"["temperature","top_k","top_p"]"#),
        ),
        (OLDER, r#""temperature": 0.2, "top_k": 3"#, None),
        (OLDER, r#""temperature": 1.2, "top_p": 0.5"#, Some(r#"["temperature","top_p"]"#)),
        (OLDER, r#""temperature": 0.2, "reasoning_effort": "low""#, Some(r#"["temperature"]"#)),
        (NEWER, r#""reasoning_effort": "high""#, None),
        (NEWER, r#""reasoning_effort": "none""#, Some(r#"["reasoning_effort"]"#)),
        (OLDER, r#""reasoning_effort": "none""#, None),
        (OLDER, r#""reasoning_effort": "low", "max_tokens": 9"#, Some(r#"["reasoning_effort"]"#)),
        (NEWER, r#""response_format": {"type": "json_object"}"#, Some(r#"["response_format"]"#)),
    ] {
        let call = start(model, &format!(r#"{{"messages": [], {fields}}}"#));
        let named = call.extra.iter().find(|(name, _)| name == "dropped");
        assert_eq!(named.map(|(_, names)| names.as_str()), dropped, "{model}: {fields}");
    }
}

#[test]
fn what_it_cannot_do_is_named_for_the_host() {
    let provider = Anthropic::configure(Default::default()).unwrap();
    for (field, value) in [("n", "2"), ("modalities", r#"["text","audio"]"#)] {
        let body = format!(r#"{{"messages": [], "{field}": {value}}}"#);
        let request = Recording { body, ..Recording::default() }.into();
        let failure = provider.start(&request).err().unwrap();
        assert_eq!(failure.kind, FailureKind::Unsupported);
        assert_eq!(failure.extra, [("param".to_owned(), format!("\"{field}\""))]);
    }
}

/// Betas change answers and prices: they are the operator's to ask for. A sender's own header does
/// not reach a plugin, and what a sender writes into the body is no header.
#[test]
fn betas_are_asked_for_by_the_operator_alone() {
    const BETA: &str = r#"{"beta": ["context-1m-2025-08-07"]}"#;
    let body = r#"{"messages": [], "betas": ["mine"], "anthropic-beta": "mine"}"#;
    for dialect in ["openai", "anthropic"] {
        for (settings, betas) in [("{}", None), (BETA, Some("context-1m-2025-08-07"))] {
            let provider = Anthropic::configure(serde_json::from_str(settings).unwrap()).unwrap();
            let (dialect, body) = (dialect.to_owned(), body.to_owned());
            let request = Recording { dialect, body, ..Recording::default() }.into();
            let Ok((_, Call::Http(call))) = provider.start(&request) else { panic!("no call") };
            let header = call.headers.iter().find(|(name, _)| name == "anthropic-beta");
            assert_eq!(header.map(|(_, names)| names.as_str()), betas);
        }
    }
}

#[test]
fn a_schema_keeps_its_order_and_its_numbers() {
    // A model answers in the order of the schema; and not every number fits a double.
    let schema = r#"{"type":"object","properties":{"why":{"type":"string"},"answer":{"const":12345678901234567890123}}}"#;
    let tool = format!(r#"{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}"#);
    let format = format!(r#"{{"type":"json_schema","json_schema":{{"schema":{schema}}}}}"#);
    let body = format!(r#"{{"messages":[],"tools":[{tool}],"response_format":{format}}}"#);
    let Body::Bytes(sent) = start("m", &body).body else { panic!("not bytes") };
    let sent = String::from_utf8(sent).unwrap();
    assert_eq!(sent.matches(schema).count(), 2, "{sent}");
}

#[test]
fn models_are_listed_with_what_they_can_do() {
    let provider = Anthropic::configure(Default::default()).unwrap();
    let Some(Call::Http(call)) = provider.list_models_call() else { panic!("no call") };
    assert_eq!((call.method.as_str(), call.path_and_query.as_str()), ("GET", "/models?limit=1000"));
    assert_eq!(call.headers, [("anthropic-version".to_owned(), "2023-06-01".to_owned())]);
    let head = ReplyHead { status: 200, headers: Vec::new() };
    // https://platform.claude.com/docs/en/api/models/list
    let list = br#"{"data": [
        {"type": "model", "id": "claude-opus-5-5", "display_name": "Claude Opus 5.5",
         "created_at": "2026-09-22T00:00:00Z", "max_input_tokens": 1000000, "max_tokens": 128000,
         "capabilities": {"batch": {"supported": true}, "image_input": {"supported": true},
            "structured_outputs": {"supported": true},
            "thinking": {"supported": true, "types": {"adaptive": {"supported": true}}}}},
        {"type": "model", "id": "claude-old", "display_name": "Claude Old", "created_at": "1970-01-01T00:00:00Z"}],
        "has_more": false, "first_id": "claude-opus-5-5", "last_id": "claude-old"}"#;
    let models = provider.read_models(&head, list).unwrap();
    let first = &models[0];
    assert_eq!(first.id, "claude-opus-5-5");
    assert_eq!((first.context_tokens, first.max_output_tokens), (Some(1_000_000), Some(128_000)));
    assert_eq!(first.operations, ["chat", "count-tokens"]);
    assert_eq!(first.features, ["tools", "vision", "json-schema", "reasoning"]);
    let name = ("display_name".to_owned(), r#""Claude Opus 5.5""#.to_owned());
    assert_eq!(first.extra, [name]);
    assert_eq!((models[1].context_tokens, models[1].features.len()), (None, 0));
    assert!(provider.read_models(&head, b"<html>").is_err());
}

#[test]
fn a_refusal_names_the_request() {
    let provider = Anthropic::configure(Default::default()).unwrap();
    let headers = vec![("request-id".to_owned(), "req_1".to_owned())];
    let body = br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let failure = provider.refused(&ReplyHead { status: 529, headers }, body);
    let noted = |name: &str, json: &str| (name.to_owned(), json.to_owned());
    let expected = [noted("type", r#""overloaded_error""#), noted("request_id", r#""req_1""#)];
    assert_eq!(failure.extra, expected);
}

#[test]
fn an_end_says_which_sequence_it_was() {
    let provider = Anthropic::configure(Default::default()).unwrap();
    let body = r#"{"messages": []}"#.to_owned();
    let request = Recording { body, ..Recording::default() }.into();
    let (mut answer, _) = provider.start(&request).unwrap();
    let reply = r#"{"id":"i","type":"message","model":"m","content":[],
        "stop_reason":"stop_sequence","stop_sequence":"END"}"#;
    let events = answer.frames(vec![Frame::Text(reply.to_owned())]).unwrap();
    let Some(Event::Finished(finish)) = events.last() else { panic!("{events:?}") };
    assert_eq!(finish.extra, [("stop_sequence".to_owned(), r#""END""#.to_owned())]);
}

/// The call for a request of OpenAI's dialect.
#[allow(clippy::unwrap_used, clippy::panic, reason = "only tests call this")]
fn start(model: &str, body: &str) -> HttpCall {
    let provider = Anthropic::configure(Default::default()).unwrap();
    let (model, body) = (model.to_owned(), body.to_owned());
    let request = Recording { model, body, ..Recording::default() }.into();
    match provider.start(&request) {
        Ok((_, Call::Http(call))) => call,
        other => panic!("{:?}", other.map(|(_, call)| call)),
    }
}
