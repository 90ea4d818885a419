//! Access tokens that the gateway fetches: which candidate answers, and what anybody is told,
//! where a token server is well and where it is not.

use crate::house::{House, provider, route};
use anyhow::{Context, Result, ensure};
use portcullis::config::Environment;
use portcullis_tests::process::on_two_workers;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const SECRET: &str = "rt-operators-secret";

/// A token server that answers every request alike, as RFC 6749 says in section 5, and its
/// address.
async fn token_server(status: &'static str, body: &'static str) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.windows(SECRET.len()).any(|seen| seen == SECRET.as_bytes()) {
                if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n\
                 content-length: {length}\r\n\r\n{body}"
            );
            // Whoever has gone away does not matter here.
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    Ok(format!("http://{address}/oauth/token"))
}

/// A house whose first candidate needs a token of that server.
async fn house(token_url: &str) -> Result<House> {
    let credential = format!(
        "credential = {{ oauth2 = {{ token_url = {token_url:?}, client_id = \"me\", \
         refresh_token = {{ env = \"SESSION\" }} }} }}"
    );
    let parts = [
        provider("session", &credential),
        provider("spare", ""),
        route(&["session/echo", "spare/echo-spare"], ""),
    ];
    let environment = Environment::from_iter([("SESSION", SECRET)]);
    House::open_with(&parts.concat(), &environment).await
}

#[test]
fn a_token_is_fetched_and_sent() -> Result<()> {
    on_two_workers(async {
        let body = r#"{"access_token": "at-fetched", "token_type": "Bearer", "expires_in": 300}"#;
        let house = house(&token_server("200 OK", body).await?).await?;
        for streaming in [true, false] {
            let answer = house.chat("auto", streaming).await?;
            ensure!(answer.header("x-portcullis-candidate") == "session/echo", "{answer:?}");
        }
        for call in house.upstream.requests() {
            ensure!(call.header("authorization") == Some("Bearer at-fetched"), "{call:?}");
        }
        house.settled().await
    })
}

#[test]
fn where_no_token_is_to_be_had_the_next_candidate_answers() -> Result<()> {
    on_two_workers(async {
        let body =
            r#"{"error": "invalid_grant", "error_description": "rt-operators-secret ended"}"#;
        let house = house(&token_server("400 Bad Request", body).await?).await?;
        let answer = house.chat("auto", true).await?;
        ensure!(answer.header("x-portcullis-candidate") == "spare/echo-spare", "{answer:?}");
        let record = house.record("auto").await?;
        let tried = record.tried.first().context("nobody was tried")?;
        ensure!(tried.failure.as_deref() == Some("authentication"), "{tried:?}");
        let message = tried.message.as_deref().unwrap_or_default();
        ensure!(message.contains("it answered 400: invalid_grant ((redacted) ended)"), "{message}");

        // Who asks for it alone learns that it is not to be had, and not why.
        let answer = house.chat("session/echo", false).await?;
        answer.refused(502, "upstream_authentication")?;
        let said = format!("{answer:?}{}", house.admin("/api/v1/requests").await?.text()?);
        ensure!(!said.contains(SECRET), "{said}");
        ensure!(house.calls("echo") == 0, "it was called without a token");
        house.settled().await
    })
}
