//! The behaviours that tests of other crates rest on, looked at from the wire.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails, panics")]

use std::time::Duration;

use portcullis_example_upstream::Upstream;
use portcullis_example_upstream::record::Outcome;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Long enough for a loaded machine; what waits for it, waits for an event.
const SOON: Duration = Duration::from_secs(10);

/// Sends a request and gives the connection back, without reading.
async fn send(upstream: &Upstream, path: &str, body: &Value) -> TcpStream {
    let mut connection = TcpStream::connect(upstream.address()).await.unwrap();
    let body = body.to_string();
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n");
    let request = format!("{head}connection: close\r\n\r\n{body}");
    connection.write_all(request.as_bytes()).await.unwrap();
    connection
}

fn chat(model: &str, stream: bool) -> Value {
    let messages = json!([{"role": "user", "content": "one two 🦀"}]);
    json!({"model": model, "stream": stream, "messages": messages})
}

/// Everything up to the end of the connection: the head, and the body without its chunk sizes.
async fn exchange(path: &str, body: &Value) -> (String, Vec<u8>) {
    let upstream = Upstream::start().await.unwrap();
    let mut connection = send(&upstream, path, body).await;
    let mut bytes = Vec::new();
    timeout(SOON, connection.read_to_end(&mut bytes)).await.unwrap().unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let body = bytes[end + 4..].to_vec();
    if head.contains("transfer-encoding: chunked") { (head, joined(&body)) } else { (head, body) }
}

fn joined(mut chunked: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = chunked.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&chunked[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        body.extend_from_slice(&chunked[end + 2..end + 2 + size]);
        chunked = &chunked[end + 2 + size + 2..];
    }
    body
}

async fn stream_of(model: &str) -> String {
    let (_, body) = exchange("/v1/chat/completions", &chat(model, true)).await;
    String::from_utf8(body).unwrap()
}

