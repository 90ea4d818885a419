//! What recordings do not show: what a call leaves out by name, the order of what is passed on,
//! what stands beside a failure, and the list of models.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

use portcullis_provider_openai::OpenAi;
use portcullis_sdk::Recording;
use portcullis_sdk::provider::{Body, Call, Failure, HttpCall, Provider, ReplyHead};

fn provider(settings: &str) -> OpenAi {
    OpenAi::configure(serde_json::from_str(settings).unwrap()).unwrap()
}

fn start(settings: &str, operation: &str, model: &str, body: &str) -> Result<HttpCall, Failure> {
    let [operation, model, body] = [operation, model, body].map(str::to_owned);
    let request = Recording { operation, model, body, ..Recording::default() }.into();
    match provider(settings).start(&request)?.1 {
        Call::Http(call) => Ok(call),
        other => panic!("{other:?}"),
    }
}

fn chat(settings: &str, model: &str, body: &str) -> HttpCall {
    start(settings, "chat", model, body).unwrap()
}

#[test]
fn what_is_left_out_is_named() {
    const GROQ: &str = r#"{"quirks": [{"models": ["*"], "drop": ["logit_bias", "logprobs"],
        "reasoning_effort": {"high": {}}}]}"#;
    for (settings, model, fields, dropped) in [
        ("{}", "gpt-4o", r#""temperature": 0.2, "stop": "x""#, None),
        ("{}", "o4-mini", r#""temperature": 1, "top_p": 1.0, "presence_penalty": 0"#, None),
        ("{}", "o1", r#""temperature": 0.2, "stop": "x""#, Some(r#"["temperature"]"#)),
        (
            "{}",
            "gpt-5-mini",
            r#""temperature": 0.2, "logprobs": true, "stop": ["x"]"#,
            Some(r#"["logprobs","stop","temperature"]"#),
        ),
        (GROQ, "m", r#""logit_bias": {}, "logprobs": false"#, None),
        (
            GROQ,
            "m",
            r#""logit_bias": {"1": 2}, "reasoning_effort": "high""#,
            Some(r#"["logit_bias","reasoning_effort"]"#),
        ),
        // Of what the Responses API has no place for as well.
        (
            r#"{"responses": true}"#,
            "gpt-5-pro",
            r#""seed": 1, "logit_bias": null, "prediction": {"type": "content"}, "temperature": 0"#,
            Some(r#"["prediction","seed","temperature"]"#),
        ),
    ] {
        let call = chat(settings, model, &format!(r#"{{"messages": [], {fields}}}"#));
        let named = call.extra.iter().find(|(name, _)| name == "dropped");
        assert_eq!(named.map(|(_, names)| names.as_str()), dropped, "{model}: {fields}");
    }
}

#[test]
fn fields_of_a_form_are_named_too() {
    let settings = r#"{"quirks": [{"models": ["*"], "drop": ["prompt", "include"]}]}"#;
    let body = r#"{"prompt": "Oslo", "include": []}"#;
    let call = start(settings, "transcription", "m", body).unwrap();
    assert_eq!(call.extra, [("dropped".to_owned(), r#"["prompt"]"#.to_owned())]);
    assert!(call.headers.is_empty(), "the host says where parts end: {:?}", call.headers);
}

/// A model fills a schema in as it is ordered, and numbers are the sender's.
#[test]
fn schemas_and_numbers_are_passed_on_as_they_were_written() {
    let schema =
        r#"{"type":"object","properties":{"why":{"type":"string"},"answer":{"maximum":1.10}}}"#;
    let tool = format!(r#"{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}"#);
    let format =
        format!(r#"{{"type":"json_schema","json_schema":{{"name":"n","schema":{schema}}}}}"#);
    let body = format!(
        r#"{{"messages":[],"tools":[{tool}],"response_format":{format},"top_logprobs":1e1}}"#
    );
    let settings = r#"{"responses": true, "quirks": [{"models": ["*"], "responses": "always"}]}"#;
    let Body::Bytes(sent) = chat(settings, "m", &body).body else { panic!("no bytes") };
    let sent = String::from_utf8(sent).unwrap();
    for part in [
        format!(
            r#""tools":[{{"type":"function","strict":false,"name":"f","parameters":{schema}}}]"#
        ),
        format!(r#""text":{{"format":{{"type":"json_schema","name":"n","schema":{schema}}}}}"#),
        r#""top_logprobs":1e1"#.to_owned(),
    ] {
        assert!(sent.contains(&part), "{part} in {sent}");
    }
}

#[test]
fn a_failure_names_the_field() {
    const ONE: &str = r#"{"quirks": [{"models": ["*"], "one_answer": true}]}"#;
    for (settings, operation, model, body, param) in [
        (ONE, "chat", "m", r#"{"n": 2}"#, "n"),
        (r#"{"responses": true}"#, "chat", "o1-pro", r#"{"n": 2}"#, "n"),
        (
            "{}",
            "transcription",
            "gpt-4o-transcribe",
            r#"{"response_format": "vtt"}"#,
            "response_format",
        ),
    ] {
        let failure = start(settings, operation, model, body).unwrap_err();
        assert_eq!(failure.extra, [("param".to_owned(), format!("{param:?}"))], "{body}");
    }
}

#[test]
fn a_misspelt_quirk_is_no_quirk() {
    for settings in [
        r#"{"quirks": [{"model": ["*"]}]}"#,
        r#"{"quirks": [{"models": ["*"], "responses": "never"}]}"#,
    ] {
        assert!(serde_json::from_str::<<OpenAi as Provider>::Settings>(settings).is_err());
    }
}

#[test]
fn models_are_listed() {
    let provider = provider("{}");
    let Some(Call::Http(call)) = provider.list_models_call() else { panic!("no call") };
    assert_eq!((call.method.as_str(), call.path_and_query.as_str()), ("GET", "/models"));
    let head = ReplyHead { status: 200, headers: Vec::new() };
    let list =
        br#"{"object": "list", "data": [{"id": "m", "owned_by": "o", "context_window": 9}]}"#;
    let models = provider.read_models(&head, list).unwrap();
    assert_eq!((models[0].id.as_str(), models[0].context_tokens), ("m", Some(9)));
    assert_eq!(models[0].extra, [("owned_by".to_owned(), r#""o""#.to_owned())]);
    assert!(provider.read_models(&head, b"<html>").is_err());
}

#[test]
fn it_says_what_it_does() {
    let description = OpenAi::describe();
    assert_eq!(description.operations, ["chat", "embeddings", "transcription"]);
    assert_eq!(description.dialects, ["openai-responses"]);
}
