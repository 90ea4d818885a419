//! Errors, in OpenAI's shape and in those that pass for it.

use crate::json::{Tape, View};

/// What an error says, wherever it stood: in `{"error": {…}}`, `{"error": "…"}`,
/// `{"message": …}`, `{"detail": …}`, or in any of these as the first element of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorBody {
    /// The upstream's words.
    pub message: Option<String>,
    /// Its `type`.
    pub kind: Option<String>,
    /// Its `code`, a number as text.
    pub code: Option<String>,
    /// The request's field that it is about.
    pub param: Option<String>,
}

impl ErrorBody {
    /// Reads a whole error reply; `None` where it is not JSON.
    pub fn read(body: &[u8]) -> Option<Self> {
        Some(Self::of(Tape::default().read(std::str::from_utf8(body).ok()?).ok()?))
    }

    /// Reads an error that is JSON.
    pub fn of(said: View<'_>) -> Self {
        if said.is_text() {
            return Self { message: word(said), ..Self::default() };
        }
        if said.is_list() {
            return Self::of(said.item(0));
        }
        if !said.is_object() {
            return Self::default();
        }
        // What is said closer to the error goes before what is said around it.
        let inner = Self::of(said.get("error"));
        let word = |name: &str| word(said.get(name));
        Self {
            message: inner.message.or_else(|| word("message").or_else(|| word("detail"))),
            kind: inner.kind.or_else(|| word("type")),
            code: inner.code.or_else(|| word("code")),
            param: inner.param.or_else(|| word("param")),
        }
    }
}

/// A string as it is, a whole number as its digits; any other scalar says nothing here. Of a
/// list (FastAPI's `detail`) the first element's message counts.
fn word(said: View<'_>) -> Option<String> {
    if said.is_text() {
        return Some(said.text().into_owned());
    }
    match said.scalar() {
        Some(number) => number.parse::<i64>().ok().map(|number| number.to_string()),
        None => ErrorBody::of(said).message,
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorBody;

    #[test]
    fn whatever_the_shape_the_words_are_found() {
        for (body, message, code) in [
            (r#"{"error":{"message":"m","code":7,"x":[1]}}"#, Some("m"), Some("7")),
            (r#"{"error":{"message":"m"},"code":"c"}"#, Some("m"), Some("c")),
            (r#"{"error":"m","code":-1}"#, Some("m"), Some("-1")),
            (r#"{"error":true,"message":"m"}"#, Some("m"), None),
            (r#"{"detail":[{"loc":["body"],"msg":"x","message":"m"},{}]}"#, Some("m"), None),
            (r#"[{"error":{"message":"m","code":null}},{"a":1}]"#, Some("m"), None),
            (r#"{"error":null,"code":1.5}"#, None, None),
            ("[]", None, None),
            ("null", None, None),
        ] {
            let error = ErrorBody::read(body.as_bytes()).unwrap_or_else(|| panic!("{body}"));
            let got = (error.message.as_deref(), error.code.as_deref());
            assert_eq!(got, (message, code), "{body}");
        }
        assert_eq!(ErrorBody::read(b"<html>"), None);
        assert_eq!(ErrorBody::read(b"\xff"), None);
    }
}
