//! What vendors check of a request alike. An error says what is wrong, in words of our own; the
//! vendor puts them into its form.

use serde_json::Value;

use super::Call;

/// What a check found.
pub(super) type Checked<T = ()> = Result<T, String>;

/// That something is so.
pub(super) fn ensure(so: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if so { Ok(()) } else { Err(otherwise()) }
}

/// That an object has no other fields than these.
pub(super) fn knows(object: &Value, place: &str, fields: &[&str]) -> Checked {
    let Some(object) = object.as_object() else { return Err(format!("{place}: not an object")) };
    match object.keys().find(|name| !fields.contains(&name.as_str())) {
        Some(name) => Err(format!("{place}: {name} is not a known field")),
        None => Ok(()),
    }
}

/// That a field, where it is there, is within these bounds.
pub(super) fn within(object: &Value, field: &str, least: f64, most: f64) -> Checked {
    let Some(value) = object.get(field) else { return Ok(()) };
    let fits = value.as_f64().is_some_and(|value| (least..=most).contains(&value));
    ensure(fits, || format!("{field}: {value} is not between {least} and {most}"))
}

/// The one value that a header has; empty where it has none.
pub(super) fn header<'a>(call: &'a Call<'_>, name: &str) -> &'a str {
    call.parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// That data is base64, and there is some.
pub(super) fn base64(data: &Value, place: &str) -> Checked {
    use base64::Engine as _;
    let decoded = data.as_str().map(|data| base64::engine::general_purpose::STANDARD.decode(data));
    let good = matches!(&decoded, Some(Ok(bytes)) if !bytes.is_empty());
    ensure(good, || format!("{place}: not base64"))
}

/// Looks at every schema within a schema, itself first, with where it stands.
pub(super) fn each_schema(
    schema: &Value,
    place: &str,
    check: &mut impl FnMut(&Value, &str) -> Checked,
) -> Checked {
    check(schema, place)?;
    for named in ["properties", "$defs", "definitions"] {
        for (name, inner) in schema[named].as_object().into_iter().flatten() {
            each_schema(inner, &format!("{place}.{named}.{name}"), check)?;
        }
    }
    for listed in ["anyOf", "oneOf", "allOf", "prefixItems"] {
        for inner in schema[listed].as_array().into_iter().flatten() {
            each_schema(inner, &format!("{place}.{listed}"), check)?;
        }
    }
    match schema.get("items") {
        Some(items) => each_schema(items, &format!("{place}.items"), check),
        None => Ok(()),
    }
}
