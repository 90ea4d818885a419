//! The scripted vendors check what they are sent, and say what is wrong as the vendor would.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails, panics")]

use portcullis_example_upstream::Upstream;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ANTHROPIC: &str = "x-api-key: k\r\nanthropic-version: 2023-06-01\r\n";
const GEMINI: &str = "x-goog-api-key: k\r\n";
const BEARER: &str = "authorization: Bearer k\r\n";

/// The status, and the body without what frames it.
async fn ask(path: &str, headers: &str, body: &Value) -> (u16, String) {
    let upstream = Upstream::start().await.unwrap();
    let mut connection = TcpStream::connect(upstream.address()).await.unwrap();
    let body = body.to_string();
    let length = body.len();
    let head = format!("POST {path} HTTP/1.0\r\nhost: a\r\n{headers}content-length: {length}\r\n");
    connection.write_all(format!("{head}\r\n{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// A request that is as it should be but for this change is refused with this status, and
/// with a text that holds these words where the vendor puts them.
async fn refused(
    (path, headers): (&str, &str),
    mut body: Value,
    (place, value): (&str, Value),
    (status, pointer, words): (u16, &str, &str),
) {
    let whole = ask(path, headers, &body).await;
    assert_eq!(whole.0, 200, "{path} as it should be: {}", whole.1);
    body[place] = value;
    let (found, answer) = ask(path, headers, &body).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(found, status, "{path} with {place}: {answer}");
    let text = answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    assert!(text.contains(words), "{path} with {place}: {answer}");
}

#[tokio::test]
async fn anthropic_refuses_what_breaks_its_rules() {
    let wrong = |words| (400, "/error/message", words);
    let body = || {
        json!({"model": "claude-sonnet-5-5--echo", "max_tokens": 9,
               "messages": [{"role": "user", "content": "Hi"}]})
    };
    let to = ("/anthropic/v1/messages", ANTHROPIC);
    let result = json!({"type": "tool_result", "tool_use_id": "x", "content": "y"});
    let orphan = json!([{"role": "user", "content": [result]}]);
    let empty = json!([{"role": "user", "content": [{"type": "text", "text": " "}]}]);
    let open = json!({"format": {"type": "json_schema", "schema": {"type": "object"}}});
    for (place, value, words) in [
        ("max_tokens", Value::Null, "max_tokens: Field required"),
        ("temperature", json!(0.5), "`temperature` is not supported"),
        ("n", json!(2), "n is not a known field"),
        ("messages", orphan, "unexpected `tool_use_id`"),
        ("messages", empty, "non-whitespace"),
        ("output_config", open, "'additionalProperties' must be set to false"),
    ] {
        refused(to, body(), (place, value), wrong(words)).await;
    }
    let (status, answer) = ask(to.0, "x-api-key: k\r\n", &body()).await;
    assert!(status == 400 && answer.contains("anthropic-version: header is required"), "{answer}");
    let (status, answer) = ask(to.0, "", &body()).await;
    assert!(status == 401 && answer.contains("authentication_error"), "{answer}");
}

#[tokio::test]
async fn the_others_refuse_what_breaks_their_rules() {
    let asked = json!([{"role": "user", "content": "Hi"}]);
    let openai = || json!({"model": "gpt-5--echo", "messages": asked.clone()});
    let to = ("/openai/v1/chat/completions", BEARER);
    let wrong = |words| (400, "/error/message", words);
    refused(to, openai(), ("stop", json!("x")), wrong("'stop' is not supported")).await;
    refused(to, openai(), ("top_k", json!(1)), wrong("Unrecognized request argument")).await;

    let ollama = || json!({"model": "qwen3--echo", "stream": false, "messages": asked.clone()});
    let to = ("/ollama/api/chat", "");
    let parts = json!([{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]);
    refused(to, ollama(), ("messages", parts), (400, "/error", "cannot unmarshal")).await;

    let contents = json!([{"role": "user", "parts": [{"text": "Hi"}]}]);
    let gemini = || json!({"contents": contents.clone()});
    let to = ("/gemini/v1beta/models/gemini-3.8-flash--echo:generateContent", GEMINI);
    let call = json!({"functionCall": {"name": "f", "args": {}}});
    let unsigned = json!([{"role": "model", "parts": [call]}]);
    refused(to, gemini(), ("contents", unsigned), wrong("thought_signature")).await;
    refused(to, gemini(), ("model", json!("x")), wrong("model is not a known field")).await;

    let generation = || json!({"inputs": "user: Hi\nassistant:"});
    let to = ("/huggingface-generation/hf-inference/models/org/base--echo", BEARER);
    let cold = ("parameters", json!({"temperature": 0}));
    refused(to, generation(), cold, (422, "/error", "strictly positive")).await;
}

#[tokio::test]
async fn what_is_embedded_or_counted_is_checked() {
    let wrong = |words| (400, "/error/message", words);
    let openai = || json!({"model": "gpt-4.1--embed", "input": "Hi"});
    let to = ("/openai/v1/embeddings", BEARER);
    refused(to, openai(), ("top_k", json!(1)), wrong("Unrecognized request argument")).await;
    refused(to, openai(), ("encoding_format", json!("x")), wrong("float or base64")).await;

    let model = "gemini-3.8-flash--embed";
    let content = json!({"parts": [{"text": "Hi"}]});
    let gemini = || json!({"model": format!("models/{model}"), "content": content.clone()});
    let path = format!("/gemini/v1beta/models/{model}:embedContent");
    let to = (path.as_str(), GEMINI);
    refused(to, gemini(), ("model", json!("models/x")), wrong("not that of the URL")).await;
    refused(to, gemini(), ("content", json!({"parts": []})), wrong("content is empty")).await;
    let contents = json!([{"role": "user", "parts": [{"text": "Hi"}]}]);
    let counted = json!({"model": format!("models/{model}"), "contents": contents});
    let path = format!("/gemini/v1beta/models/{model}:countTokens");
    let other = ("generateContentRequest", json!({"model": "models/x", "contents": contents}));
    let counted = json!({"generateContentRequest": counted});
    refused((&path, GEMINI), counted, other, wrong("not that of the URL")).await;

    let ollama = || json!({"model": "qwen3--embed", "input": "Hi"});
    let tokens = ("input", json!([1, 2]));
    refused(("/ollama/api/embed", ""), ollama(), tokens, (400, "/error", "input type")).await;

    let to = "/huggingface/hf-inference/models/org/model--embed/pipeline/feature-extraction";
    let hub = || json!({"inputs": ["Hi"]});
    let wrong = |words| (422, "/error", words);
    refused((to, BEARER), hub(), ("inputs", json!("Hi")), wrong("a list of texts")).await;
    refused((to, BEARER), hub(), ("dimensions", json!(2)), wrong("not a known field")).await;
}

#[tokio::test]
async fn vendors_make_the_same_vector_of_a_text() {
    let vector = |path: &'static str, headers: &'static str, body: Value, place: &'static str| async move {
        let (status, answer) = ask(path, headers, &body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer.pointer(place).cloned().unwrap_or_else(|| panic!("{path}: {answer}"))
    };
    let openai = json!({"model": "m--embed", "input": "Hi"});
    let openai = vector("/openai/v1/embeddings", BEARER, openai, "/data/0/embedding").await;
    assert_eq!(openai.as_array().map(Vec::len), Some(8));
    let ollama = json!({"model": "m--embed", "input": "Hi"});
    assert_eq!(vector("/ollama/api/embed", "", ollama, "/embeddings/0").await, openai);
    let gemini = json!({"model": "models/m--embed", "content": {"parts": [{"text": "Hi"}]}});
    let path = "/gemini/v1beta/models/m--embed:embedContent";
    assert_eq!(vector(path, GEMINI, gemini, "/embedding/values").await, openai);
    let path = "/huggingface/hf-inference/models/m--embed/pipeline/feature-extraction";
    assert_eq!(vector(path, BEARER, json!({"inputs": ["Hi"]}), "/0").await, openai);
}

#[tokio::test]
async fn a_stream_that_is_cut_where_it_hurts_is_the_same_stream() {
    let asked = json!([{"role": "user", "content": "Grüße 🦀"}]);
    let body = |model: &str| json!({"model": model, "max_tokens": 99, "stream": true, "messages": asked.clone()});
    let path = "/anthropic/v1/messages";
    let (_, cut) = ask(path, ANTHROPIC, &body("m--echo")).await;
    let (_, whole) = ask(path, ANTHROPIC, &body("echo")).await;
    assert!(cut.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"), "{cut}");
    assert_eq!(cut.replace("m--echo", "echo"), whole);
}