/// The content that a client puts together from a stream.
fn content(stream: &str) -> String {
    let chunks = stream.lines().filter_map(|line| line.strip_prefix("data:"));
    let chunks = chunks.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    chunks
        .filter_map(|chunk| Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect()
}

const SAID: &str = "You said: one two 🦀 I counted 3 words in that. This is the end.";

#[tokio::test]
async fn a_stream_is_complete() {
    for model in ["echo", "echo-1ms", "split", "crlf", "no-done", "no-finish", "no-blank-line"] {
        let stream = stream_of(model).await;
        assert_eq!(content(&stream), SAID, "{model}");
        assert_eq!(stream.contains("[DONE]"), !matches!(model, "no-done" | "no-blank-line"));
        assert_eq!(stream.contains(r#""finish_reason":"stop""#), model != "no-finish");
        assert_eq!(stream.ends_with("\n"), model != "no-blank-line");
        assert!(!stream.contains("usage"), "it was not asked for");
    }
    assert!(stream_of("crlf").await.starts_with(": keep-alive\r\n\r\ndata:{"));
}

#[tokio::test]
async fn usage_comes_last_and_only_when_asked_for() {
    let mut body = chat("echo", true);
    body["stream_options"] = json!({"include_usage": true});
    let (_, stream) = exchange("/v1/chat/completions", &body).await;
    let stream = String::from_utf8(stream).unwrap();
    let events: Vec<&str> = stream.split("\n\n").collect();
    let [.., usage, done, ""] = events[..] else { panic!("{stream}") };
    assert_eq!(done, "data: [DONE]");
    let usage: Value = serde_json::from_str(usage.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["prompt_tokens"], 3);
    assert_eq!(usage["usage"]["completion_tokens"], 15);
}

#[tokio::test]
async fn a_cut_stream_has_its_chunks_and_no_end() {
    let upstream = Upstream::start().await.unwrap();
    let mut connection = send(&upstream, "/v1/chat/completions", &chat("cut-after-3", true)).await;
    let mut bytes = Vec::new();
    let _ = timeout(SOON, connection.read_to_end(&mut bytes)).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.matches("data: {").count(), 3);
    assert!(!text.ends_with("0\r\n\r\n"), "the last chunk would make it look complete");
    upstream.wait_idle().await;
    assert!(matches!(upstream.requests()[0].outcome, Outcome::Finished { .. }));
}

#[tokio::test]
async fn a_cut_answer_is_shorter_than_announced() {
    let (head, body) = exchange("/v1/chat/completions", &chat("cut-after-3", false)).await;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert_eq!(body.len(), length.parse::<usize>().unwrap() / 2);
}

#[tokio::test]
async fn bytes_that_are_not_utf8_arrive() {
    for stream in [false, true] {
        let (_, body) = exchange("/v1/chat/completions", &chat("bad-utf8", stream)).await;
        assert!(body.contains(&0xff));
    }
}

/// However silent the answer is, and at whatever stage.
#[tokio::test]
async fn a_client_that_goes_away_is_noticed() {
    for (model, stream) in [
        ("silent", false),
        ("silent", true),
        ("stall", false),
        ("stall", true),
        ("slow-head-60000ms", false),
        ("echo-60000ms", true),
    ] {
        let upstream = Upstream::start().await.unwrap();
        let connection = send(&upstream, "/v1/chat/completions", &chat(model, stream)).await;
        upstream.wait_request(model).await;
        assert_eq!(upstream.in_flight(), 1);
        let gone = Instant::now();
        drop(connection);
        let recorded = timeout(SOON, upstream.wait_cancelled(model)).await.unwrap();
        assert!(matches!(recorded.outcome, Outcome::Abandoned { .. }), "{model}");
        assert_eq!(upstream.in_flight(), 0, "{model} after {:?}", gone.elapsed());
    }
}

#[tokio::test]
async fn who_reads_to_the_end_has_not_gone_away() {
    let upstream = Upstream::start().await.unwrap();
    for stream in [false, true] {
        let mut connection = send(&upstream, "/v1/chat/completions", &chat("echo", stream)).await;
        connection.read_to_end(&mut Vec::new()).await.unwrap();
    }
    upstream.wait_idle().await;
    let finished = |it: &_| matches!(it, Outcome::Finished { .. });
    assert!(upstream.requests().iter().all(|request| finished(&request.outcome)));
}

#[tokio::test]
async fn flaky_fails_so_often_for_each_name() {
    let upstream = Upstream::start().await.unwrap();
    let mut statuses = Vec::new();
    for model in ["flaky-2-a", "flaky-2-a", "flaky-2-b", "flaky-2-a"] {
        let mut connection = send(&upstream, "/v1/chat/completions", &chat(model, false)).await;
        let mut text = String::new();
        connection.read_to_string(&mut text).await.unwrap();
        statuses.push(text[9..12].to_owned());
    }
    assert_eq!(statuses, ["503", "503", "503", "200"]);
}

#[tokio::test]
async fn a_request_is_recorded_as_it_came() {
    let upstream = Upstream::start().await.unwrap();
    let body = chat("echo", false);
    let mut connection = send(&upstream, "/v1/chat/completions?a=b", &body).await;
    connection.read_to_end(&mut Vec::new()).await.unwrap();
    let recorded = upstream.requests().pop().unwrap();
    assert_eq!(recorded.path, "/v1/chat/completions?a=b");
    assert_eq!(recorded.header("host"), Some("a"));
    assert_eq!(recorded.body, body.to_string());
    assert_eq!(recorded.model, "echo");
    upstream.reset();
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn lines_for_the_first_provider() {
    let (_, body) = exchange("/generate", &json!({"prompt": "a b", "stream": true})).await;
    let lines: Vec<Value> =
        body.split(|byte| *byte == b'\n').flat_map(serde_json::from_slice).collect();
    assert_eq!(lines.first(), Some(&json!({"word": "You "})));
    assert_eq!(lines.last(), Some(&json!({"done": true, "words_in": 2, "words_out": 4})));
}

#[tokio::test]
async fn what_is_no_request_is_refused_in_the_dialect() {
    for (path, body, status, says) in [
        ("/v1/chat/completions", json!([]), "400", "JSON object"),
        ("/v1/chat/completions", chat("eccho", false), "404", "not scripted"),
        ("/v1/chat/completions", json!({"model": "echo"}), "400", "messages"),
        ("/v1/embeddings", json!({"model": "embed"}), "400", "input"),
        ("/v1/nowhere", json!({}), "404", "nothing"),
    ] {
        let (head, body) = exchange(path, &body).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {head}");
        let body: Value = serde_json::from_slice(&body).unwrap();
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains(says), "{message}");
    }
}
