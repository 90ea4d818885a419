//! What is read is written as it was, and what is no JSON is refused at its place.
#![allow(clippy::unwrap_used, reason = "this is how a test fails")]

use super::{Json, Tape, Unreadable, View};
use crate::object;
use std::borrow::Cow;

#[test]
fn what_is_read_is_written_as_it_was() {
    for text in [
        "null",
        "true",
        "-12345678901234567890123.50e+7",
        r#""a \"quoted\" \\ \u00e9 \/ line\n""#,
        r#""\\""#,
        "[]",
        "{}",
        r#"[1,[],{},"é",null]"#,
        r#"{"b":{"z":1,"a":[true,false]},"a":0.90,"":""}"#,
    ] {
        let json = Json::read(text).unwrap();
        assert_eq!(json.to_string(), text);
        let spaced = text.replace(',', " ,\n").replace(':', "\t: ");
        assert_eq!(Json::read(&format!(" {spaced}\r\n")).unwrap(), json, "{spaced}");
        let bytes = json.into_bytes();
        assert_eq!(bytes, text.as_bytes());
        // One that had to grow would have room for twice as much.
        assert!(bytes.capacity() < 2 * text.len() + 16, "{text}");
    }
}

/// Texts are gone over eight bytes at a time: what ends them is found at every place.
#[test]
fn a_text_ends_at_its_quote() {
    for length in 0..40 {
        let plain = "é!#[]".repeat(9)[..].chars().take(length).collect::<String>();
        for escaped in ["", r#"\""#, r"\\", r#"\\\""#] {
            for before in 0..=plain.len() {
                if !plain.is_char_boundary(before) {
                    continue;
                }
                let (head, tail) = plain.split_at(before);
                let text = format!("{head}{escaped}{tail}");
                let read = format!(r#"["{text}","x"]"#);
                let json = Json::read(&read).unwrap();
                assert_eq!(json, Json::List(vec![Json::Text(text.into()), "x".into()]));
                assert!(Json::read(&read[..read.len() - 6]).is_err(), "{read}");
            }
        }
    }
}

#[test]
fn what_is_no_json_is_refused_at_its_place() {
    for (text, place) in [
        ("", 1),
        (" ", 2),
        ("<html>", 1),
        ("nul", 1),
        ("1 2", 3),
        ("0x1", 1),
        ("\"a", 3),
        (r#""a\""#, 5),
        ("[1", 3),
        ("[1,]", 4),
        ("[,1]", 2),
        ("[1 2]", 4),
        ("{\"a\"}", 5),
        ("{\"a\":}", 6),
        ("{\"a\":1,}", 8),
        ("{a:1}", 2),
        ("[1}", 3),
        ("é", 1),
    ] {
        assert_eq!(Json::read(text), Err(Unreadable(place)), "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
    }
}

#[test]
fn depth_has_an_end() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Json::read(&nested(128)).is_ok());
    for depth in [129, 100_000] {
        assert_eq!(Json::read(&nested(depth)), Err(Unreadable(129)));
    }
}

#[test]
fn members_are_found_taken_and_set() {
    let mut json = Json::read(r#"{"a":{"b":[10,"x"]},"n":null}"#).unwrap();
    assert_eq!(json["a"]["b"][0].as_u64(), Some(10));
    assert_eq!(json["a"]["b"][1], "x");
    assert!(json["a"]["c"][7]["d"].is_null() && json["n"].is_null());
    json.set("c", true);
    json.set("n", "é\n");
    json.set("a", Json::Null);
    assert_eq!(json.to_string(), r#"{"a":{"b":[10,"x"]},"n":"é\n","c":true}"#);
    assert_eq!(json.take("a").to_string(), r#"{"b":[10,"x"]}"#);
    assert!(json.take("a").is_null());
}

#[test]
fn a_field_without_a_value_is_left_out() {
    let none: Option<u32> = None;
    let json = object! { "type": "text", "none": none, "of": vec![1_u32, 2], "deep": object! {} };
    assert_eq!(json.to_string(), r#"{"type":"text","of":[1,2],"deep":{}}"#);
}

#[test]
fn what_a_text_says_is_borrowed_where_it_can_be() {
    let json = Json::read(r#"["plain","\u00e9\/","\x"]"#).unwrap();
    assert!(matches!(json[0].text(), Cow::Borrowed("plain")));
    assert_eq!(json[1], "é/");
    // No JSON, but no reason to lose it.
    assert_eq!(json[2].text(), "\\x");
    assert_eq!(Json::from("a\"b").to_string(), r#""a\"b""#);
}

#[test]
fn a_tape_is_read_again_and_again() {
    let mut tape = Tape::default();
    for (text, expected) in
        [(r#"{"a":{"b":["x",7]},"c":null}"#, "x"), (r#"{"a":{"b":["y"]}}"#, "y")]
    {
        let said = tape.read(text).unwrap();
        assert!(said.get("a").get("b").item(0) == expected);
        assert_eq!(said.to_json().to_string(), text);
    }
    tape.read("{").unwrap_err();
    assert!(tape.read("[]").unwrap().is_list());
}

#[test]
fn what_is_looked_at_is_found_or_null() {
    let text = r#"{"n":null,"a":{"long":[[],{"x":1}],"b":[10,"\u00e9",true]},"":2,"t":""}"#;
    let mut tape = Tape::default();
    let said = tape.read(text).unwrap();
    let list = said.get("a").get("b");
    assert_eq!(list.items().map(|item| item.as_u64()).collect::<Vec<_>>(), [Some(10), None, None]);
    assert_eq!((list.item(0).as_u32(), list.item(0).as_f64()), (Some(10), Some(10.0)));
    assert!(list.item(1) == "é" && list.item(2) == true && list.item(3).is_null());
    assert_eq!((list.item(1).some_text().as_deref(), said.get("t").some_text()), (Some("é"), None));
    assert_eq!(said.get("").as_u64(), Some(2));
    assert!(list.get("").is_null() && said.get("n").get("x").item(0).is_null());
    assert!(said.get("x").is_null() && said.item(0).is_null() && list.get("b").is_null());
    let names = said.fields().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(
        (names, list.fields().count(), said.items().count()),
        (vec!["n", "a", "", "t"], 0, 0)
    );
    assert!(said.first(["n", "x", "t"]).is_text() && said.first(["n"]).or(list).is_list());
    let sum = said.get("a").get("long").item(1);
    assert_eq!((sum.sum(&["x", "x", "y"]), sum.sum(&["y"])), (Some(2), None));
}

#[test]
fn members_are_told_apart_by_every_byte_of_their_names() {
    for length in 1..40 {
        let name = "n".repeat(length);
        for at in 0..length {
            let mut other = name.clone();
            other.replace_range(at..=at, "x");
            let text = format!(r#"{{"{other}": 1, "{name}": 2, "{name}": 3, "{name}n": 4}}"#);
            let mut tape = Tape::default();
            let said = tape.read(&text).unwrap();
            let picked = said.pick([&name, &other, "absent"]).map(View::as_u64);
            assert_eq!(picked, [Some(2), Some(1), None], "{text}");
            assert_eq!(said.get(&name).as_u64(), Some(2), "{text}");
        }
    }
    assert!(Tape::default().read("[1]").unwrap().pick(["a"])[0].is_null());
}
