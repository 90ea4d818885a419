//! A call on its way from the canonical dialect to an upstream that speaks it too: the sender's
//! body with as few edits as the upstream needs, and the names of what is lost by them.
//!
//! The host makes the edits, so the body is neither parsed here nor copied, however long it is.
//! What a decision hangs on is asked for by its name.

use super::{Body, Failure, Framing, HttpCall, JsonEdit, asks};
use crate::{Json, Request};

/// The edits of a request's body. Names of fields are paths from the top of it, as in
/// "stream_options/include_usage".
pub struct Edits<'r> {
    request: &'r Request,
    edits: Vec<JsonEdit>,
    lost: Vec<String>,
}

impl<'r> Edits<'r> {
    /// Begins with the one that every upstream needs: its own name of the model.
    pub fn of(request: &'r Request) -> Self {
        let mut edits = Self { request, edits: Vec::new(), lost: Vec::new() };
        edits.set("model", request.model());
        edits
    }

    /// Sets a field, in place of what was there.
    pub fn set<'a>(&mut self, name: &str, value: impl Into<Json<'a>>) {
        self.edits.push(JsonEdit::Set((at(name), value.into().to_string())));
    }

    /// Removes a field, if it is there.
    pub fn remove(&mut self, name: &str) {
        self.edits.push(JsonEdit::Remove(at(name)));
    }

    /// Moves a field, if it is there, in place of what may be where it goes.
    pub fn rename(&mut self, name: &str, to: &str) {
        self.edits.push(JsonEdit::Move((at(name), at(to))));
    }

    /// What a field of the sender's says, as JSON; `None` where it is not there.
    pub fn asked(&self, name: &str) -> Option<String> {
        self.request.get(&at(name), u32::MAX)
    }

    /// Leaves a field out, and names it if it asked for anything. "messages.name" is the field
    /// `name` of every message.
    pub fn leave_out(&mut self, name: &str) {
        if let Some(field) = name.strip_prefix("messages.") {
            return self.leave_out_of_messages(name, field);
        }
        let Some(value) = self.asked(name) else { return };
        self.remove(name);
        if changes(name, &Json::read(&value).unwrap_or_default()) {
            self.lose(name);
        }
    }

    fn leave_out_of_messages(&mut self, name: &str, field: &str) {
        for (place, _) in self.request.in_messages(field) {
            self.remove(&format!("messages/{place}/{field}"));
            self.lose(name);
        }
    }

    /// Names a field that cannot be honoured, or not all of it.
    pub fn lose(&mut self, name: impl Into<String>) {
        self.lost.push(name.into());
    }

    /// Refuses to answer several times (`n`), for an upstream that does not: another provider may,
    /// or the host asks several times.
    pub fn one_answer(&self) -> Result<(), Failure> {
        match self.asked("n").as_deref() {
            None | Some("1" | "null") => Ok(()),
            Some(_) => {
                let message = "this upstream gives one answer to a request: `n` has to be 1";
                Err(Failure::unsupported("n", message))
            }
        }
    }

    /// The call that posts the body as it is edited, with the names of what the sender asked for
    /// and does not get.
    pub fn post(self, path: impl Into<String>, framing: Framing) -> HttpCall {
        HttpCall::post(path, Body::Edited(self.edits)).framing(framing).dropping(self.lost)
    }
}

/// Whether a field asks for anything but what models of this dialect do anyway. Elsewhere another
/// temperature than 1 may be the one that is not asked for.
pub fn changes(name: &str, value: &Json<'_>) -> bool {
    match name {
        "temperature" | "top_p" => !value.is_null() && value.as_f64() != Some(1.0),
        _ => asks(name, value),
    }
}

fn at(name: &str) -> String {
    format!("/{name}")
}

#[cfg(test)]
mod tests {
    use super::Edits;
    use crate::Recording;
    use crate::provider::{Body, Framing, HttpCall, JsonEdit};

    fn edited(body: &str, edit: impl FnOnce(&mut Edits<'_>)) -> HttpCall {
        let recording = Recording { body: body.to_owned(), ..Recording::default() };
        let request = recording.into();
        let mut edits = Edits::of(&request);
        edit(&mut edits);
        edits.post("/chat", Framing::Sse)
    }

    #[test]
    fn what_is_left_out_is_removed_and_named_if_it_asked_for_anything() {
        let body = r#"{"a": 1, "b": null, "temperature": 1.0, "messages": [
            {"role": "user", "name": "Ann"}, {"role": "user", "name": null}, {}]}"#;
        let call = edited(body, |edits| {
            ["a", "b", "temperature", "not there", "messages.name", "messages.mood"]
                .iter()
                .for_each(|name| edits.leave_out(name));
        });
        let removed = ["a", "b", "temperature", "messages/0/name"]
            .map(|name| JsonEdit::Remove(format!("/{name}")));
        let Body::Edited(edits) = call.body else { panic!("no edits") };
        assert_eq!(edits[0], JsonEdit::Set(("/model".to_owned(), r#""model""#.to_owned())));
        assert_eq!(edits[1..], removed);
        let dropped = ("dropped".to_owned(), r#"["a","messages.name"]"#.to_owned());
        assert_eq!((call.extra, call.framing), (vec![dropped], Framing::Sse));
    }

    #[test]
    fn several_answers_are_refused() {
        for (n, refused) in [("1", false), ("null", false), ("2", true), ("\"1\"", true)] {
            edited(&format!(r#"{{"n": {n}}}"#), |edits| {
                assert_eq!(edits.one_answer().is_err(), refused, "{n}");
            });
        }
    }
}
