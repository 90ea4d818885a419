//! What a plugin may say about a call, and what it may not.
//!
//! A plugin is trusted with its dialect and with nothing else: not with where the call goes, how
//! it is framed, or who it is from. What it says is checked, never mended, so that whoever
//! writes a plugin sees at once what is wrong.

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::authorize::Authorization;
use super::failure::{Denied, shown};

/// How many headers one call may have.
const MAX_HEADERS: usize = 100;
/// How many bytes of names and values they may have together.
const MAX_HEADER_BYTES: usize = 32 * 1024;
/// How long path and query may be together; few servers take more.
const MAX_PATH: usize = 8 * 1024;

pub(super) fn method(name: &str) -> Result<Method, Denied> {
    match name {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "PATCH" => Ok(Method::PATCH),
        "DELETE" => Ok(Method::DELETE),
        _ => Err(Denied::Method { method: shown(name) }),
    }
}

/// Whether a header says who a call is from, where it goes, or how it or its answer is framed.
pub(super) fn is_the_hosts(name: &HeaderName) -> bool {
    let name = name.as_str();
    matches!(
        name,
        "authorization"
            | "proxy-authorization"
            | "cookie"
            | "host"
            | "content-length"
            | "transfer-encoding"
            | "connection"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "upgrade"
            | "http2-settings"
            | "keep-alive"
            | "expect"
            | "forwarded"
            // A compressed answer could not be read along for its usage and its end.
            | "accept-encoding"
    ) || name.starts_with("x-forwarded-")
}

pub(super) fn headers(
    said: &[(String, String)],
    authorization: &Authorization,
) -> Result<HeaderMap, Denied> {
    let too_many = Denied::Headers { most: MAX_HEADERS, bytes: MAX_HEADER_BYTES };
    let bytes: usize = said.iter().map(|(name, value)| name.len() + value.len()).sum();
    if said.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        return Err(too_many);
    }
    // Room for those that the host adds.
    let mut headers = HeaderMap::with_capacity(said.len() + 4);
    for (said_name, value) in said {
        let name = HeaderName::from_bytes(said_name.as_bytes())
            .map_err(|_| Denied::HeaderName { name: shown(said_name) })?;
        if is_the_hosts(&name) || authorization.owns(&name) {
            return Err(Denied::Header { name: name.to_string() });
        }
        let value = HeaderValue::from_str(value)
            .map_err(|_| Denied::HeaderValue { name: name.to_string() })?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// The base address, in the parts of which every call's address is made.
pub(super) struct Base {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    /// Without the slash at its end.
    pub(super) path: String,
}

impl Base {
    /// The address of a call: the base address and behind it what the plugin said, and then
    /// the credential, if it travels in the query.
    pub(super) fn join(&self, said: &str, authorization: &Authorization) -> Result<Uri, Denied> {
        let query = said.split_once('?').map(|(_, query)| query);
        if let Some(why) = objection(said) {
            return Err(Denied::Path { why });
        }
        let pair = authorization.pair(query.unwrap_or_default())?;
        let mut whole = String::with_capacity(
            self.path.len() + said.len() + pair.map_or(0, |pair| pair.len() + 1),
        );
        whole.push_str(&self.path);
        whole.push_str(said);
        if let Some(pair) = pair {
            whole.push(if query.is_some() { '&' } else { '?' });
            whole.push_str(pair);
        }
        let unreadable = |_| Denied::Path { why: "is not one that an address can have" };
        let whole =
            PathAndQuery::from_maybe_shared(bytes::Bytes::from(whole)).map_err(unreadable)?;
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(whole);
        let uri = Uri::from_parts(parts)
            .map_err(|_| Denied::Path { why: "is not one that an address can have" })?;
        // Made of parts it cannot be otherwise. It is what everything else here is for, so it is
        // looked at once more.
        if uri.authority() != Some(&self.authority) {
            return Err(Denied::Path { why: "changes the host" });
        }
        Ok(uri)
    }
}

/// What is wrong with a path and query, if anything is.
pub fn objection(said: &str) -> Option<&'static str> {
    let path = said.split_once('?').map_or(said, |(path, _)| path);
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\' && byte != b'#';
    if !path.starts_with('/') {
        return Some("does not begin with a slash");
    }
    if path.starts_with("//") {
        return Some("begins with two slashes, which would name another host");
    }
    if said.len() > MAX_PATH {
        return Some("is longer than 8192 bytes");
    }
    if !said.bytes().all(plain) {
        return Some("holds a space, a backslash, `#`, or what is not printable ASCII");
    }
    climbs(path).then_some("has a segment `..`, which would leave the base address")
}

/// Whether a segment is `..`, however its dots and the slashes around it are written. A server
/// in front of the upstream may read them before it decides where the call goes, and a few
/// read `..;x` as `..`.
fn climbs(path: &str) -> bool {
    let mut segment = Segment::default();
    let mut rest = path.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let (byte, length) = match (first, behind) {
            (b'%', [b'2', b'e' | b'E', ..]) => (b'.', 3),
            (b'%', [b'2', b'f' | b'F', ..]) => (b'/', 3),
            (b'%', [b'5', b'c' | b'C', ..]) => (b'/', 3),
            _ => (first, 1),
        };
        match byte {
            b'/' | b';' if segment.is_up() => return true,
            b'/' => segment = Segment::default(),
            b'.' => segment.dots += 1,
            _ => segment.others = true,
        }
        rest = &rest[length..];
    }
    segment.is_up()
}

