//! The calls of tools in an answer: numbered as they come, each with an id.

use super::{Event, ToolCallDelta};
use crate::json::View;

/// Counts the calls of an answer.
#[derive(Debug, Default)]
pub struct Calls {
    begun: u32,
}

impl Calls {
    /// How many have begun.
    pub fn begun(&self) -> u32 {
        self.begun
    }

    /// A call that came whole. One without an id gets one that is made of `unique`, which has to
    /// differ from answer to answer.
    pub fn whole(&mut self, id: View<'_>, unique: &str, name: View<'_>, input: View<'_>) -> Event {
        let id = id.some_text().unwrap_or_else(|| format!("call_{unique}_{}", self.begun));
        let arguments = match input {
            nothing if nothing.is_null() => "{}".to_owned(),
            // Some models write the object into a string.
            text if text.is_text() => text.text().into_owned(),
            object => object.to_json().to_string(),
        };
        self.piece(Some(id), name.some_text(), arguments)
    }

    /// The beginning of a call that comes in pieces.
    pub fn begin(&mut self, id: View<'_>, name: View<'_>) -> Event {
        self.piece(id.some_text(), name.some_text(), String::new())
    }

    /// A piece of the arguments of the latest call.
    pub fn go_on(&mut self, arguments: String) -> Event {
        self.begun = self.begun.saturating_sub(1);
        self.piece(None, None, arguments)
    }

    fn piece(&mut self, id: Option<String>, name: Option<String>, arguments: String) -> Event {
        let index = self.begun;
        self.begun += 1;
        Event::ToolCall(ToolCallDelta { index, id, name, arguments })
    }
}

#[cfg(test)]
mod tests {
    use super::Calls;
    use crate::json::Tape;
    use crate::provider::{Event, ToolCallDelta};

    #[test]
    fn calls_are_numbered_and_have_ids() {
        let mut calls = Calls::default();
        let check = |event: Event, index, id: Option<&str>, arguments: &str| {
            let Event::ToolCall(ToolCallDelta { index: at, id: named, arguments: json, .. }) =
                event
            else {
                panic!("{event:?}")
            };
            assert_eq!((at, named.as_deref(), json.as_str()), (index, id, arguments));
        };
        let said = r#"{"name":"f","c":"c","d":"d","object":{"b": 1,"a": 2},"text":"{}"}"#;
        let mut tape = Tape::default();
        let said = tape.read(said).unwrap();
        let [none, name, c, d] = ["none", "name", "c", "d"].map(|name| said.get(name));
        check(calls.whole(none, "u", name, none), 0, Some("call_u_0"), "{}");
        check(calls.whole(c, "u", name, said.get("object")), 1, Some("c"), r#"{"b":1,"a":2}"#);
        check(calls.begin(d, name), 2, Some("d"), "");
        check(calls.go_on("{".to_owned()), 2, None, "{");
        check(calls.go_on("}".to_owned()), 2, None, "}");
        check(calls.whole(none, "u", name, said.get("text")), 3, Some("call_u_3"), "{}");
        assert_eq!(calls.begun(), 4);
    }
}
