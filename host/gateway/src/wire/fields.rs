//! Fields of a client's JSON, read one by one: a value of the wrong type is to be reported with
//! its name and what was expected, not with a parser's position alone.

use crate::refusal::Refusal;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The fields of a JSON object, each as the text that it came in.
pub struct Fields<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Fields<'a> {
    /// The fields of a body, without those that are null.
    ///
    /// # Errors
    ///
    /// What the body is instead of an object.
    pub fn of(body: &'a [u8]) -> Result<Self, Refusal> {
        let text = utf8(body)?;
        serde_json::from_str(text).map_err(|error| not_an_object(text, &error))
    }

    /// A field, which is then no longer among the rest.
    pub fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        self.0.remove(name)
    }

    /// A field as a value of a type that is `expected`, which is then no longer among the rest.
    ///
    /// # Errors
    ///
    /// If it is of another type.
    pub fn typed<T: Deserialize<'a>>(
        &mut self,
        name: &'static str,
        expected: &str,
    ) -> Result<Option<T>, Refusal> {
        self.take(name).map(|value| typed(value, name, expected)).transpose()
    }

    /// The model's name, which every request has.
    ///
    /// # Errors
    ///
    /// If it is missing, empty or no string.
    pub fn model(&mut self) -> Result<String, Refusal> {
        model(self.take("model"))
    }

    /// The names of the fields that nobody took.
    pub fn rest(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }
}

/// A name that stands there twice is refused: two readers would not agree on which one counts.
impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((Text(name), value)) = map.next_entry::<Text<'de>, &RawValue>()? {
                    if fields.contains_key(&name) {
                        return Err(A::Error::custom(format!("duplicate field `{name}`")));
                    }
                    fields.insert(name, value);
                }
                fields.retain(|_, value| value.get() != "null");
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

/// A string that is copied only if it holds escapes.
#[derive(Deserialize)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// The text of a body.
///
/// # Errors
///
/// Where it is not UTF-8.
pub fn utf8(body: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        Refusal::invalid(format!("The body is not UTF-8: byte {at} is malformed."), None)
    })
}

/// Says whether a body is not JSON at all, or JSON of another shape.
pub fn not_an_object(text: &str, error: &serde_json::Error) -> Refusal {
    let kind = match text.trim_start().as_bytes().first() {
        None => {
            return Refusal::invalid("The body is empty; expected a JSON object.".to_owned(), None);
        }
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b'{') if error.is_data() => {
            return Refusal::invalid(format!("The body is malformed: {error}."), None);
        }
        _ if error.is_data() => "neither an array nor an object",
        _ => return Refusal::invalid(format!("The body is not JSON: {error}."), None),
    };
    if error.is_data() {
        return Refusal::invalid(format!("The body is {kind}; expected a JSON object."), None);
    }
    Refusal::invalid(format!("The body is not JSON: {error}."), None)
}

/// The model that a body names.
///
/// # Errors
///
/// If it is missing, empty or no string.
pub fn model(value: Option<&RawValue>) -> Result<String, Refusal> {
    let name: String = match given(value) {
        Some(value) => typed(value, "model", "a string")?,
        None => return Err(Refusal::missing("model")),
    };
    if name.is_empty() {
        let message = "`model` is empty; it names a model or a route.".to_owned();
        return Err(Refusal::invalid(message, Some("model")));
    }
    Ok(name)
}

/// A field that is there and not null.
pub fn given(field: Option<&RawValue>) -> Option<&RawValue> {
    field.filter(|value| value.get() != "null")
}

/// A field as a value of a type that is `expected`.
///
/// # Errors
///
/// If it is of another type.
pub fn typed<'a, T: Deserialize<'a>>(
    value: &'a RawValue,
    name: &'static str,
    expected: &str,
) -> Result<T, Refusal> {
    serde_json::from_str(value.get()).map_err(|_| {
        let found = kind_of(value.get());
        Refusal::invalid(format!("`{name}` is {found}; expected {expected}."), Some(name))
    })
}

/// The same for a field that may be missing.
///
/// # Errors
///
/// If it is of another type.
pub fn optional<'a, T: Deserialize<'a>>(
    value: Option<&'a RawValue>,
    name: &'static str,
    expected: &str,
) -> Result<Option<T>, Refusal> {
    given(value).map(|value| typed(value, name, expected)).transpose()
}

/// What a JSON text is, in words.
pub fn kind_of(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// The messages of a chat: an array with something in it.
///
/// # Errors
///
/// If it is missing, something else, or empty.
pub fn messages<'a>(
    value: Option<&'a RawValue>,
    name: &'static str,
) -> Result<&'a RawValue, Refusal> {
    let Some(value) = given(value) else {
        return Err(Refusal::missing(name));
    };
    let text = value.get();
    if !text.starts_with('[') {
        let found = kind_of(text);
        let message = format!("`{name}` is {found}; expected an array of objects.");
        return Err(Refusal::invalid(message, Some(name)));
    }
    if text[1..].trim_start().starts_with(']') {
        let message = format!("`{name}` is empty; expected at least one message.");
        return Err(Refusal::invalid(message, Some(name)));
    }
    Ok(value)
}
