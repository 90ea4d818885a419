//! Errors, in OpenAI's shape and in those that pass for it.
//!
//! Read by hand and not through `serde_json::Value`, which brings some 15 KB of code into a
//! plugin that otherwise has no use for it.

use super::Text;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

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
        serde_json::from_str(std::str::from_utf8(body).ok()?).ok()
    }
}

impl<'de> Deserialize<'de> for ErrorBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadError)
    }
}

struct ReadError;

impl<'de> Visitor<'de> for ReadError {
    type Value = ErrorBody;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an error")
    }

    fn visit_str<E: Error>(self, message: &str) -> Result<ErrorBody, E> {
        let message = Some(message.to_owned());
        Ok(ErrorBody { message, ..ErrorBody::default() })
    }

    fn visit_unit<E: Error>(self) -> Result<ErrorBody, E> {
        Ok(ErrorBody::default())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<ErrorBody, E> {
        Ok(ErrorBody::default())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<ErrorBody, E> {
        Ok(ErrorBody::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ErrorBody, A::Error> {
        let first = list.next_element()?.unwrap_or_default();
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<ErrorBody, A::Error> {
        let mut error = ErrorBody::default();
        while let Some(name) = object.next_key::<Text<'de>>()? {
            let place = match &*name.0 {
                "error" => {
                    let inner: ErrorBody = object.next_value()?;
                    error = inner.over(error);
                    continue;
                }
                "message" | "detail" => &mut error.message,
                "type" => &mut error.kind,
                "code" => &mut error.code,
                "param" => &mut error.param,
                _ => {
                    object.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let Word(word) = object.next_value()?;
            *place = place.take().or(word);
        }
        Ok(error)
    }
}

impl ErrorBody {
    /// This one, and from the other what this one does not say.
    fn over(self, other: Self) -> Self {
        Self {
            message: self.message.or(other.message),
            kind: self.kind.or(other.kind),
            code: self.code.or(other.code),
            param: self.param.or(other.param),
        }
    }
}

/// A string as it is, a whole number as its digits; anything else says nothing here. Of a
/// list (FastAPI's `detail`) the first element's message counts.
struct Word(Option<String>);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Word;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a word or a number")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Word, E> {
                Ok(Word(Some(text.to_owned())))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Word, E> {
                Ok(Word(Some(number.to_string())))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Word, E> {
                Ok(Word(Some(number.to_string())))
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Word, E> {
                Ok(Word(None))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Word, E> {
                Ok(Word(None))
            }

            fn visit_unit<E: Error>(self) -> Result<Word, E> {
                Ok(Word(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Word, A::Error> {
                Ok(Word(ReadError.visit_seq(list)?.message))
            }

            fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Word, A::Error> {
                Ok(Word(ReadError.visit_map(object)?.message))
            }
        }
        deserializer.deserialize_any(Read)
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
