//! The subset of JSON schema that the Gemini API takes. Schemas are rewritten as text, so that
//! their names keep the order in which the model is to fill them in.
//!
//! The API ignores keywords that it does not know, and then answers with what the sender ruled
//! out. So what would be ignored is refused here by its name, unless it only describes. `const`,
//! draft-07's `definitions`, and a `$ref` with a description beside it are written in another
//! way that means the same.

use crate::request::{text, unsupported};
use portcullis_sdk::openai::Text;
use portcullis_sdk::provider::Failure;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::fmt;

#[cfg(test)]
mod tests;

/// Schemas in schemas: a plugin's stack is small, and the API refuses deep ones as well.
const DEEPEST: u32 = 48;

/// The schema as the API takes it. `field` is where it stands in the request.
pub(crate) fn accepted(field: &str, schema: &str) -> Result<String, Failure> {
    let refused = |what| unsupported(field, &format!("{what} in a schema"));
    rewritten(schema, 0).map_err(refused)
}

/// One schema. The error says what the API does not take.
fn rewritten(schema: &str, depth: u32) -> Result<String, String> {
    if matches!(schema, "true" | "false") {
        return Ok(schema.to_owned());
    }
    if depth > DEEPEST {
        return Err("as many schemas in each other".to_owned());
    }
    let Fields(keywords) = read(schema)?;
    let has = |wanted: &str| keywords.iter().any(|(name, _)| name.0 == wanted);
    // Beside a reference the API takes nothing. As the only one of `anyOf` it means the same,
    // and what describes it may stand beside that.
    let described = has("$ref") && !keywords.iter().all(|(name, _)| name.0.starts_with('$'));
    let mut fields = Vec::with_capacity(keywords.len());
    for (name, value) in &keywords {
        let (name, value) = (&*name.0, value.get());
        let (name, value) = match name {
            "$ref" if described => ("anyOf", format!("[{{\"$ref\":{}}}]", reference(value)?)),
            "$ref" => (name, reference(value)?),
            "const" => ("enum", choices(&format!("[{value}]"))?),
            "enum" if has("const") => continue,
            "title" | "description" | "default" | "examples" | "deprecated" | "readOnly"
            | "writeOnly" | "$schema" | "$comment" | "$id" | "$anchor" => (name, value.to_owned()),
            "$defs" | "definitions" => ("$defs", named(value, depth)?),
            _ if described => return Err(format!("the keyword `{name}` beside `$ref`")),
            "enum" => (name, choices(value)?),
            "properties" => (name, named(value, depth)?),
            "items" | "additionalProperties" => (name, rewritten(value, depth + 1)?),
            "anyOf" | "oneOf" | "prefixItems" => {
                let schemas: Vec<&RawValue> = read(value)?;
                let schemas = schemas.iter().map(|schema| rewritten(schema.get(), depth + 1));
                (name, format!("[{}]", schemas.collect::<Result<Vec<_>, _>>()?.join(",")))
            }
            "type" | "format" | "required" | "minItems" | "maxItems" | "minimum" | "maximum"
            | "propertyOrdering" => (name, value.to_owned()),
            _ => return Err(format!("the keyword `{name}`")),
        };
        fields.push(format!("{}:{value}", text(&name.into())));
    }
    Ok(format!("{{{}}}", fields.join(",")))
}

/// Schemas by name.
fn named(schemas: &str, depth: u32) -> Result<String, String> {
    let Fields(schemas) = read(schemas)?;
    let field = |(name, schema): &(Text<'_>, &RawValue)| {
        Ok(format!("{}:{}", text(&name.0.clone().into()), rewritten(schema.get(), depth + 1)?))
    };
    let fields: Result<Vec<String>, String> = schemas.iter().map(field).collect();
    Ok(format!("{{{}}}", fields?.join(",")))
}

/// The values of an `enum`.
fn choices(values: &str) -> Result<String, String> {
    let odd = |value: &&RawValue| value.get().starts_with(['n', 't', 'f', '{', '[']);
    match read::<Vec<&RawValue>>(values)?.into_iter().find(odd) {
        Some(value) => Err(format!("{value} in `enum` or `const`, only strings and numbers,")),
        None => Ok(values.to_owned()),
    }
}

fn reference(target: &str) -> Result<String, String> {
    let target = target.replacen("#/definitions/", "#/$defs/", 1);
    match target == "\"#\"" || target.starts_with("\"#/$defs/") {
        true => Ok(target),
        false => Err(format!("the `$ref` {target}, only \"#\" and \"#/$defs/…\",")),
    }
}

fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| format!("what is no schema ({error})"))
}

/// The members of an object, in their order.
struct Fields<'a>(Vec<(Text<'a>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Read)
    }
}
