//! What edits make of texts, and what they refuse.

mod tree;

use super::EditRef::{Move, Remove, Set};
use super::*;

fn edited(body: &str, edits: &[EditRef<'_>]) -> String {
    String::from_utf8(apply(body.as_bytes(), edits.iter().copied()).unwrap()).unwrap()
}

#[test]
fn what_edits_make_of_a_text() {
    for (body, edits, expected) in [
        (r#"{"model":"a"}"#, vec![Set("/model", r#""b""#)], r#"{"model":"b"}"#),
        ("{ \"a\" : 1.50 ,\n\t\"b\":2 }", vec![Set("/b", " 3 ")], "{ \"a\" : 1.50 ,\n\t\"b\":3 }"),
        ("{}", vec![Set("/a", "1"), Set("/b", "2")], r#"{"a":1,"b":2}"#),
        ("{ }", vec![Set("/a", "1")], r#"{"a":1 }"#),
        (r#"{"z":0}"#, vec![Set("/a", "1"), Set("/b", "2")], r#"{"z":0,"a":1,"b":2}"#),
        (r#"{"z":0}"#, vec![Set("/a/b/c", "1")], r#"{"z":0,"a":{"b":{"c":1}}}"#),
        (r#"{"z":0}"#, vec![Set("/a/b", "1"), Set("/a/c", "2")], r#"{"z":0,"a":{"b":1,"c":2}}"#),
        (r#"{"a":null}"#, vec![Set("/a/b", "1")], r#"{"a":{"b":1}}"#),
        (r#"{"a":[1,2]}"#, vec![Set("/a/-", "3"), Set("/a/-", "4")], r#"{"a":[1,2,3,4]}"#),
        (r#"{"a":[]}"#, vec![Set("/a/0", "3"), Set("/a/1/b", "4")], r#"{"a":[3,{"b":4}]}"#),
        (r#"{"a":[1,2]}"#, vec![Set("/a/1", "{}")], r#"{"a":[1,{}]}"#),
        (r#"{"a":1,"b":2,"c":3}"#, vec![Remove("/a")], r#"{"b":2,"c":3}"#),
        (r#"{"a":1, "b":2, "c":3}"#, vec![Remove("/b")], r#"{"a":1, "c":3}"#),
        (r#"{"a":1,"b":2,"c":3}"#, vec![Remove("/c"), Remove("/b")], r#"{"a":1}"#),
        (r#"{"a":1}"#, vec![Remove("/a"), Set("/b", "2")], r#"{"b":2}"#),
        (r#"{"a":1}"#, vec![Set("/b", "2"), Remove("/a"), Remove("/b")], "{}"),
        (r#"{"a":1}"#, vec![Set("/b", "2"), Set("/b", "3")], r#"{"a":1,"b":3}"#),
        (r#"{"a":{"b":1}}"#, vec![Set("/a", "{}"), Remove("/a/b")], r#"{"a":{}}"#),
        (r#"{"a":{"b":1}}"#, vec![Set("/a", "5"), Remove("/a/b/c")], r#"{"a":5}"#),
        (r#"{"a":1}"#, vec![Set("/a", "{}"), Set("/a/b", "1")], r#"{"a":{"b":1}}"#),
        (r#"{"a":[1,2,3]}"#, vec![Remove("/a/0"), Remove("/a/0")], r#"{"a":[3]}"#),
        (r#"{"a":[1,2,3]}"#, vec![Remove("/a/1"), Set("/a/1", "9")], r#"{"a":[1,9]}"#),
        (r#"{"a":1}"#, vec![Remove("/x/y"), Remove("/a/b"), Remove("/x")], r#"{"a":1}"#),
        (r#"{"a":1,"b":2}"#, vec![Move("/a", "/c")], r#"{"b":2,"c":1}"#),
        (r#"{"a":1.0,"b":2}"#, vec![Move("/a", "/b")], r#"{"b":1.0}"#),
        (r#"{"a":{"b":1}}"#, vec![Move("/a/b", "")], "1"),
        (r#"{"a":1}"#, vec![Move("/x", "/a"), Move("/a", "/a")], r#"{"a":1}"#),
        (r#"{"a":1}"#, vec![Set("", "[]"), Set("/-", "1")], "[1]"),
        // Repeated keys.
        (r#"{"a":1,"b":2,"a":3}"#, vec![Remove("/a")], r#"{"b":2}"#),
        (r#"{"a":1,"a":2,"b":3,"a":4}"#, vec![Remove("/a")], r#"{"b":3}"#),
        (r#"{"b":0,"a":1,"c":2,"a":3}"#, vec![Remove("/a")], r#"{"b":0,"c":2}"#),
        (r#"{"a":1,"a":3}"#, vec![Set("/a", "7")], r#"{"a":7,"a":7}"#),
        (r#"{"a":1,"a":3}"#, vec![Move("/a", "/b")], r#"{"b":3}"#),
        // Names that have to be read.
        (r#"{"a/b":1,"m~n":2}"#, vec![Remove("/a~1b"), Set("/m~0n", "3")], r#"{"m~n":3}"#),
        (r#"{"\u0061":1}"#, vec![Set("/a", "2")], r#"{"\u0061":2}"#),
        (r#"{"\ud800":1,"a":1}"#, vec![Set("/a", "2")], r#"{"\ud800":1,"a":2}"#),
        (r#"{"":1}"#, vec![Set("/", "2"), Set("/~01\"", "3")], r#"{"":2,"~1\"":3}"#),
        (r#"{"k":"\\","l":"}\"{"}"#, vec![Set("/l", "1")], r#"{"k":"\\","l":1}"#),
        // Numbers that no tree keeps.
        (r#"{"n":1e999,"m":0.10000}"#, vec![Remove("/x")], r#"{"n":1e999,"m":0.10000}"#),
        ("  {\"a\":1}\n", vec![Set("/a", "2")], "  {\"a\":2}\n"),
    ] {
        assert_eq!(edited(body, &edits), expected, "{body} {edits:?}");
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let long = format!("/{}", "a/".repeat(70));
    for (edit, expected) in [
        (
            Set("model", "1"),
            "`model` is not a JSON pointer: it is neither empty nor begins with `/`",
        ),
        (Remove("/a~2"), "`/a~2` is not a JSON pointer: `~` is followed by 0 or 1"),
        (Remove("/a~"), "`/a~` is not a JSON pointer: `~` is followed by 0 or 1"),
        (
            Set("/a", "{\"b\":}"),
            "the value for `/a` is not JSON: expected value at line 1 column 6",
        ),
        (
            Set("/a", "1 2"),
            "the value for `/a` is not JSON: trailing characters at line 1 column 3",
        ),
        (Set("/a", "NaN"), "the value for `/a` is not JSON: expected value at line 1 column 1"),
        (
            Set("/s/x", "1"),
            "nothing can be set at `/s/x`: a text, a number or a boolean has nothing inside it",
        ),
        (Set("/l/7", "1"), "nothing can be set at `/l/7`: the array has no such element"),
        (Set("/l/00", "1"), "nothing can be set at `/l/00`: the array has no such element"),
        (Move("/l", "/l/0"), "`/l` cannot be moved into itself"),
        (Move("", "/a"), "`` cannot be moved into itself"),
        (Remove(""), "the whole document cannot be removed"),
    ] {
        let body = br#"{"s":"x","l":[1]}"#;
        let error = apply(body, [edit].into_iter()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{edit:?}");
    }
    assert!(matches!(apply(b"{}", [Remove(&long)].into_iter()), Err(EditError::Pointer { .. })));
    let many = std::iter::repeat_n(Remove("/a"), MAX_EDITS + 1);
    assert_eq!(apply(b"{}", many), Err(EditError::TooMany));
    let shown = apply(b"{}", [Set(&"ä".repeat(500), "1")].into_iter()).unwrap_err().to_string();
    assert!(shown.len() < 250, "{shown}");
}

#[test]
fn what_is_not_json_neither_panics_nor_hangs() {
    for body in [
        "",
        " ",
        "{",
        "{\"a",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "[1,",
        "\"\\",
        "{\"a\":[}",
        "}",
        "{1:2}",
    ] {
        for edit in [Set("/a/b", "1"), Remove("/a"), Move("/a", "/b"), Set("/-", "1")] {
            let _ = apply(body.as_bytes(), [edit].into_iter());
        }
        let _ = get(body.as_bytes(), "/a/0");
    }
    assert_eq!(get(b"{\"a\":", "/a"), Err(EditError::Malformed { near: 5 }));
}

#[test]
fn the_text_of_a_value_is_found() {
    let body = br#"{"a":{"b":[1, {"c" : 2.50}]},"a/b":"x","d":1,"d":2}"#;
    for (pointer, expected) in [
        ("/a/b/1/c", Some("2.50")),
        ("/a/b", Some(r#"[1, {"c" : 2.50}]"#)),
        ("/a~1b", Some("\"x\"")),
        ("/d", Some("2")),
        ("/a/b/-", None),
        ("/a/b/01", None),
        ("/a/b/2", None),
        ("/d/e", None),
        ("/e", None),
    ] {
        let found = get(body, pointer).unwrap().map(|text| std::str::from_utf8(text).unwrap());
        assert_eq!(found, expected, "{pointer}");
    }
    assert_eq!(get(b" 1 ", "").unwrap(), Some(&b"1"[..]));
}

#[test]
fn ten_thousand_arrays_inside_each_other_are_no_recursion() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let body = format!("{{\"deep\":{deep},\"model\":\"a\"}}");
    let expected = format!("{{\"deep\":{deep},\"model\":{deep}}}");
    assert_eq!(edited(&body, &[Set("/model", &deep)]), expected);
    assert!(get(body.as_bytes(), &format!("/deep{}", "/0".repeat(63))).unwrap().is_some());
}

#[test]
fn a_megabyte_of_prompt_stays_as_it_is() {
    let prompt = "all work and no play, \\\"quoted\\\" ".repeat(32 * 1024);
    let body = format!(
        r#"{{"model":"a","messages":[{{"role":"user","content":"{prompt}"}}],"stream":true}}"#
    );
    let edits = [Set("/model", "\"b\""), Set("/stream_options/include_usage", "true")];
    let text = edited(&body, &edits);
    let head = body.replacen("\"a\"", "\"b\"", 1);
    let head = head.strip_suffix('}').unwrap();
    assert_eq!(text, format!("{head},\"stream_options\":{{\"include_usage\":true}}}}"));
}
