//! `portcullis-upstream [--port N]`: the scripted server as a process of its own.
#![allow(clippy::print_stdout, reason = "the address is what who starts it waits for")]

use std::io;

use portcullis_example_upstream::Upstream;

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut upstream = Upstream::start_on(port()?).await?;
    println!("listening on {}", upstream.url());
    upstream.serve().await;
    Ok(())
}

fn port() -> io::Result<u16> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let port = match arguments[..] {
        [] => Some(0),
        ["--port", number] => number.parse().ok(),
        _ => None,
    };
    port.ok_or_else(|| io::Error::other("usage: portcullis-upstream [--port N]"))
}
