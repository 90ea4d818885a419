//! Forms and answers, against the examples of RFC 6749.

use super::*;
use crate::config::SecretSource;

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned(), SecretSource::Env("TEST".to_owned()))
}

fn oauth2(client_authentication: ClientAuthentication, secret: Option<Secret>) -> OAuth2 {
    OAuth2 {
        token_url: "https://server.example.com/token".parse().unwrap(),
        private_addresses: false,
        client_id: "s6BhdRkqt3".into(),
        client_secret: secret,
        client_authentication,
        refresh_token: None,
        write_back: false,
        scope: None,
        parameters: Vec::new(),
    }
}

#[test]
fn a_refresh_is_asked_for_as_in_section_6() {
    let oauth2 = oauth2(ClientAuthentication::Basic, Some(secret("gX1fBat3bV")));
    let form = form(&oauth2, Some(&secret("tGzv3JOkF0XG5Qx2TlKWIA")));
    assert_eq!(form, "grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA");
    let Credential::Basic { username, secret } = header(&oauth2) else { panic!() };
    assert_eq!((username.as_str(), secret.expose()), ("s6BhdRkqt3", "gX1fBat3bV"));
}

#[test]
fn a_client_asks_for_itself_as_in_section_4_4() {
    let basic = oauth2(ClientAuthentication::Basic, Some(secret("a b:c")));
    assert_eq!(form(&basic, None), "grant_type=client_credentials");
    let Credential::Basic { secret: sent, .. } = header(&basic) else { panic!() };
    assert_eq!(sent.expose(), "a+b%3Ac", "encoded before it is put together, as in 2.3.1");

    let mut body = oauth2(ClientAuthentication::Body, Some(secret("a b&c")));
    body.scope = Some("chat models".into());
    body.parameters = vec![("audience".into(), "https://api.example/".into())];
    assert_eq!(header(&body), Credential::None);
    assert_eq!(
        form(&body, None),
        "grant_type=client_credentials&client_id=s6BhdRkqt3&client_secret=a+b%26c\
         &scope=chat+models&audience=https%3A%2F%2Fapi.example%2F"
    );
}

#[test]
fn a_public_client_only_names_itself() {
    let public = oauth2(ClientAuthentication::Basic, None);
    assert_eq!(header(&public), Credential::None);
    assert_eq!(
        form(&public, Some(&secret("rt"))),
        "grant_type=refresh_token&refresh_token=rt&client_id=s6BhdRkqt3"
    );
}

#[test]
fn a_token_is_read_as_servers_write_it() {
    let check = |body: &str, expected: (&str, Option<u64>, Option<&str>)| {
        let issued = read(StatusCode::OK, body.as_bytes()).unwrap_or_else(|why| panic!("{why}"));
        let lasts = issued.lasts.map(|lasts| lasts.as_secs());
        let found = (issued.access_token.as_str(), lasts, issued.refresh_token.as_deref());
        assert_eq!(found, expected, "{body}");
    };
    // Section 5.1.
    check(
        r#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"example","expires_in":3600,
            "refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA","example_parameter":"example_value"}"#
            .replace("\"token_type\":\"example\"", "\"token_type\":\"Bearer\"")
            .as_str(),
        ("2YotnFZFEjr1zCsicMWpAA", Some(3_600), Some("tGzv3JOkF0XG5Qx2TlKWIA")),
    );
    check(r#"{"access_token":"a","token_type":"bearer"}"#, ("a", None, None));
    check(
        r#"{"access_token":"a","expires_in":"3599","refresh_token":""}"#,
        ("a", Some(3_599), None),
    );
    check(r#"{"access_token":"a","expires_in":59.5}"#, ("a", Some(59), None));
    check(r#"{"access_token":"a","expires_in":1e99}"#, ("a", Some(LONGEST.as_secs()), None));
    check(r#"{"access_token":"a","expires_in":-1}"#, ("a", None, None));
    check(r#"{"access_token":"a","expires_in":null}"#, ("a", None, None));
}

#[test]
fn what_is_no_token_is_said_without_repeating_it() {
    let check = |status: u16, body: &str, expected: &str| {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(read(status, body.as_bytes()).err().as_deref(), Some(expected), "{body}");
    };
    // Section 5.2.
    check(400, r#"{"error":"invalid_request"}"#, "it answered 400: invalid_request");
    check(
        400,
        r#"{"error":"invalid_grant","error_description":"Token expired"}"#,
        "it answered 400: invalid_grant (Token expired)",
    );
    check(
        401,
        r#"{"error":"invalid_client","error_description":""}"#,
        "it answered 401: invalid_client",
    );
    check(503, "<html>busy</html>", "it answered 503");
    check(302, "", "it answered 302");
    check(200, "<html>log in</html>", "it answered 200, but no token in JSON");
    check(200, r#"{"token":"hidden"}"#, "it answered 200, but no token in JSON");
    check(
        200,
        r#"{"access_token":"hidden","token_type":"mac"}"#,
        "it issues tokens of another type than Bearer",
    );
}
