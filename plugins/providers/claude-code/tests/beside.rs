//! What recordings do not show: what a call leaves out by name, what stands beside an end, what
//! is too long for a command line, and how long a limit lasts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

use portcullis_provider_claude_code::ClaudeCode;
use portcullis_sdk::provider::{
    Call, CommandCall, Event, Exchange, Failure, FailureKind, Frame, Provider,
};
use portcullis_sdk::{Recording, Request};
use std::time::{SystemTime, UNIX_EPOCH};

fn start(body: &str) -> Result<CommandCall, Failure> {
    let provider = ClaudeCode::configure(serde_json::from_str("{}").unwrap()).unwrap();
    let recording = Recording { body: body.to_owned(), ..Recording::default() };
    match provider.start(&Request::from(recording))?.1 {
        Call::Command(call) => Ok(call),
        other => panic!("{other:?}"),
    }
}

fn printed(line: &str) -> Result<Vec<Event>, Failure> {
    let provider = ClaudeCode::configure(serde_json::from_str("{}").unwrap()).unwrap();
    let (mut answer, _) = provider.start(&Request::from(Recording::default())).unwrap();
    answer.frames(line.lines().map(|line| Frame::Text(line.to_owned())).collect())
}

#[test]
fn what_cannot_be_honoured_is_named() {
    for (fields, dropped) in [
        (
            r#""n": 1, "user": null, "logprobs": false, "tools": [], "metadata": {"task": "t"}"#,
            None,
        ),
        (r#""tool_choice": "none", "tools": [{"type": "function"}]"#, None),
        (
            r#""temperature": 0.5, "max_tokens": 9, "stop": "x", "seed": 1, "user": "u""#,
            Some(r#"["max_tokens","seed","stop","temperature","user"]"#),
        ),
        (r#""reasoning_effort": "none""#, Some(r#"["reasoning_effort"]"#)),
        (r#""tool_choice": "required""#, Some(r#"["tool_choice"]"#)),
        (r#""response_format": {"type": "grammar"}"#, Some(r#"["response_format"]"#)),
        (r#""modalities": ["text", "audio"]"#, Some(r#"["modalities"]"#)),
    ] {
        let message = r#"{"role": "user", "content": "Hi", "audio": null}"#;
        let call = start(&format!(r#"{{"messages": [{message}], {fields}}}"#)).unwrap();
        let named = call.extra.iter().find(|(name, _)| name == "dropped");
        assert_eq!(named.map(|(_, names)| names.as_str()), dropped, "{fields}");
    }
    let marked = r#"{"messages": [{"role": "user", "content": "Hi", "cache_control": {}}]}"#;
    assert_eq!(start(marked).unwrap().extra[0].1, r#"["messages.cache_control"]"#);
}

#[test]
fn what_is_too_long_for_an_argument_goes_another_way() {
    let long = "x".repeat(120_001);
    let call = start(&format!(
        r#"{{"messages": [{{"role": "system", "content": "{long}"}}, {{"role": "user", "content": "Hi"}}]}}"#
    ));
    let call = call.unwrap();
    assert_eq!(call.parameters, [("model".to_owned(), "model".to_owned())]);
    assert_eq!(call.stdin, format!("<instructions>\n{long}\n</instructions>\n\nHi"));
    let format = format!(
        r#"{{"type": "json_schema", "json_schema": {{"schema": {{"description": "{long}"}}}}}}"#
    );
    let refused = start(&format!(r#"{{"messages": [], "response_format": {format}}}"#));
    assert_eq!(refused.unwrap_err().kind, FailureKind::Unsupported);
    let refused = start(&format!(
        r#"{{"messages": [{{"role": "user", "content": "{}"}}]}}"#,
        "x".repeat(10_000_001)
    ));
    assert_eq!(refused.unwrap_err().kind, FailureKind::ContextTooLong);
}

#[test]
fn the_session_stands_beside_the_end() {
    let events = printed(
        r#"{"type":"result","subtype":"success","is_error":false,"result":"Hi","session_id":"s-1","num_turns":1,"duration_ms":7}"#,
    );
    let events = events.unwrap();
    let Some(Event::Finished(finish)) = events.last() else { panic!("{events:?}") };
    let expected = [("session_id", r#""s-1""#), ("num_turns", "1"), ("duration_ms", "7")];
    assert_eq!(finish.extra, expected.map(|(name, it)| (name.to_owned(), it.to_owned())));
}

#[test]
fn a_limit_says_how_long_it_lasts() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (soon, failed) = (now + 3600, r#"{"type":"result","subtype":"success","is_error":true"#);
    for lines in [
        format!(
            "{{\"type\":\"rate_limit_event\",\"rate_limit_info\":{{\"status\":\"rejected\",\
             \"resetsAt\":{soon}}}}}\n{failed},\"result\":\"You've hit your session limit\"}}"
        ),
        format!("{failed},\"result\":\"Claude AI usage limit reached|{soon}\"}}"),
    ] {
        let failure = printed(&lines).unwrap_err();
        assert_eq!(failure.kind, FailureKind::RateLimited, "{failure:?}");
        let wait = failure.retry_after_ms.unwrap();
        assert!((3_500_000..=3_600_000).contains(&wait), "{failure:?}");
    }
}
