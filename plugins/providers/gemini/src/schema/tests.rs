//! Schemas as they are sent: in the sender's order, and no deeper than a plugin's stack is.
#![allow(clippy::unwrap_used, reason = "this is how a test fails")]

use super::*;

/// A test's request sorts names, the host's does not: so recordings cannot show the order.
#[test]
fn names_keep_their_order() {
    for (schema, sent) in [
        (
            r#"{"type": "object", "properties": {"why": {"type": "string"}, "answer": {"maximum": 1.10}}}"#,
            r#"{"type":"object","properties":{"why":{"type":"string"},"answer":{"maximum":1.10}}}"#,
        ),
        (
            r##"{"properties":{"b":{"$ref":"#/definitions/z"}},"definitions":{"z":{},"a":true}}"##,
            r##"{"properties":{"b":{"$ref":"#/$defs/z"}},"$defs":{"z":{},"a":true}}"##,
        ),
        (
            r##"{"$ref":"#/$defs/n","description":"d"}"##,
            r##"{"anyOf":[{"$ref":"#/$defs/n"}],"description":"d"}"##,
        ),
        (r#"{"const":"a","type":"string"}"#, r#"{"enum":["a"],"type":"string"}"#),
        (r#"{"const":"a","enum":["a","b"]}"#, r#"{"enum":["a"]}"#),
    ] {
        assert_eq!(accepted("f", schema).unwrap(), sent, "{schema}");
    }
}

#[test]
fn what_the_api_would_not_keep_to_is_named() {
    for (schema, words) in [
        (r#"{"items":{"pattern":"^a"}}"#, "the keyword `pattern` in a schema"),
        (r#"{"allOf":[{}]}"#, "the keyword `allOf` in a schema"),
        (r#"{"enum":["a",null]}"#, "null in `enum` or `const`, only strings and numbers,"),
        (r##"{"$ref":"#/$defs/a","minimum":1}"##, "the keyword `minimum` beside `$ref`"),
        (r#"{"$ref":"https://example.com/a"}"#, "the `$ref` \"https://example.com/a\""),
        (r#"{"properties":[]}"#, "what is no schema"),
        ("7", "what is no schema"),
    ] {
        let failure = accepted("f", schema).unwrap_err();
        assert!(failure.message.contains(words), "{schema}: {}", failure.message);
    }
}

#[test]
fn deep_schemas_are_refused_and_not_followed() {
    let nested =
        |depth: usize| format!("{}{{}}{}", r#"{"items":"#.repeat(depth), "}".repeat(depth));
    assert_eq!(accepted("f", &nested(48)).unwrap(), nested(48));
    for depth in [49, 100_000] {
        accepted("f", &nested(depth)).unwrap_err();
    }
}