#[derive(Default)]
struct Segment {
    dots: usize,
    others: bool,
}

impl Segment {
    fn is_up(&self) -> bool {
        self.dots == 2 && !self.others
    }
}

#[cfg(test)]
mod tests {
    use super::super::authorize::{Credential, Secret};
    use super::*;

    fn base(path: &str) -> Base {
        let authority = Authority::from_static("api.example:8443");
        Base { scheme: Scheme::HTTPS, authority, path: path.to_string() }
    }

    fn key_in(header: &'static str) -> Authorization {
        let name = HeaderName::from_static(header);
        Authorization::of_test(&Credential::Header { name, secret: Secret::of_test("k") }).unwrap()
    }

    #[test]
    fn a_path_goes_behind_the_base_address() {
        for (path, said, expected) in [
            ("/v1", "/chat", "https://api.example:8443/v1/chat"),
            ("", "/", "https://api.example:8443/"),
            ("/v1", "/a?b=/../c@d", "https://api.example:8443/v1/a?b=/../c@d"),
            ("/v1", "/m/a@b:generate", "https://api.example:8443/v1/m/a@b:generate"),
            ("/v1", "/a//b/...c/..d/e../.", "https://api.example:8443/v1/a//b/...c/..d/e../."),
        ] {
            let uri = base(path).join(said, &Authorization::None).unwrap();
            assert_eq!(uri.to_string(), expected);
        }
        let secret = Secret::of_test("s");
        let query =
            Authorization::of_test(&Credential::Query { name: "key".into(), secret }).unwrap();
        for (said, expected) in [("/a", "/v1/a?key=s"), ("/a?b=1", "/v1/a?b=1&key=s")] {
            assert_eq!(base("/v1").join(said, &query).unwrap().path_and_query().unwrap(), expected);
        }
    }

    #[test]
    fn a_path_that_could_lead_elsewhere_is_denied() {
        for (why, paths) in [
            (
                "does not begin with a slash",
                &["", "chat", "@evil/", "evil@x/", ":80/", "?a=b", "http://evil/"][..],
            ),
            ("begins with two slashes", &["//evil", "//evil/../x", "///"]),
            (
                "holds a space",
                &[
                    "/a b",
                    "/a\\b",
                    "/\\evil",
                    "/a#b",
                    "/a\r\nx: y",
                    "/a\0",
                    "/ä",
                    "/a?b=\x7f",
                    "/a?\t",
                ],
            ),
            (
                "has a segment `..`",
                &[
                    "/..",
                    "/../x",
                    "/a/../b",
                    "/a/..",
                    "/%2e%2e/x",
                    "/.%2E/x",
                    "/%2e./",
                    "/a%2f..%2fb",
                    "/..%5cx",
                    "/..;x/y",
                    "/%2E%2e?x",
                ],
            ),
        ] {
            for path in paths {
                let Err(Denied::Path { why: said }) = base("/v1").join(path, &Authorization::None)
                else {
                    panic!("{path:?} was allowed")
                };
                assert!(said.starts_with(why), "{path:?}: {said}");
            }
        }
        let long = format!("/{}", "a".repeat(MAX_PATH));
        assert!(base("").join(&long, &Authorization::None).is_err());
    }

    #[test]
    fn headers_of_the_host_are_denied_by_name() {
        for name in [
            "authorization",
            "Proxy-Authorization",
            "COOKIE",
            "host",
            "content-length",
            "transfer-encoding",
            "connection",
            "te",
            "trailer",
            "upgrade",
            "keep-alive",
            "expect",
            "x-forwarded-for",
            "X-Forwarded-Anything",
            "forwarded",
            "proxy-connection",
            "Accept-Encoding",
            "X-Key",
        ] {
            let said = [("accept".to_string(), "*/*".to_string()), (name.to_string(), "x".into())];
            let denied = Denied::Header { name: name.to_ascii_lowercase() };
            assert_eq!(headers(&said, &key_in("x-key")).unwrap_err(), denied);
        }
        let said = [("x-key".to_string(), "x".to_string())];
        assert!(headers(&said, &key_in("x-other-key")).is_ok());
    }

    #[test]
    fn headers_that_are_none_are_denied() {
        let one = |name: &str, value: &str| {
            headers(&[(name.to_string(), value.to_string())], &Authorization::None).unwrap_err()
        };
        for name in ["", "a b", "a:", "a\r\nb", "ä", ":path", &"x".repeat(70_000)] {
            let denied = one(name, "x");
            let named = matches!(denied, Denied::HeaderName { .. } | Denied::Headers { .. });
            assert!(named && denied.to_string().len() < 300, "{denied}");
        }
        for value in ["a\r\nb: c", "a\nb", "a\0", "\x7f"] {
            assert_eq!(one("X-A", value), Denied::HeaderValue { name: "x-a".into() });
        }
        let many: Vec<_> = (0..=MAX_HEADERS).map(|n| (format!("x-{n}"), String::new())).collect();
        assert!(matches!(headers(&many, &Authorization::None), Err(Denied::Headers { .. })));
    }

    #[test]
    fn methods_are_those_of_apis() {
        for name in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            assert_eq!(method(name).unwrap().as_str(), name);
        }
        for name in ["", "get", "HEAD", "OPTIONS", "TRACE", "CONNECT", "GET /x HTTP/1.1\r\n"] {
            assert_eq!(method(name), Err(Denied::Method { method: shown(name) }));
        }
    }
}
