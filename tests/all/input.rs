//! What clients send that is not a request, or not all of one: always an answer in the dialect's
//! own shape, and never anything that the next client feels.

use crate::caller::{BOTH, Caller, Http, JSON, PATIENCE, Pieces};
use crate::house::{House, chat, provider};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use portcullis::record::End;
use portcullis_tests::process::on_two_workers;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CHAT: &str = "/v1/chat/completions";
const LIMIT: usize = 64 << 10;

/// A small house: its bodies are bounded tightly, and it does not wait long for them.
async fn small() -> Result<House> {
    let server = format!("max_body = \"{LIMIT}B\"\nbody_timeout = \"200ms\"\n");
    let translated = provider("translated", "settings = { passthrough = false }");
    let models = "models = [\"echo\", { id = \"embed\", operations = [\"embeddings\"] }]";
    let house = provider("house", models);
    House::open(&[server, house, translated].concat()).await
}

/// That the gateway still answers, to a client that has done nothing wrong.
async fn still_answers(house: &House) -> Result<()> {
    let answer = house.chat("house/echo", false).await?;
    ensure!(answer.status == 200, "{answer:?}");
    house.settled().await
}

#[test]
fn what_is_no_request_is_refused_in_the_dialects_shape() -> Result<()> {
    // The body; the status, the code, and a part of the message.
    let cases: [(&[u8], u16, &str, &str); 17] = [
        (b"", 400, "invalid_request", "The body is empty"),
        (b"hello", 400, "invalid_request", "not JSON"),
        (b"{\"model\": \"house/echo\"", 400, "invalid_request", "not JSON"),
        (b"{\"model\": \"house/echo\"} {}", 400, "invalid_request", "not JSON"),
        (b"[1]", 400, "invalid_request", "The body is an array"),
        (b"\"x\"", 400, "invalid_request", "The body is a string"),
        (b"7", 400, "invalid_request", "expected a JSON object"),
        (b"null", 400, "invalid_request", "expected a JSON object"),
        (b"{}", 400, "missing_field", "`model` is missing"),
        (br#"{"model": null}"#, 400, "missing_field", "`model` is missing"),
        (br#"{"model": 7}"#, 400, "invalid_request", "`model` is a number"),
        (br#"{"model": ""}"#, 400, "invalid_request", "`model` is empty"),
        (br#"{"model": "m", "messages": "hi"}"#, 400, "invalid_request", "`messages` is a string"),
        (
            br#"{"model": "m", "messages": [{}], "stream": "yes"}"#,
            400,
            "invalid_request",
            "`stream` is a string; expected a boolean",
        ),
        (
            br#"{"model": "m", "model": "house/echo", "messages": [{}]}"#,
            400,
            "invalid_request",
            "duplicate field `model`",
        ),
        (
            br#"{"model": "haus/echo", "messages": [{}]}"#,
            404,
            "model_not_found",
            "nearest names are: house/echo",
        ),
        (b"{\"model\": \"\xff\"}", 400, "invalid_request", "not UTF-8: byte 11"),
    ];
    on_two_workers(async {
        let house = small().await?;
        for http in BOTH {
            let mut caller = house.caller(http).await?;
            for (body, status, code, words) in cases {
                let request =
                    caller.request(Method::POST, CHAT, &[JSON], Bytes::from_static(body))?;
                let refused = caller.ask(request).await?;
                let message = refused.refused(status, code)?;
                ensure!(message.contains(words), "{http:?}: expected {words:?} in {message:?}");
            }
            // The same connection serves whoever mends the mistake.
            ensure!(caller.chat(&chat("house/echo", false)).await?.status == 200);
        }
        ensure!(house.upstream.requests().len() == 2, "what is refused is not sent on");
        still_answers(&house).await
    })
}

#[test]
fn addresses_methods_and_types_are_explained() -> Result<()> {
    let get = Method::GET;
    let post = Method::POST;
    let text = ("content-type", "text/plain");
    let form = ("content-type", "multipart/form-data; boundary=x");
    let cases = [
        (&post, "/", JSON, 404, "no_such_path", "POST / is not served here"),
        (&post, "/chat/completions", JSON, 404, "no_such_path", "not served here"),
        (&post, "/v1/v1/chat/completions", JSON, 404, "no_such_path", "ask for /v1/chat/comp"),
        (&post, "/v1/chat/completions/", JSON, 404, "no_such_path", "not served here"),
        (&get, CHAT, JSON, 405, "method_not_allowed", "takes POST, not GET"),
        (&post, "/v1/models", JSON, 405, "method_not_allowed", "takes GET, not POST"),
        (&get, "/v1/models/hause%2Fecho", JSON, 404, "model_not_found", "house/echo"),
        (&post, CHAT, text, 415, "not_json", "\"text/plain\"; expected application/json"),
        (&post, CHAT, form, 415, "not_json", "multipart/form-data"),
    ];
    on_two_workers(async {
        let house = small().await?;
        for http in BOTH {
            let mut caller = house.caller(http).await?;
            for (method, path, kind, status, code, words) in cases {
                let body = chat("house/echo", false).to_string();
                let request = caller.request(method.clone(), path, &[kind], body)?;
                let message = caller.ask(request).await?.refused(status, code)?;
                ensure!(message.contains(words), "{path}: expected {words:?} in {message:?}");
            }
        }
        still_answers(&house).await
    })
}

#[test]
fn a_body_that_is_too_large_is_refused_and_the_connection_stays() -> Result<()> {
    let pieces = || Pieces::chunked((0..200).map(|_| Bytes::from(vec![b' '; 1 << 10])));
    on_two_workers(async {
        let house = small().await?;
        for http in BOTH {
            let mut caller = house.caller(http).await?;
            for body in [Pieces::from(vec![b' '; LIMIT + 1]), pieces(), vec![b' '; 4 << 20].into()]
            {
                let request = caller.request(Method::POST, CHAT, &[JSON], body)?;
                let message = caller.ask(request).await?.refused(413, "body_too_large")?;
                ensure!(message.contains("65536 bytes"), "{message}");
                let next = caller.chat(&chat("house/echo", false)).await.context("the next")?;
                ensure!(next.status == 200, "{http:?}: {next:?}");
            }
            // One that fits to the byte is no problem.
            let mut body = chat("house/echo", false).to_string();
            body.push_str(&" ".repeat(LIMIT - body.len()));
            let request = caller.request(Method::POST, CHAT, &[JSON], body)?;
            ensure!(caller.ask(request).await?.status == 200);
        }
        still_answers(&house).await
    })
}

/// A client that is still sending when its connection is closed sees that, and not the refusal.
#[test]
fn who_is_refused_before_the_body_is_read_hears_it() -> Result<()> {
    on_two_workers(async {
        let house = small().await?;
        // One that reads nothing before it has sent all of it, which no buffer between the two
        // holds.
        let length = 16 << 20;
        let mut whole = format!(
            "POST /v1/nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: \
             application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        whole.push_str(&" ".repeat(length));
        let answer = raw(&house, whole.as_bytes()).await.context("it was cut off")?;
        ensure!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        for http in BOTH {
            let mut caller = house.caller(http).await?;
            let large = json!({ "model": "house/echo", "padding": "x".repeat(4 << 20) });
            for _ in 0..3 {
                let refused = caller.post("/v1/nowhere", &large).await?;
                ensure!(refused.status == 404, "{http:?}: {refused:?}");
            }
            let answer = caller.chat(&chat("house/echo", false)).await?;
            ensure!(answer.status == 200, "the connection is lost: {answer:?}");
        }
        house.settled().await
    })
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() -> Result<()> {
    on_two_workers(async {
        let house = small().await?;
        for http in BOTH {
            let mut caller = house.caller(http).await?;
            let body = Pieces::endless("{\"model\": ");
            let request = caller.request(Method::POST, CHAT, &[JSON], body)?;
            let message = caller.ask(request).await?.refused(408, "body_timeout")?;
            ensure!(message.contains("200 ms"), "{message}");
        }
        // One that is announced, and then does not come.
        let head = format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{");
        let answer = raw(&house, head.as_bytes()).await?;
        ensure!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        ensure!(answer.contains("\"code\":\"body_timeout\""), "{answer}");
        still_answers(&house).await
    })
}

/// Sends bytes and returns all that comes back until the gateway closes.
async fn raw(house: &House, bytes: &[u8]) -> Result<String> {
    let mut stream = TcpStream::connect(house.address()).await?;
    stream.write_all(bytes).await?;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(PATIENCE, read).await.context("the connection stays open")??;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[test]
fn a_bomb_of_headers_costs_only_its_connection() -> Result<()> {
    on_two_workers(async {
        let house = small().await?;
        let many: String = (0..2_000).map(|n| format!("x-{n}: y\r\n")).collect();
        let long = format!("x-long: {}\r\n", "y".repeat(200 << 10));
        for (headers, status) in [(many, "431"), (long, "431"), ("no colon\r\n".into(), "400")] {
            let head = format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
            // It may hang up while more is still being sent.
            if let Ok(answer) = raw(&house, head.as_bytes()).await {
                let right = answer.starts_with(&format!("HTTP/1.1 {status} "));
                ensure!(right || answer.is_empty(), "expected {status}: {answer}");
            }
            still_answers(&house).await?;
        }
        let mut caller = house.caller(Http::Two).await?;
        let long = "y".repeat(100 << 10);
        let body = chat("house/echo", false).to_string();
        let request = caller.request(Method::POST, CHAT, &[JSON, ("x-long", &long)], body)?;
        if let Ok(answer) = caller.ask(request).await {
            ensure!(answer.status == 431, "{answer:?}");
        }
        still_answers(&house).await
    })
}

#[test]
fn many_headers_within_the_bound_are_an_answer_of_431_and_not_silence() -> Result<()> {
    on_two_workers(async {
        let house = small().await?;
        let many: String = (0..150).map(|n| format!("x-{n}: y\r\n")).collect();
        let head = format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\n{many}\r\n");
        let answer = raw(&house, head.as_bytes()).await?;
        ensure!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        still_answers(&house).await
    })
}

#[test]
fn json_that_is_nested_without_end_ends_nothing() -> Result<()> {
    let nested = ["[".repeat(10_000), "]".repeat(10_000)].concat();
    let content = format!(r#""messages": [{{"role": "user", "content": {nested}}}]"#);
    let usual = r#""messages": [{"role": "user", "content": "hi"}]"#;
    let bodies = [
        format!(r#"{{"model": "house/echo", {content}}}"#),
        format!(r#"{{"model": "translated/echo", {content}, "x": {{"image_url": 1}}}}"#),
        format!(r#"{{"model": "house/echo", {usual}, "metadata": {nested}}}"#),
        format!(r#"{{"model": "house/echo", {usual}, "tools": {nested}}}"#),
        format!(r#"{{"model": {nested}, {usual}}}"#),
        nested,
    ];
    on_two_workers(async {
        let house = small().await?;
        for body in bodies {
            let start = body[..60].to_owned();
            let mut caller = house.caller(Http::One).await?;
            let request = caller.request(Method::POST, CHAT, &[JSON], body)?;
            let answer = caller.ask(request).await.with_context(|| start.clone())?;
            // Whether the upstream takes it is the upstream's business.
            ensure!(answer.status == 200 || answer.status == 400, "{start}: {answer:?}");
            still_answers(&house).await?;
        }
        Ok(())
    })
}

#[test]
fn chats_and_streams_and_vectors_are_answered_over_either_http() -> Result<()> {
    on_two_workers(async {
        let house = small().await?;
        for http in BOTH {
            let mut caller = house.caller(http).await?;
            for provider in ["house", "translated"] {
                let model = format!("{provider}/echo");
                let whole = caller.chat(&chat(&model, false)).await?.json()?;
                let text = whole["choices"][0]["message"]["content"].as_str().unwrap_or_default();
                ensure!(text.contains("four fünf 🦀 seven."), "{whole}");
                let stream = caller.chat(&chat(&model, true)).await?;
                ensure!(stream.header("content-type") == "text/event-stream", "{stream:?}");
                ensure!(stream.events()?.last().is_some_and(|last| last == "[DONE]"));
                let body = serde_json::json!({"model": format!("{provider}/embed"), "input": "x"});
                let vectors = caller.post("/v1/embeddings", &body).await?.json()?;
                ensure!(vectors["data"][0]["embedding"].is_array(), "{vectors}");
            }
            let models = caller.get("/v1/models").await?.json()?;
            ensure!(models["data"][0]["id"].is_string(), "{models}");
            let model = caller.get("/v1/models/house%2Fecho").await?.json()?;
            ensure!(model["id"] == "house/echo" && model["object"] == "model", "{model}");
        }
        still_answers(&house).await
    })
}

#[test]
fn one_connection_serves_many_at_once_over_http_2() -> Result<()> {
    on_two_workers(async {
        let house = small().await?;
        let mut caller = house.caller(Http::Two).await?;
        let body = chat("house/silent", true).to_string();
        let request = caller.request(Method::POST, CHAT, &[JSON], body)?;
        let waiting = tokio::select! {
            answer = caller.begin(request) => anyhow::bail!("it was answered: {answer:?}"),
            recorded = house.upstream.wait_request("silent") => recorded,
        };
        // The one above was reset by its drop; its connection goes on.
        ensure!(waiting.model == "silent");
        tokio::time::timeout(PATIENCE, house.upstream.wait_cancelled("silent")).await?;
        ensure!(caller.chat(&chat("house/echo", true)).await?.status == 200);
        still_answers(&house).await
    })
}

// Clients that go away.

#[test]
fn a_client_that_leaves_in_its_head_or_its_body_leaves_nothing() -> Result<()> {
    on_two_workers(async {
        let house = small().await?;
        for sent in [
            "".to_owned(),
            "P".to_owned(),
            format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-le"),
            format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{\"model\""),
            format!(
                "POST {CHAT} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{{"
            ),
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        ] {
            let mut stream = TcpStream::connect(house.address()).await?;
            stream.write_all(sent.as_bytes()).await?;
            drop(stream);
            still_answers(&house).await?;
        }
        let asked = house.running.gateway.records.newest();
        ensure!(asked.iter().all(|record| record.end == Some(End::Finished)), "{asked:?}");
        Ok(())
    })
}

/// A client asks for `model`, gets so far, and leaves.
async fn leaves(
    house: &House,
    http: Http,
    model: &str,
    streaming: bool,
    begun: bool,
) -> Result<()> {
    let (_, script) = model.split_once('/').context("a model has a provider")?;
    let mut caller = house.caller(http).await?;
    let body = chat(model, streaming).to_string();
    let request = caller.request(Method::POST, CHAT, &[JSON], body)?;
    if begun {
        let answer = caller.begin(request).await?;
        ensure!(answer.status() == 200, "{answer:?}");
        let mut body = answer.into_body();
        body.frame().await.context("no content came")??;
        drop((body, caller));
    } else {
        tokio::select! {
            answer = caller.begin(request) => anyhow::bail!("it was answered: {answer:?}"),
            _ = house.upstream.wait_request(script) => {}
        }
        drop(caller);
    }
    let cancelled = house.upstream.wait_cancelled(script);
    tokio::time::timeout(PATIENCE, cancelled).await.context("the upstream is not told")?;
    house.settled().await?;
    let record = house.record(model).await?;
    ensure!(record.end == Some(End::Abandoned), "{record:?}");
    ensure!(record.candidate.is_some() == begun, "{record:?}");
    Ok(())
}

#[test]
fn a_client_that_leaves_before_the_first_byte_cancels_the_call() -> Result<()> {
    on_two_workers(async {
        let house = small().await?;
        for http in BOTH {
            for provider in ["house", "translated"] {
                for streaming in [true, false] {
                    for script in ["silent", "slow-head-60000ms", "stall"] {
                        let model = format!("{provider}/{script}-{http:?}-{provider}-{streaming}");
                        let left = leaves(&house, http, &model, streaming, false).await;
                        left.with_context(|| model)?;
                    }
                }
            }
        }
        still_answers(&house).await
    })
}

#[test]
fn a_client_that_leaves_a_stream_cancels_the_call() -> Result<()> {
    on_two_workers(async {
        let house = small().await?;
        for http in BOTH {
            for provider in ["house", "translated"] {
                let model = format!("{provider}/echo-60000ms-{http:?}-{provider}");
                // The first chunk has no content, and the second is a minute away: that is to
                // leave before the first byte.
                leaves(&house, http, &model, true, false).await.with_context(|| model)?;
                let model = format!("{provider}/echo-50ms-{http:?}-{provider}");
                leaves(&house, http, &model, true, true).await.with_context(|| model)?;
            }
        }
        still_answers(&house).await
    })
}

#[test]
fn a_hundred_clients_that_leave_at_once_leave_nothing() -> Result<()> {
    on_two_workers(async {
        let house = small().await?;
        let mut callers: Vec<Caller> = Vec::new();
        let mut bodies = Vec::new();
        for _ in 0..100 {
            let mut caller = house.caller(Http::One).await?;
            let body = chat("house/echo-50ms-crowd", true).to_string();
            let request = caller.request(Method::POST, CHAT, &[JSON], body)?;
            bodies.push(caller.begin(request).await?.into_body());
            callers.push(caller);
            if callers.len() == 10 {
                callers.clear();
                bodies.clear();
            }
        }
        house.settled().await?;
        still_answers(&house).await
    })
}
