//! The smallest instance of a JSON schema, for answers and for the arguments of tools.
//!
//! Covers what the schemas of structured output may contain: objects, arrays, scalars,
//! `enum`, `const`, `anyOf`, and references to `$defs`.

use serde_json::{Map, Value};

/// How deep a schema that refers to itself is followed.
const DEEPEST: usize = 16;

/// An instance. The variant makes two instances of one schema tell each other apart, where
/// there is a string in them.
pub(crate) fn instance(schema: &Value, variant: usize) -> Value {
    Maker { root: schema, variant }.make(schema, 0)
}

struct Maker<'a> {
    root: &'a Value,
    variant: usize,
}

impl Maker<'_> {
    fn make(&self, schema: &Value, depth: usize) -> Value {
        if depth > DEEPEST {
            return Value::Null;
        }
        if let Some(target) = schema["$ref"].as_str().and_then(|name| self.target(name)) {
            return self.make(target, depth + 1);
        }
        if let Some(only) = schema.get("const") {
            return only.clone();
        }
        for choices in ["enum", "anyOf", "oneOf", "allOf"] {
            match schema[choices].get(0) {
                Some(first) if choices == "enum" => return first.clone(),
                Some(first) => return self.make(first, depth + 1),
                None => {}
            }
        }
        match type_of(schema) {
            "object" => self.object(schema, depth),
            "array" => {
                let length = schema["minItems"].as_u64().unwrap_or(1) as usize;
                (0..length).map(|_| self.make(&schema["items"], depth + 1)).collect()
            }
            "integer" => (schema["minimum"].as_i64().unwrap_or(1)).into(),
            "number" => (schema["minimum"].as_f64().unwrap_or(1.5)).into(),
            "boolean" => true.into(),
            "null" => Value::Null,
            _ => format!("text-{}", self.variant).into(),
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let properties = schema["properties"].as_object();
        let made = properties
            .into_iter()
            .flatten()
            .map(|(name, property)| (name.clone(), self.make(property, depth + 1)));
        Value::Object(made.collect::<Map<_, _>>())
    }

    /// References have the form `#/$defs/Name`, which is a JSON pointer behind the `#`.
    fn target(&self, reference: &str) -> Option<&Value> {
        self.root.pointer(reference.strip_prefix('#')?)
    }
}

/// `type` may be a list (`["string", "null"]`): the first counts. Without one, properties tell.
fn type_of(schema: &Value) -> &str {
    let named = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    named.unwrap_or(if schema["properties"].is_object() { "object" } else { "string" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(schema: Value, expected: Value) {
        assert_eq!(instance(&schema, 0), expected, "{schema}");
    }

    #[test]
    fn every_kind_has_an_instance() {
        check(json!({"type": "string"}), json!("text-0"));
        check(json!({"type": ["integer", "null"]}), json!(1));
        check(json!({"enum": ["red", "blue"]}), json!("red"));
        check(json!({"anyOf": [{"type": "boolean"}, {"type": "null"}]}), json!(true));
        check(json!({"type": "array", "items": {"type": "number"}}), json!([1.5]));
        check(
            json!({
                "type": "object",
                "properties": {"who": {"$ref": "#/$defs/Person"}},
                "$defs": {"Person": {"properties": {"age": {"type": "integer", "minimum": 7}}}},
            }),
            json!({"who": {"age": 7}}),
        );
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let node = json!({"properties": {"next": {"$ref": "#"}}});
        assert!(instance(&node, 0).is_object());
    }
}
