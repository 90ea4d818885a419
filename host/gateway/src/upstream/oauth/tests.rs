//! Tokens of a real token server on loopback: fetched, kept, renewed, rejected and refused.

mod server;

use std::path::Path;

use bytes::Bytes;
use futures_util::future::join_all;

use super::*;
use crate::config::{ClientAuthentication, Credential};
use server::{Server, issued};

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned(), SecretSource::Env("TEST".to_owned()))
}

fn oauth2(server: &Server) -> OAuth2 {
    OAuth2 {
        token_url: server.url("/oauth/token"),
        private_addresses: false,
        client_id: "client".into(),
        client_secret: Some(secret("cs-hidden")),
        client_authentication: ClientAuthentication::Basic,
        refresh_token: Some(secret("rt-hidden")),
        write_back: false,
        scope: None,
        parameters: Vec::new(),
    }
}

fn target(server: &Server, oauth2: OAuth2) -> Target {
    Target {
        base_url: server.url("/v1"),
        credential: Credential::OAuth2(Box::new(oauth2)),
        headers: Vec::new(),
        private_addresses: true,
        ca: None,
        connect_timeout: Duration::from_secs(30),
        first_byte_timeout: Duration::from_secs(3_600),
        between_chunks_timeout: Duration::from_secs(3_600),
    }
}

fn client(server: &Server) -> Client {
    Client::new(target(server, oauth2(server))).unwrap()
}

fn chat() -> Outgoing<'static> {
    let body = Bytes::from_static(b"{}");
    Outgoing { method: "POST", path_and_query: "/chat", headers: &[], body }
}

/// The status and the text of a call's reply.
async fn call(client: &Client) -> Result<(u16, String), SendError> {
    let reply = client.send(chat()).await?;
    let status = reply.status.as_u16();
    let body = reply.body.collect(1 << 10).await?;
    Ok((status, String::from_utf8(client.redacted(&body).into_owned()).unwrap()))
}

/// The token that a call bore.
async fn token(client: &Client) -> String {
    client.send(chat()).await.unwrap().body.collect(1 << 10).await.map(text).unwrap()
}

fn text(body: Bytes) -> String {
    String::from_utf8(body.to_vec()).unwrap()
}

/// Lets so much time pass, which takes none.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Waits for the fetch that is under way, if one is.
async fn fetched(client: &Client) {
    let fetch = client.tokens().unwrap().lock().fetch.clone();
    if let Some(fetch) = fetch {
        let _ = fetch.await;
    }
}

