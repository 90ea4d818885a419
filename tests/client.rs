//! A client of the gateway that sees everything: the status, the headers, every byte.

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// An answer of the gateway.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Who answered, by the gateway's word.
    pub candidate: String,
    /// The fields that were left out of the request, by the gateway's word.
    pub dropped: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The data of the events of a stream.
    pub fn events(&self) -> Vec<&str> {
        self.body.lines().filter_map(|line| line.strip_prefix("data: ")).collect()
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// A chat with one message.
pub fn chat(model: &str, streaming: bool) -> Value {
    json!({
        "model": model,
        "stream": streaming,
        "messages": [{ "role": "user", "content": "hello" }],
    })
}

/// Posts JSON, over a connection of its own.
///
/// # Errors
///
/// If the answer is not all there.
pub async fn post(to: SocketAddr, path: &str, body: &Value) -> Result<Answer> {
    let stream = TcpStream::connect(to).await.context("connecting")?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = http::Request::post(path)
        .header("host", to.to_string())
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))?;
    let response = sender.send_request(request).await.context("asking")?;
    let status = response.status().as_u16();
    let header = |name: &str| {
        let value = response.headers().get(name);
        value.map_or(Ok(""), |value| value.to_str()).map(str::to_owned)
    };
    let (candidate, dropped) = (header("x-portcullis-candidate")?, header("x-portcullis-dropped")?);
    let body = response.into_body().collect().await.context("reading")?.to_bytes();
    drop(sender);
    connection.await??;
    let body = String::from_utf8(body.into())?;
    Ok(Answer { status, candidate, dropped, body })
}
