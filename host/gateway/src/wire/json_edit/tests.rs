//! Edits to text against the same edits to a tree, and what has to stay as it was.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::EditRef::{Move, Remove, Set};
use super::*;

fn edited(body: &str, edits: &[EditRef<'_>]) -> String {
    String::from_utf8(apply(body.as_bytes(), edits.iter().copied()).unwrap()).unwrap()
}

#[test]
fn what_edits_make_of_a_text() {
    for (body, edits, expected) in [
        (
            r#"{"model":"a"}"#,
            vec![Set("/model", r#""b""#)],
            r#"{"model":"b"}"#,
        ),
        (
            "{ \"a\" : 1.50 ,\n\t\"b\":2 }",
            vec![Set("/b", " 3 ")],
            "{ \"a\" : 1.50 ,\n\t\"b\":3 }",
        ),
        (
            "{}",
            vec![Set("/a", "1"), Set("/b", "2")],
            r#"{"a":1,"b":2}"#,
        ),
        ("{ }", vec![Set("/a", "1")], r#"{"a":1 }"#),
        (
            r#"{"z":0}"#,
            vec![Set("/a", "1"), Set("/b", "2")],
            r#"{"z":0,"a":1,"b":2}"#,
        ),
        (
            r#"{"z":0}"#,
            vec![Set("/a/b/c", "1")],
            r#"{"z":0,"a":{"b":{"c":1}}}"#,
        ),
        (
            r#"{"z":0}"#,
            vec![Set("/a/b", "1"), Set("/a/c", "2")],
            r#"{"z":0,"a":{"b":1,"c":2}}"#,
        ),
        (r#"{"a":null}"#, vec![Set("/a/b", "1")], r#"{"a":{"b":1}}"#),
        (
            r#"{"a":[1,2]}"#,
            vec![Set("/a/-", "3"), Set("/a/-", "4")],
            r#"{"a":[1,2,3,4]}"#,
        ),
        (
            r#"{"a":[]}"#,
            vec![Set("/a/0", "3"), Set("/a/1/b", "4")],
            r#"{"a":[3,{"b":4}]}"#,
        ),
        (r#"{"a":[1,2]}"#, vec![Set("/a/1", "{}")], r#"{"a":[1,{}]}"#),
        (
            r#"{"a":1,"b":2,"c":3}"#,
            vec![Remove("/a")],
            r#"{"b":2,"c":3}"#,
        ),
        (
            r#"{"a":1, "b":2, "c":3}"#,
            vec![Remove("/b")],
            r#"{"a":1, "c":3}"#,
        ),
        (
            r#"{"a":1,"b":2,"c":3}"#,
            vec![Remove("/c"), Remove("/b")],
            r#"{"a":1}"#,
        ),
        (
            r#"{"a":1}"#,
            vec![Remove("/a"), Set("/b", "2")],
            r#"{"b":2}"#,
        ),
        (
            r#"{"a":1}"#,
            vec![Set("/b", "2"), Remove("/a"), Remove("/b")],
            "{}",
        ),
        (
            r#"{"a":1}"#,
            vec![Set("/b", "2"), Set("/b", "3")],
            r#"{"a":1,"b":3}"#,
        ),
        (
            r#"{"a":{"b":1}}"#,
            vec![Set("/a", "{}"), Remove("/a/b")],
            r#"{"a":{}}"#,
        ),
        (
            r#"{"a":{"b":1}}"#,
            vec![Set("/a", "5"), Remove("/a/b/c")],
            r#"{"a":5}"#,
        ),
        (
            r#"{"a":1}"#,
            vec![Set("/a", "{}"), Set("/a/b", "1")],
            r#"{"a":{"b":1}}"#,
        ),
        (
            r#"{"a":[1,2,3]}"#,
            vec![Remove("/a/0"), Remove("/a/0")],
            r#"{"a":[3]}"#,
        ),
        (
            r#"{"a":[1,2,3]}"#,
            vec![Remove("/a/1"), Set("/a/1", "9")],
            r#"{"a":[1,9]}"#,
        ),
        (
            r#"{"a":1}"#,
            vec![Remove("/x/y"), Remove("/a/b"), Remove("/x")],
            r#"{"a":1}"#,
        ),
        (
            r#"{"a":1,"b":2}"#,
            vec![Move("/a", "/c")],
            r#"{"b":2,"c":1}"#,
        ),
        (r#"{"a":1.0,"b":2}"#, vec![Move("/a", "/b")], r#"{"b":1.0}"#),
        (r#"{"a":{"b":1}}"#, vec![Move("/a/b", "")], "1"),
        (
            r#"{"a":1}"#,
            vec![Move("/x", "/a"), Move("/a", "/a")],
            r#"{"a":1}"#,
        ),
        (r#"{"a":1}"#, vec![Set("", "[]"), Set("/-", "1")], "[1]"),
        // Repeated keys.
        (r#"{"a":1,"b":2,"a":3}"#, vec![Remove("/a")], r#"{"b":2}"#),
        (
            r#"{"a":1,"a":2,"b":3,"a":4}"#,
            vec![Remove("/a")],
            r#"{"b":3}"#,
        ),
        (
            r#"{"b":0,"a":1,"c":2,"a":3}"#,
            vec![Remove("/a")],
            r#"{"b":0,"c":2}"#,
        ),
        (r#"{"a":1,"a":3}"#, vec![Set("/a", "7")], r#"{"a":7,"a":7}"#),
        (r#"{"a":1,"a":3}"#, vec![Move("/a", "/b")], r#"{"b":3}"#),
        // Names that have to be read.
        (
            r#"{"a/b":1,"m~n":2}"#,
            vec![Remove("/a~1b"), Set("/m~0n", "3")],
            r#"{"m~n":3}"#,
        ),
        (r#"{"\u0061":1}"#, vec![Set("/a", "2")], r#"{"\u0061":2}"#),
        (
            r#"{"\ud800":1,"a":1}"#,
            vec![Set("/a", "2")],
            r#"{"\ud800":1,"a":2}"#,
        ),
        (
            r#"{"":1}"#,
            vec![Set("/", "2"), Set("/~01\"", "3")],
            r#"{"":2,"~1\"":3}"#,
        ),
        (
            r#"{"k":"\\","l":"}\"{"}"#,
            vec![Set("/l", "1")],
            r#"{"k":"\\","l":1}"#,
        ),
        // Numbers that no tree keeps.
        (
            r#"{"n":1e999,"m":0.10000}"#,
            vec![Remove("/x")],
            r#"{"n":1e999,"m":0.10000}"#,
        ),
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
        (
            Remove("/a~2"),
            "`/a~2` is not a JSON pointer: `~` is followed by 0 or 1",
        ),
        (
            Remove("/a~"),
            "`/a~` is not a JSON pointer: `~` is followed by 0 or 1",
        ),
        (
            Set("/a", "{\"b\":}"),
            "the value for `/a` is not JSON: expected value at line 1 column 6",
        ),
        (
            Set("/a", "1 2"),
            "the value for `/a` is not JSON: trailing characters at line 1 column 3",
        ),
        (
            Set("/a", "NaN"),
            "the value for `/a` is not JSON: expected value at line 1 column 1",
        ),
        (
            Set("/s/x", "1"),
            "nothing can be set at `/s/x`: a text, a number or a boolean has nothing inside it",
        ),
        (
            Set("/l/7", "1"),
            "nothing can be set at `/l/7`: the array has no such element",
        ),
        (
            Set("/l/00", "1"),
            "nothing can be set at `/l/00`: the array has no such element",
        ),
        (Move("/l", "/l/0"), "`/l` cannot be moved into itself"),
        (Move("", "/a"), "`` cannot be moved into itself"),
        (Remove(""), "the whole document cannot be removed"),
    ] {
        let body = br#"{"s":"x","l":[1]}"#;
        let error = apply(body, [edit].into_iter()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{edit:?}");
    }
    assert!(matches!(
        apply(b"{}", [Remove(&long)].into_iter()),
        Err(EditError::Pointer { .. })
    ));
    let many = std::iter::repeat_n(Remove("/a"), MAX_EDITS + 1);
    assert_eq!(apply(b"{}", many), Err(EditError::TooMany));
    let shown = apply(b"{}", [Set(&"ä".repeat(500), "1")].into_iter())
        .unwrap_err()
        .to_string();
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
        for edit in [
            Set("/a/b", "1"),
            Remove("/a"),
            Move("/a", "/b"),
            Set("/-", "1"),
        ] {
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
        let found = get(body, pointer)
            .unwrap()
            .map(|text| std::str::from_utf8(text).unwrap());
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
    assert!(
        get(body.as_bytes(), &format!("/deep{}", "/0".repeat(63)))
            .unwrap()
            .is_some()
    );
}

#[test]
fn a_megabyte_of_prompt_is_copied_and_not_read_twice() {
    let prompt = "all work and no play, \\\"quoted\\\" ".repeat(32 * 1024);
    let body = format!(
        r#"{{"model":"a","messages":[{{"role":"user","content":"{prompt}"}}],"stream":true}}"#
    );
    let edits = [
        Set("/model", "\"b\""),
        Set("/stream_options/include_usage", "true"),
    ];
    let began = Instant::now();
    let text = edited(&body, &edits);
    // A hundred times what it takes; a tree, or a pass an edit and byte, would show.
    assert!(
        began.elapsed() < Duration::from_millis(200),
        "{:?}",
        began.elapsed()
    );
    let head = body.replacen("\"a\"", "\"b\"", 1);
    let head = head.strip_suffix('}').unwrap();
    assert_eq!(
        text,
        format!("{head},\"stream_options\":{{\"include_usage\":true}}}}")
    );
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 4 } else { 8 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.below(1_000)),
            3 => json!(["", "x", "\"}{\\", "ä,\n"][self.below(4)]),
            4 | 5 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => Value::Object(
                (0..self.below(4))
                    .map(|_| (self.step(), self.value(depth - 1)))
                    .collect(),
            ),
        }
    }

    fn step(&mut self) -> String {
        ["a", "b", "c/d", "~", "0", "1", "-", "\""][self.below(8)].to_string()
    }

    fn pointer(&mut self) -> String {
        let steps = self.below(4);
        let step = |_| format!("/{}", self.step().replace('~', "~0").replace('/', "~1"));
        (0..steps).map(step).collect()
    }
}

/// The same edits to a tree, written as plainly as they can be.
fn on_tree(document: &mut Value, edit: EditRef<'_>) -> Option<()> {
    match edit {
        Set(at, json) => set_in_tree(document, &steps(at), serde_json::from_str(json).unwrap()),
        Remove(at) => {
            let (last, parents) = steps(at)
                .split_last()
                .map(|(l, p)| (l.clone(), p.to_vec()))?;
            take_from_tree(document, &parents, &last);
            Some(())
        }
        Move(from, to) => {
            let Some(value) = document.pointer(from).cloned() else {
                return Some(());
            };
            if from == to {
                return Some(());
            }
            if steps(to).starts_with(&steps(from)) {
                return None;
            }
            on_tree(document, Remove(from))?;
            set_in_tree(document, &steps(to), value)
        }
    }
}

fn steps(pointer: &str) -> Vec<String> {
    pointer
        .split('/')
        .skip(1)
        .map(|step| step.replace("~1", "/").replace("~0", "~"))
        .collect()
}

fn take_from_tree(document: &mut Value, parents: &[String], last: &str) {
    let pointer: String = parents
        .iter()
        .map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1")))
        .collect();
    match document.pointer_mut(&pointer) {
        Some(Value::Object(members)) => {
            members.remove(last);
        }
        Some(Value::Array(elements)) => {
            if let Some(index) = last
                .parse::<usize>()
                .ok()
                .filter(|index| *index < elements.len())
            {
                elements.remove(index);
            }
        }
        _ => {}
    }
}

fn set_in_tree(at: &mut Value, steps: &[String], value: Value) -> Option<()> {
    let Some((step, rest)) = steps.split_first() else {
        *at = value;
        return Some(());
    };
    if at.is_null() {
        *at = Value::Object(Map::new());
    }
    match at {
        Value::Object(members) => set_in_tree(
            members.entry(step.clone()).or_insert(Value::Null),
            rest,
            value,
        ),
        Value::Array(elements) => {
            let index = if step == "-" {
                elements.len()
            } else {
                step.parse().ok()?
            };
            if index > elements.len() {
                return None;
            }
            if index == elements.len() {
                elements.push(Value::Null);
            }
            set_in_tree(&mut elements[index], rest, value)
        }
        _ => None,
    }
}

#[test]
fn edits_to_text_are_edits_to_the_tree() {
    let mut dice = Dice(7);
    let mut applied = 0;
    for round in 0..30_000 {
        let mut tree = dice.value(4);
        let text = if dice.below(2) == 0 {
            tree.to_string()
        } else {
            format!("{tree:#}")
        };
        let (mut from, mut to, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..1 + dice.below(4) {
            from.push(dice.pointer());
            to.push(dice.pointer());
            values.push(dice.value(2).to_string());
        }
        let edits: Vec<_> = (0..from.len())
            .map(|index| match dice.below(4) {
                0 | 1 => Set(&from[index], &values[index]),
                2 => Remove(&from[index]),
                _ => Move(&from[index], &to[index]),
            })
            .collect();
        let expected = edits.iter().try_for_each(|edit| on_tree(&mut tree, *edit));
        match apply(text.as_bytes(), edits.iter().copied()) {
            Ok(after) => {
                let after: Value = serde_json::from_slice(&after)
                    .unwrap_or_else(|error| panic!("{error}: {round} {text} {edits:?}"));
                assert_eq!(expected, Some(()), "{round}: {text} {edits:?} was refused");
                assert_eq!(after, tree, "{round}: {text} {edits:?}");
                applied += 1;
            }
            Err(error) => assert_eq!(expected, None, "{round}: {text} {edits:?}: {error}"),
        }
    }
    assert!(applied > 10_000, "{applied}");
}

#[test]
fn bytes_around_a_value_that_is_set_stay_as_they_are() {
    let mut dice = Dice(11);
    for _ in 0..10_000 {
        let tree = dice.value(4);
        let text = format!(" {tree:#}\n");
        let pointer = dice.pointer();
        let Some(found) = get(text.as_bytes(), &pointer).unwrap() else {
            continue;
        };
        assert_eq!(
            serde_json::from_slice::<Value>(found).unwrap(),
            *tree.pointer(&pointer).unwrap()
        );
        let start = found.as_ptr() as usize - text.as_ptr() as usize;
        let mut expected = text.clone();
        expected.replace_range(start..start + found.len(), "[\"new\"]");
        assert_eq!(edited(&text, &[Set(&pointer, "[\"new\"]")]), expected);
    }
}