#[tokio::test]
async fn a_token_is_fetched_once_and_sent_with_every_call() {
    let server = Server::start().await;
    let client = client(&server);
    assert_eq!(server.asked().len(), 0, "nothing is fetched before somebody needs it");
    assert_eq!((token(&client).await, token(&client).await), ("at-1".into(), "at-1".into()));
    assert_eq!(server.calls(), ["Bearer at-1", "Bearer at-1"]);
    let [asked] = &server.asked()[..] else { panic!("{:?}", server.asked()) };
    assert_eq!(asked.form, "grant_type=refresh_token&refresh_token=rt-hidden");
    let header = |name: &str| asked.headers[name].to_str().unwrap();
    // `client` and `cs-hidden`, in base64.
    assert_eq!(header("authorization"), "Basic Y2xpZW50OmNzLWhpZGRlbg==");
    assert_eq!(header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(header("accept"), "application/json");
}

#[tokio::test]
async fn the_address_of_a_token_may_have_a_query() {
    let server = Server::start().await;
    let mut oauth2 = oauth2(&server);
    oauth2.token_url.set_query(Some("api-version=1"));
    (oauth2.client_secret, oauth2.refresh_token) = (Some(secret("s")), None);
    let client = Client::new(target(&server, oauth2)).unwrap();
    assert_eq!(token(&client).await, "at-1");
    assert_eq!(server.asked()[0].form, "grant_type=client_credentials");
}

#[tokio::test]
async fn fifty_calls_at_once_fetch_one_token() {
    let server = Server::start().await;
    let client = client(&server);
    let tokens = join_all((0..50).map(|_| token(&client))).await;
    assert!(tokens.iter().all(|token| token == "at-1"), "{tokens:?}");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_token_is_renewed_ahead_of_its_end_and_nobody_waits_for_it() {
    let server = Server::start().await;
    let client = client(&server);
    token(&client).await;
    pass(Duration::from_secs(239)).await;
    assert_eq!((token(&client).await, server.asked().len()), ("at-1".into(), 1));
    // Four fifths of its five minutes are over.
    server.close();
    pass(Duration::from_secs(2)).await;
    let tokens = join_all((0..20).map(|_| token(&client))).await;
    assert!(tokens.iter().all(|token| token == "at-1"), "{tokens:?}");
    server.let_one_pass();
    fetched(&client).await;
    assert_eq!((token(&client).await, server.asked().len()), ("at-2".into(), 2));
}

#[tokio::test]
async fn a_token_that_has_expired_is_waited_for() {
    let server = Server::start().await;
    server.then(200, &issued(1, 300)).then(200, r#"{"access_token":"for-ever"}"#);
    let client = client(&server);
    token(&client).await;
    pass(Duration::from_secs(301)).await;
    assert_eq!(token(&client).await, "for-ever");
    pass(Duration::from_secs(1_000_000)).await;
    assert_eq!((token(&client).await, server.asked().len()), ("for-ever".into(), 2));
}

#[tokio::test]
async fn whoever_goes_away_does_not_break_off_a_fetch() {
    let server = Server::start().await;
    let client = client(&server);
    server.close();
    assert!(client.send(chat()).now_or_never().is_none(), "it has to wait");
    server.let_one_pass();
    assert_eq!((token(&client).await, server.asked().len()), ("at-1".into(), 1));
}

fn rotating(number: usize, refresh_token: &str) -> String {
    issued(number, 300).replace('}', &format!(",\"refresh_token\":\"{refresh_token}\"}}"))
}

#[tokio::test]
async fn a_rotated_refresh_token_is_the_one_that_is_used_next() {
    let server = Server::start().await;
    server.then(200, &rotating(1, "rt-second"));
    let client = client(&server);
    token(&client).await;
    pass(Duration::from_secs(301)).await;
    assert_eq!(token(&client).await, "at-2");
    pass(Duration::from_secs(301)).await;
    assert_eq!(token(&client).await, "at-3");
    let forms: Vec<_> = server.asked().into_iter().map(|asked| asked.form).collect();
    let with = |token: &str| format!("grant_type=refresh_token&refresh_token={token}");
    assert_eq!(forms, [with("rt-hidden"), with("rt-second"), with("rt-second")]);
}

/// What stands in the file after the refresh token was rotated.
async fn kept_in(file: &Path, write_back: bool) -> String {
    std::fs::write(file, "rt-first\n").unwrap();
    let server = Server::start().await;
    server.then(200, &rotating(1, "rt-second"));
    let source = SecretSource::File(file.to_owned());
    let refresh_token = Some(Secret::new("rt-first".into(), source));
    let oauth2 = OAuth2 { refresh_token, write_back, ..oauth2(&server) };
    assert_eq!(token(&Client::new(target(&server, oauth2)).unwrap()).await, "at-1");
    std::fs::read_to_string(file).unwrap()
}

#[tokio::test]
async fn a_rotated_refresh_token_is_written_back_if_the_operator_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    assert_eq!(kept_in(&file, false).await, "rt-first\n");
    assert_eq!(kept_in(&file, true).await, "rt-second\n");
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 1, "nothing is left beside it");
}

/// What a client is told that gets no token, before and after the server has recovered.
async fn refused(status: u16, body: &str) -> String {
    let server = Server::start().await;
    server.then(status, body);
    let client = client(&server);
    let error = call(&client).await.unwrap_err();
    assert_eq!(call(&client).await, Err(error.clone()), "it is not asked again at once");
    assert_eq!((server.asked().len(), server.calls().len()), (1, 0));
    pass(AFTER_FAILURE).await;
    assert_eq!(token(&client).await, "at-2");
    let said = format!("{error} {error:?} {client:?}");
    assert!(!said.contains("hidden"), "{said}");
    let from = format!("no access token from {}: ", server.address);
    error.to_string().strip_prefix(&from).unwrap_or_else(|| panic!("{error}")).to_owned()
}

#[tokio::test]
async fn a_token_server_that_refuses_is_a_failure_without_secrets() {
    let repeats =
        r#"{"error":"invalid_grant","error_description":"rt-hidden of client:cs-hidden"}"#;
    for (status, body, expected) in [
        (400, r#"{"error":"invalid_grant"}"#, "it answered 400: invalid_grant"),
        (400, repeats, "it answered 400: invalid_grant ((redacted) of client:(redacted))"),
        (500, "", "it answered 500"),
        (302, "", "it answered 302"),
        (200, "<html>at-hidden</html>", "it answered 200, but no token in JSON"),
        (200, "{\"access_token\":\"at\\nhidden\"}", "its token cannot stand in a header"),
        (200, "{\"access_token\":\"\"}", "its token cannot stand in a header"),
    ] {
        assert_eq!(refused(status, body).await, expected);
    }
    let long = refused(200, &"x".repeat(LONGEST + 1)).await;
    assert_eq!(long, "the reply is longer than 65536 bytes");
}

#[tokio::test]
async fn a_token_server_that_is_not_there_or_silent_is_a_failure() {
    let server = Server::start().await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let token_url = format!("http://{gone}/token").parse().unwrap();
    let down = target(&server, OAuth2 { token_url, ..oauth2(&server) });
    let error = call(&Client::new(down).unwrap()).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("no access token from {gone}: no connection")), "{error}");

    server.close();
    let mut slow = target(&server, oauth2(&server));
    slow.first_byte_timeout = Duration::from_millis(100);
    let error = call(&Client::new(slow).unwrap()).await.unwrap_err().to_string();
    assert!(error.ends_with("no reply within 100ms"), "{error}");
}

