//! One question to an address, without an executor.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

/// Gets what lies there.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<String> {
    ask(address, "GET", path, "")
}

/// Posts JSON.
pub(crate) fn post(address: SocketAddr, path: &str, said: &Value) -> Result<String> {
    ask(address, "POST", path, &said.to_string())
}

fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Result<String> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_nodelay(true)?;
    write!(
        connection,
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    let (_, body) = answer.split_once("\r\n\r\n").context("an answer without a body")?;
    Ok(body.to_owned())
}
