//! What recordings do not show: what stands beside calls, answers and failures; the list of
//! models; and what is told from a model's name.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

use portcullis_provider_gemini::Gemini;
use portcullis_sdk::provider::{
    Call, Ending, Event, Exchange, Failure, FailureKind, Frame, HttpCall, Model, Provider,
    ReplyHead,
};
use portcullis_sdk::{Recording, Request};

type Beside = Vec<(String, String)>;

fn provider(settings: &str) -> Gemini {
    Gemini::configure(serde_json::from_str(settings).unwrap()).unwrap()
}

fn request(operation: &str, model: &str, body: &str) -> Request {
    Request::from(Recording {
        operation: operation.to_owned(),
        model: model.to_owned(),
        body: body.to_owned(),
        ..Recording::default()
    })
}

fn call(settings: &str, request: &Request) -> Result<HttpCall, Failure> {
    match provider(settings).start(request)? {
        (_, Call::Http(call)) => Ok(call),
        (_, other) => panic!("{other:?}"),
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Beside {
    pairs.iter().map(|(name, json)| ((*name).to_owned(), (*json).to_owned())).collect()
}

fn head(status: u16) -> ReplyHead {
    ReplyHead { status, headers: Vec::new() }
}

#[test]
fn what_has_no_place_is_named() {
    let old = "gemini-2.5-flash";
    let new = "gemini-3.8-flash";
    for (operation, model, body, dropped) in [
        ("chat", old, r#""temperature": 1, "top_p": 1, "top_k": 4, "n": 2"#, None),
        ("chat", old, r#""user": null, "stream": false, "metadata": {}, "model": "m""#, None),
        (
            "chat",
            new,
            r#""temperature": 1, "top_k": 4, "n": 1"#,
            Some(r#"["temperature","top_k"]"#),
        ),
        ("chat", new, r#""n": 1, "parallel_tool_calls": true, "stop": "a""#, None),
        ("chat", "gemini-3.5-flash", r#""top_p": 1"#, None),
        ("chat", "gemini-3.5-flash-lite", r#""top_p": 1"#, Some(r#"["top_p"]"#)),
        ("chat", "gemini-flash-latest", r#""top_p": 1"#, Some(r#"["top_p"]"#)),
        ("chat", "gemma-3-27b-it", r#""top_p": 1, "n": 2"#, None),
        (
            "chat",
            old,
            r#""user": "u", "logit_bias": {"1": 2}, "functions": []"#,
            Some(r#"["logit_bias","user"]"#),
        ),
        ("chat", old, r#""parallel_tool_calls": false"#, Some(r#"["parallel_tool_calls"]"#)),
        ("chat", old, r#""web_search_options": {}"#, None),
        (
            "chat",
            old,
            r#""web_search_options": {"search_context_size": "low"}"#,
            Some(r#"["web_search_options"]"#),
        ),
        (
            "chat",
            old,
            r#""messages": [{"role": "user", "name": "ann", "content": [
                {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}},
                {"type": "file", "file": {"file_data": "data:text/plain;base64,YQ==", "filename": "f"}}
            ]}]"#,
            Some(r#"["messages.file.filename","messages.image_url.detail","messages.name"]"#),
        ),
        ("count-tokens", old, r#""user": "u""#, Some(r#"["user"]"#)),
        ("embeddings", "gemini-embedding-2", r#""input": "a", "encoding_format": "base64""#, None),
        (
            "embeddings",
            "gemini-embedding-2",
            r#""input": "a", "user": "u", "other": null"#,
            Some(r#"["user"]"#),
        ),
    ] {
        let call = call("{}", &request(operation, model, &format!("{{{body}}}"))).unwrap();
        let dropped: Vec<_> = dropped.map(|names| ("dropped", names)).into_iter().collect();
        assert_eq!(call.extra, pairs(&dropped), "{model}: {body}");
    }
}

#[test]
fn an_effort_that_a_model_has_not_is_named() {
    for (model, exact, inexact) in [
        ("gemini-2.5-flash", &["none", "low", "medium", "high"][..], &["xhigh"][..]),
        ("gemini-2.5-pro", &["minimal", "high"], &["none", "xhigh"]),
        ("gemini-3.8-flash", &["minimal", "medium", "high"], &["none", "xhigh"]),
    ] {
        let efforts = exact.iter().map(|effort| (effort, true));
        for (effort, exact) in efforts.chain(inexact.iter().map(|effort| (effort, false))) {
            let body = format!(r#"{{"reasoning_effort": "{effort}"}}"#);
            let call = call("{}", &request("chat", model, &body)).unwrap();
            assert_eq!(call.extra.is_empty(), exact, "{model}: {effort}");
        }
    }
}

#[test]
fn the_operator_has_a_parameter_left_out() {
    let request = request("chat", "gemini-2.5-flash", r#"{"presence_penalty": 1, "seed": 2}"#);
    let call = call(r#"{"drop": ["presence_penalty", "top_k"]}"#, &request).unwrap();
    assert_eq!(call.extra, pairs(&[("dropped", r#"["presence_penalty"]"#)]));
    for wrong in [r#"{"dropp": []}"#, r#"{"thoughts": 1}"#] {
        serde_json::from_str::<<Gemini as Provider>::Settings>(wrong).unwrap_err();
    }
}

#[test]
fn the_field_that_is_wrong_is_named() {
    for (body, kind, field) in [
        (r#"{"messages": {}}"#, FailureKind::InvalidRequest, "messages"),
        (r#"{"messages": [{"role": "narrator"}]}"#, FailureKind::Unsupported, "messages"),
        (
            r#"{"tool_choice": 7, "tools": [{"type": "function", "function": {"name": "f"}}]}"#,
            FailureKind::InvalidRequest,
            "tool_choice",
        ),
        (r#"{"reasoning_effort": "most"}"#, FailureKind::InvalidRequest, "reasoning_effort"),
        (r#"{"audio": {"voice": "v"}}"#, FailureKind::Unsupported, "audio"),
        (r#"{"functions": [{}]}"#, FailureKind::Unsupported, "functions"),
        (r#"{"tools": [{"type": "shell"}]}"#, FailureKind::Unsupported, "tools"),
        (
            r#"{"response_format": {"type": "grammar"}}"#,
            FailureKind::Unsupported,
            "response_format",
        ),
        (
            r#"{"n": 2, "tools": [{"type": "function", "function": {"name": "f"}}]}"#,
            FailureKind::Unsupported,
            "n",
        ),
        ("[]", FailureKind::InvalidRequest, "body"),
    ] {
        let failure = call("{}", &request("chat", "gemini-2.5-flash", body)).unwrap_err();
        assert_eq!(failure.kind, kind, "{body}");
        assert_eq!(failure.extra, pairs(&[("param", &format!("\"{field}\""))]), "{body}");
    }
}

#[test]
fn a_name_cannot_lead_elsewhere() {
    for model in ["../files", "a?b", "a/b", "tunedModels/a/b", "a%2fb", "models/tunedModels/a:b"] {
        let failure = call("{}", &request("chat", model, "{}")).unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotFound, "{model}");
    }
    for (model, path) in [
        ("models/gemini-2.5-flash", "/models/gemini-2.5-flash:generateContent"),
        ("tunedModels/mine-1", "/tunedModels/mine-1:generateContent"),
    ] {
        assert_eq!(call("{}", &request("chat", model, "{}")).unwrap().path_and_query, path);
    }
}

#[test]
fn an_end_keeps_the_upstreams_word_for_it() {
    for (reply, extra) in [
        (
            r#"{"candidates": [{"finishReason": "MAX_TOKENS"}]}"#,
            &[("native_finish_reason", r#""MAX_TOKENS""#)][..],
        ),
        (
            r#"{"candidates": [{"finishReason": "SAFETY", "safetyRatings": [{"blocked": true}]}]}"#,
            &[("native_finish_reason", r#""SAFETY""#), ("safety_ratings", r#"[{"blocked":true}]"#)],
        ),
        (
            r#"{"promptFeedback": {"blockReason": "OTHER"}}"#,
            &[("native_finish_reason", r#""OTHER""#)],
        ),
    ] {
        let started = provider("{}").start(&request("chat", "gemini-2.5-flash", "{}"));
        let (mut answer, _) = started.unwrap();
        answer.frames(vec![Frame::Text(reply.to_owned())]).unwrap();
        let Ending::Done(events) = answer.end().unwrap() else { panic!("{reply}") };
        let [Event::Finished(finish)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(finish.extra, pairs(extra), "{reply}");
    }
}

/// Nothing of what an upstream may send ends the plugin.
#[test]
fn answers_of_odd_shapes_are_read() {
    for reply in [
        "null",
        "[]",
        "7",
        r#"{"candidates": {}, "usageMetadata": 7, "promptFeedback": []}"#,
        r#"{"candidates": [7, null, "a", []]}"#,
        r#"{"candidates": [{"content": 7}, {"content": {"parts": [7, null, {}, {"text": 7}]}}]}"#,
        r#"{"candidates": [{"index": -1, "finishReason": 7, "logprobsResult": []}]}"#,
        r#"{"candidates": [{"content": {"parts": [{"functionCall": {"id": 7, "args": 7}}]}}]}"#,
        r#"{"candidates": [{"logprobsResult": {"chosenCandidates": [7], "topCandidates": 7}}]}"#,
    ] {
        let started = provider("{}").start(&request("chat", "gemini-2.5-flash", "{}"));
        let (mut answer, _) = started.unwrap();
        answer.frames(vec![Frame::Text(reply.to_owned())]).unwrap();
        answer.end().unwrap_err();
    }
}

#[test]
fn a_failure_says_which_field_and_why() {
    let failure = provider("{}").refused(
        &head(400),
        br#"{"error": {"code": 400, "message": "Bad.", "status": "INVALID_ARGUMENT", "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SOME"},
            {"@type": "type.googleapis.com/google.rpc.BadRequest",
             "fieldViolations": [{"field": "contents[0]"}]}]}}"#,
    );
    assert_eq!(failure.kind, FailureKind::InvalidRequest);
    assert_eq!(failure.extra, pairs(&[("reason", r#""SOME""#), ("param", r#""contents[0]""#)]));
}

#[test]
fn the_list_of_models_is_read() {
    let provider = provider("{}");
    let Some(Call::Http(call)) = provider.list_models_call() else { panic!("no call") };
    assert_eq!(
        (call.method.as_str(), call.path_and_query.as_str()),
        ("GET", "/models?pageSize=1000")
    );
    let list = br#"{"models": [
        {"name": "models/gemini-3.8-flash", "displayName": "Gemini 3.8 Flash", "thinking": true,
         "inputTokenLimit": 1048576, "outputTokenLimit": 65536,
         "supportedGenerationMethods": ["generateContent", "countTokens", "batchGenerateContent"]},
        {"name": "models/gemini-embedding-2", "supportedGenerationMethods": ["embedContent"]},
        {"displayName": "nameless"}]}"#;
    let models = provider.read_models(&head(200), list).unwrap();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let model = |id: &str, tokens: Option<(u32, u32)>, operations, features, name: &str| Model {
        id: id.to_owned(),
        context_tokens: tokens.map(|tokens| tokens.0),
        max_output_tokens: tokens.map(|tokens| tokens.1),
        operations: words(operations),
        features: words(features),
        extra: pairs(&[("display_name", name)]),
    };
    let tokens = Some((1_048_576, 65_536));
    let (chat, thinks) = (&["chat", "count-tokens"][..], &["reasoning"][..]);
    assert_eq!(
        models,
        [
            model("gemini-3.8-flash", tokens, chat, thinks, r#""Gemini 3.8 Flash""#),
            Model {
                extra: Vec::new(),
                ..model("gemini-embedding-2", None, &["embeddings"], &[], "")
            },
        ]
    );
    for garbage in [&b"<html>"[..], b"{}", b"[]", b"\xff", br#"{"models": {}}"#] {
        let failure = provider.read_models(&head(200), garbage).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Malformed);
    }
}