#[tokio::test]
async fn while_the_old_token_lasts_a_failure_to_renew_it_harms_nobody() {
    let server = Server::start().await;
    server.then(200, &issued(1, 300)).then(503, "").then(503, "");
    let client = client(&server);
    token(&client).await;
    pass(Duration::from_secs(250)).await;
    for _ in 0..10 {
        assert_eq!(token(&client).await, "at-1");
        fetched(&client).await;
    }
    assert_eq!(server.asked().len(), 2, "it is left alone for a while");
    pass(Duration::from_secs(51)).await;
    let error = call(&client).await.unwrap_err().to_string();
    assert!(error.ends_with("it answered 503"), "{error}");
}

#[tokio::test]
async fn a_token_that_is_rejected_is_replaced_and_the_call_made_once_more() {
    let server = Server::start().await;
    let client = client(&server);
    token(&client).await;
    server.revoke("at-1");
    let answers = join_all((0..20).map(|_| call(&client))).await;
    assert!(answers.iter().all(|answer| *answer == Ok((200, "(redacted)".into()))), "{answers:?}");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn an_upstream_that_rejects_every_token_is_asked_twice_and_no_token_is_shown() {
    let server = Server::start().await;
    for token in ["at-1", "at-2", "at-3"] {
        server.revoke(token);
    }
    let client = client(&server);
    let rejected = Ok((401, "{\"error\":\"(redacted) is invalid\"}".to_owned()));
    assert_eq!(call(&client).await, rejected);
    assert_eq!(server.calls(), ["Bearer at-1", "Bearer at-2"]);
    // It is not the token that is wrong; the token server is left in peace.
    assert_eq!(call(&client).await, rejected);
    assert_eq!((server.calls().len(), server.asked().len()), (3, 2));
    pass(BETWEEN_REPLACEMENTS).await;
    assert_eq!(call(&client).await, rejected);
    assert_eq!((server.calls().len(), server.asked().len()), (5, 3));
}

#[tokio::test]
async fn where_no_new_token_is_to_be_had_the_call_fails() {
    let server = Server::start().await;
    server.then(200, &issued(1, 300)).then(400, r#"{"error":"invalid_grant"}"#);
    let client = client(&server);
    token(&client).await;
    server.revoke("at-1");
    let error = call(&client).await.unwrap_err().to_string();
    assert!(error.ends_with("it answered 400: invalid_grant"), "{error}");
}
