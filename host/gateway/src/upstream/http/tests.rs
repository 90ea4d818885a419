//! What is sent to an upstream and what is not: calls to real servers on loopback.

mod connections;
mod serve;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::super::authorize::Secret;
use super::*;
use serve::{Response, Upstream, echo, read_request};

const LONG: Duration = Duration::from_secs(600);

fn target(url: &str) -> Target {
    Target {
        base_url: url.parse().unwrap(),
        credential: Credential::None,
        headers: Vec::new(),
        private_addresses: false,
        ca: None,
        connect_timeout: Duration::from_secs(10),
        first_byte_timeout: LONG,
        between_chunks_timeout: LONG,
    }
}

fn post(path: &str) -> Outgoing<'_> {
    let body = Bytes::from_static(b"{}");
    Outgoing { method: "POST", path_and_query: path, headers: &[], body }
}

async fn text(client: &Client, outgoing: Outgoing<'_>) -> String {
    let reply = client.send(outgoing).await.unwrap();
    let body = reply.body.collect(1 << 20).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

fn credentials() -> Vec<(Credential, &'static str)> {
    let secret = || Secret::of_test("sk hidden");
    let name = HeaderName::from_static("x-key");
    vec![
        (Credential::Bearer(secret()), "\nauthorization: Bearer sk hidden\n"),
        (Credential::Header { name, secret: secret() }, "\nx-key: sk hidden\n"),
        (
            Credential::Query { name: "key".into(), secret: secret() },
            "/v1/chat?a=1&key=sk+hidden\n",
        ),
        (
            Credential::Basic { username: "user".into(), secret: secret() },
            "\nauthorization: Basic dXNlcjpzayBoaWRkZW4=\n",
        ),
    ]
}

#[tokio::test]
async fn a_credential_arrives_in_each_of_its_forms() {
    let upstream = Upstream::http(echo).await;
    for (credential, expected) in credentials() {
        let client = Client::new(Target { credential, ..target(&upstream.url()) }).unwrap();
        let seen = text(&client, post("/chat?a=1")).await;
        assert!(
            seen.starts_with("HTTP/1.1 POST /v1/chat?a=1") && seen.contains(expected),
            "{seen}"
        );
    }
}

#[tokio::test]
async fn a_credential_is_in_no_message() {
    let closes =
        Upstream::raw(|mut stream, _| async move { read_request(&mut stream).await }).await;
    let gone = format!("http://127.0.0.1:{}", free_port().await);
    for (credential, _) in credentials() {
        for url in [&closes.url(), &gone] {
            let target = Target { credential: credential.clone(), ..target(url) };
            let debugged = format!("{target:?}");
            let client = Client::new(target).unwrap();
            let error = client.send(post("/chat?private=prompt")).await.unwrap_err();
            let said = format!("{debugged} {client:?} {error} {error:?}");
            assert!(!said.contains("hidden") && !said.contains("prompt"), "{said}");
        }
    }
}

#[tokio::test]
async fn what_a_plugin_may_not_say_is_not_sent() {
    let upstream = Upstream::http(echo).await;
    let credential = Credential::Query { name: "key".into(), secret: Secret::of_test("s") };
    let client = Client::new(Target { credential, ..target(&upstream.url()) }).unwrap();
    for (method, path, header, expected) in [
        (
            "CONNECT",
            "/",
            ("a", "b"),
            "the method `CONNECT` is not one of GET, POST, PUT, PATCH and DELETE",
        ),
        (
            "GET",
            "//evil",
            ("a", "b"),
            "the path begins with two slashes, which would name another host",
        ),
        ("GET", "@evil", ("a", "b"), "the path does not begin with a slash"),
        (
            "GET",
            "/a\r\nx: y",
            ("a", "b"),
            "the path holds a space, a backslash, `#`, or what is not printable ASCII",
        ),
        (
            "GET",
            "/%2e./a",
            ("a", "b"),
            "the path has a segment `..`, which would leave the base address",
        ),
        ("GET", "/?key=x", ("a", "b"), "the query parameter `key` is the host's to set"),
        ("GET", "/", ("Authorization", "b"), "the header `authorization` is the host's to set"),
        ("GET", "/", ("a b", "b"), "`a b` is not the name of a header"),
        (
            "GET",
            "/",
            ("a", "b\r\nc: d"),
            "the value of the header `a` holds characters that a header may not",
        ),
    ] {
        let headers = [(header.0.to_string(), header.1.to_string())];
        let body = Bytes::new();
        let outgoing = Outgoing { method, path_and_query: path, headers: &headers, body };
        let error = client.send(outgoing).await.unwrap_err();
        assert!(matches!(error, SendError::Denied { .. }));
        assert_eq!(error.to_string(), format!("the plugin may not make this call: {expected}"));
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn the_operators_headers_win() {
    let upstream = Upstream::http(echo).await;
    let site = (HeaderName::from_static("x-site"), HeaderValue::from_static("operator"));
    let client = Client::new(Target { headers: vec![site], ..target(&upstream.url()) }).unwrap();
    let headers = [("X-Site", "plugin"), ("x-other", "1"), ("x-other", "2")];
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_string()));
    let seen = text(&client, Outgoing { headers: &headers, ..post("/chat") }).await;
    let host = format!("host: {}\n", upstream.address);
    for expected in
        ["x-site: operator\n", "x-other: 1\nx-other: 2\n", "user-agent: portcullis/", &host]
    {
        assert!(seen.contains(expected) && !seen.contains("plugin"), "{seen}");
    }
}

#[tokio::test]
async fn a_redirect_is_a_reply() {
    let upstream = Upstream::http(|request| {
        let mut reply = Response::default();
        *reply.status_mut() = http::StatusCode::TEMPORARY_REDIRECT;
        let host = request.headers()["host"].to_str().unwrap();
        let elsewhere = HeaderValue::try_from(format!("http://{host}/elsewhere")).unwrap();
        reply.headers_mut().insert("location", elsewhere);
        reply
    })
    .await;
    let reply = Client::new(target(&upstream.url())).unwrap().send(post("/chat")).await.unwrap();
    assert_eq!((reply.status.as_u16(), upstream.requests()), (307, 1));
    assert!(reply.headers.contains_key("location"));
}

fn base_error(url: &str) -> String {
    Client::new(target(url)).unwrap_err().to_string()
}

#[test]
fn a_base_address_that_cannot_be_one_is_refused() {
    for (url, expected) in [
        (
            "ftp://a.example/",
            "the base address has to begin with http:// or https:// and name a host",
        ),
        ("http://user:pw@a.example/", "the base address must not have a user or a password"),
        ("http://a.example/?a=b", "the base address must not have a query"),
        ("http://a.example/#a", "the base address must not have a fragment"),
    ] {
        assert_eq!(base_error(url), expected);
    }
    assert!(base_error("http://169.254.169.254/").contains("is never called"));
    let ca = Some(PathBuf::from("/nowhere/ca.pem"));
    let error = Client::new(Target { ca, ..target("https://a.example/") }).unwrap_err();
    assert!(error.to_string().starts_with("/nowhere/ca.pem: "), "{error}");
    let host = (HeaderName::from_static("host"), HeaderValue::from_static("a"));
    let headers = vec![host];
    let error = Client::new(Target { headers, ..target("http://a.example/") }).unwrap_err();
    assert_eq!(error.to_string(), "the header `host` cannot be configured");
}

fn finds(address: [u8; 4]) -> Lookup {
    Arc::new(move |_| Box::pin(async move { Ok(vec![IpAddr::V4(Ipv4Addr::from(address))]) }))
}

#[tokio::test]
async fn a_name_that_leads_inside_is_called_only_if_the_operator_says_so() {
    let upstream = Upstream::http(echo).await;
    let url = format!("http://api.example:{}/v1", upstream.address.port());
    let refused = Client::resolving(target(&url), finds([127, 0, 0, 1])).unwrap();
    let error = refused.send(post("/chat")).await.unwrap_err();
    assert_eq!(error.to_string(), "api.example has the address 127.0.0.1, which may not be called");
    assert_eq!(upstream.connections(), 0);

    let inside = || Target { private_addresses: true, ..target(&url) };
    let allowed = Client::resolving(inside(), finds([127, 0, 0, 1])).unwrap();
    assert!(text(&allowed, post("/chat")).await.contains("host: api.example"));
    let never = Client::resolving(inside(), finds([169, 254, 169, 254])).unwrap();
    let error = never.send(post("/chat")).await.unwrap_err();
    assert!(matches!(error, SendError::AddressRefused { .. }), "{error}");

    let unknown: Lookup =
        Arc::new(|_| Box::pin(async { Err(std::io::Error::other("no such name")) }));
    let error =
        Client::resolving(inside(), unknown).unwrap().send(post("/chat")).await.unwrap_err();
    assert_eq!(error.to_string(), "api.example has no address: no such name");
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn nobody_there_is_said_at_once() {
    let port = free_port().await;
    let client = Client::new(target(&format!("http://127.0.0.1:{port}"))).unwrap();
    let SendError::Connect { to, why } = client.send(post("/")).await.unwrap_err() else {
        panic!()
    };
    assert_eq!(to, format!("127.0.0.1:{port}"));
    assert!(why.contains("refused"), "{why}");
}
