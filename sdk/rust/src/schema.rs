//! JSON schemas, for upstreams that take a part of the language only.
//!
//! An upstream that ignores a keyword it does not know answers with what the sender ruled out. So
//! what would be ignored is refused by its name, unless it only describes; and what can be said in
//! another way that means the same is said in that way.

use crate::Json;

/// What stands in a schema and rules nothing out.
const DESCRIBES: [&str; 11] = [
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$schema",
    "$comment",
    "$id",
    "$anchor",
];

/// The schema as an upstream takes it that knows `keywords` (with spaces between them), `$ref` (to `#` or `#/$defs/…`, and
/// nothing beside it), `$defs`, and `enum` of texts and numbers. `const`, draft-07's
/// `definitions`, and a `$ref` with a description beside it are written in another way. The error
/// names what the upstream does not take: "the keyword `pattern`".
pub fn restricted<'a>(schema: Json<'a>, keywords: &str) -> Result<Json<'a>, String> {
    let fields = match schema {
        Json::Object(fields) => fields,
        Json::Null => return Ok(Json::Null),
        truth if truth == true || truth == false => return Ok(truth),
        _ => return Err("what is no schema".to_owned()),
    };
    let has = |wanted: &str| fields.iter().any(|(name, _)| name == wanted);
    let (constant, refers) = (has("const"), has("$ref"));
    // As the only one of `anyOf` a reference means the same, and what describes it may stand
    // beside that.
    let described = refers && !fields.iter().all(|(name, _)| name.starts_with('$'));
    let mut kept = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        let (name, value) = match &*name {
            "$ref" if described => {
                ("anyOf".into(), Json::List(vec![Json::object([("$ref", reference(value)?)])]))
            }
            "$ref" => (name, reference(value)?),
            "$defs" | "definitions" => ("$defs".into(), each(value, keywords)?),
            known if DESCRIBES.contains(&known) => (name, value),
            _ if described => return Err(format!("the keyword `{name}` beside `$ref`")),
            "const" => ("enum".into(), choices(Json::List(vec![value]))?),
            "enum" if constant => continue,
            "enum" => (name, choices(value)?),
            known if !keywords.split(' ').any(|it| it == known) => {
                return Err(format!("the keyword `{name}`"));
            }
            "properties" | "anyOf" | "oneOf" | "prefixItems" => (name, each(value, keywords)?),
            "items" | "additionalProperties" => (name, restricted(value, keywords)?),
            _ => (name, value),
        };
        kept.push((name, value));
    }
    Ok(Json::Object(kept))
}

/// Schemas in a list, or by name.
fn each<'a>(schemas: Json<'a>, keywords: &str) -> Result<Json<'a>, String> {
    match schemas {
        Json::List(schemas) => schemas.into_iter().map(|it| restricted(it, keywords)).collect(),
        Json::Object(mut schemas) => {
            for (_, schema) in &mut schemas {
                *schema = restricted(std::mem::take(schema), keywords)?;
            }
            Ok(Json::Object(schemas))
        }
        _ => Err("what is no schema".to_owned()),
    }
}

/// The values of an `enum`.
fn choices(values: Json<'_>) -> Result<Json<'_>, String> {
    let odd = |value: &&Json<'_>| !value.is_text() && value.as_f64().is_none();
    match values.items().iter().find(odd) {
        Some(value) => Err(format!("{value} in `enum` or `const`, only strings and numbers,")),
        None => Ok(values),
    }
}

fn reference(target: Json<'_>) -> Result<Json<'_>, String> {
    let place = target.text().replacen("#/definitions/", "#/$defs/", 1);
    match place == "#" || place.starts_with("#/$defs/") {
        true => Ok(place.into()),
        false => Err(format!("the `$ref` {target}, only \"#\" and \"#/$defs/…\",")),
    }
}

#[cfg(test)]
mod tests {
    use super::restricted;
    use crate::Json;

    fn check(schema: &str, expected: Result<&str, &str>) {
        let read = Json::read(schema).unwrap();
        let kept =
            restricted(read, "type properties items anyOf maximum").map(|kept| kept.to_string());
        assert_eq!(kept.as_deref().map_err(String::as_str), expected, "{schema}");
    }

    #[test]
    fn names_keep_their_order_and_numbers_their_digits() {
        check(r#"{"type":"string","default":null}"#, Ok(r#"{"type":"string","default":null}"#));
        check(
            r#"{"type": "object", "properties": {"why": {"type": "string"}, "answer": {"maximum": 1.10}}}"#,
            Ok(
                r#"{"type":"object","properties":{"why":{"type":"string"},"answer":{"maximum":1.10}}}"#,
            ),
        );
    }

    #[test]
    fn what_can_be_said_in_another_way_is() {
        check("null", Ok("null"));
        check(
            r##"{"properties":{"b":{"$ref":"#/definitions/z"}},"definitions":{"z":{},"a":true}}"##,
            Ok(r##"{"properties":{"b":{"$ref":"#/$defs/z"}},"$defs":{"z":{},"a":true}}"##),
        );
        check(
            r##"{"$ref":"#/$defs/n","description":"d"}"##,
            Ok(r##"{"anyOf":[{"$ref":"#/$defs/n"}],"description":"d"}"##),
        );
        check(r#"{"const":"a","type":"string"}"#, Ok(r#"{"enum":["a"],"type":"string"}"#));
        check(r#"{"const":"a","enum":["a","b"]}"#, Ok(r#"{"enum":["a"]}"#));
    }

    #[test]
    fn what_would_not_be_kept_to_is_named() {
        check(r#"{"items":{"pattern":"^a"}}"#, Err("the keyword `pattern`"));
        check(r#"{"anyOf":[{"allOf":[{}]}]}"#, Err("the keyword `allOf`"));
        check(r##"{"$ref":"#/$defs/a","maximum":1}"##, Err("the keyword `maximum` beside `$ref`"));
        check(r#"{"properties":7}"#, Err("what is no schema"));
        check("7", Err("what is no schema"));
        for value in ["null", "true", "{}"] {
            let words = format!("{value} in `enum` or `const`, only strings and numbers,");
            check(&format!(r#"{{"enum":["a",{value}]}}"#), Err(&words));
        }
        let elsewhere = r##"the `$ref` "https://example.com/a", only "#" and "#/$defs/…","##;
        check(r#"{"$ref":"https://example.com/a"}"#, Err(elsewhere));
    }
}
