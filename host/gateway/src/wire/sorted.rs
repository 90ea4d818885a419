//! A JSON text in one form for all texts that differ in space and in the order of keys alone.
//!
//! It is there to be compared and not to be read: the commas between members are left out.
//! Numbers and strings stay as they were written, so that two that are not the same are never
//! taken for each other.

use memchr::memchr2;
use std::ops::Range;

/// Objects and arrays inside each other. Putting members in order copies them, so that each level
/// may cost a copy of all that is below it.
const DEEPEST: usize = 64;

/// An object or array that is not over.
struct Open {
    /// Where its content begins in what is written.
    start: usize,
    /// The keys of its members, where they stand in what is written; none in an array.
    keys: Vec<Range<usize>>,
    /// Whether the next string is a key.
    expects_key: bool,
}

/// The text, which is JSON, in that form; `None` where it is nested deeper than requests are.
pub fn sorted(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut open: Vec<Open> = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {}
            b'"' => {
                let (start, end) = (out.len(), string(text, at)?);
                out.extend_from_slice(&text[at - 1..end]);
                at = end;
                if let Some(object) = open.last_mut().filter(|open| open.expects_key) {
                    object.keys.push(start..out.len());
                    object.expects_key = false;
                }
            }
            b'{' | b'[' => {
                if open.len() == DEEPEST {
                    return None;
                }
                out.push(*byte);
                let expects_key = *byte == b'{';
                open.push(Open { start: out.len(), keys: Vec::new(), expects_key });
            }
            b'}' | b']' => {
                put_in_order(&mut out, &open.pop()?);
                out.push(*byte);
            }
            b',' => match open.last_mut() {
                Some(object) if !object.keys.is_empty() => object.expects_key = true,
                _ => out.push(b','),
            },
            other => out.push(*other),
        }
    }
    open.is_empty().then_some(out)
}

/// The end of the string whose opening quote is before `at`.
fn string(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Puts the members of an object in order, in place. Those of the same key keep theirs: which of
/// them holds is the reader's choice.
fn put_in_order(out: &mut Vec<u8>, object: &Open) {
    if object.keys.is_sorted_by_key(|key| &out[key.clone()]) {
        return;
    }
    let ends = object.keys.iter().skip(1).map(|next| next.start).chain([out.len()]);
    let mut members: Vec<_> = object.keys.iter().cloned().zip(ends).collect();
    members.sort_by_key(|(key, _)| &out[key.clone()]);
    let mut sorted = Vec::with_capacity(out.len() - object.start);
    for (key, end) in members {
        sorted.extend_from_slice(&out[key.start..end]);
    }
    out.truncate(object.start);
    out.extend_from_slice(&sorted);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &str, other: &str, alike: bool) {
        let (one, other) = (sorted(one.as_bytes()), sorted(other.as_bytes()));
        assert!(one.is_some() && other.is_some());
        assert_eq!(one == other, alike, "{one:?} {other:?}");
    }

    #[test]
    fn space_and_the_order_of_keys_make_no_difference_and_all_else_does() {
        check(
            r#"{"b":{"y":[1,2],"x":"a b"},"a":null}"#,
            "{ \"a\" : null,\n\"b\":{\"x\":\"a b\" , \"y\":[ 1,2 ]}}",
            true,
        );
        check(r#"{"a":[{"c":1,"b":2},{"b":3}]}"#, r#"{"a":[{"b":2,"c":1},{"b":3}]}"#, true);
        check(r#"{"a":"x, y: {"}"#, r#"{ "a": "x, y: {" }"#, true);
        check(r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#, false);
        check(r#"{"a":"b c"}"#, r#"{"a":"bc"}"#, false);
        check(r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#, false);
        check(r#"{"a":18446744073709551617}"#, r#"{"a":18446744073709551618}"#, false);
        check(r#"{"a":"\"","b":1}"#, r#"{"b":1,"a":"\""}"#, true);
        check(r#"{"a":["b","c"]}"#, r#"{"a":["b,c"]}"#, false);
        check(r#"{"a":{},"b":[]}"#, r#"{"b":[],"a":{}}"#, true);
    }

    #[test]
    fn what_is_nested_deeply_has_no_such_form() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(sorted(nested(DEEPEST).as_bytes()).is_some());
        assert!(sorted(nested(DEEPEST + 1).as_bytes()).is_none());
    }
}
