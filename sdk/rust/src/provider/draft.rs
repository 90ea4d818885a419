//! A call on its way from the canonical dialect into an upstream's own: fields are taken from
//! what was asked and set in what is sent. What is left of the former at the end is what nothing
//! was made of, and the sender is told: so nothing is ignored in silence.

use super::{Body, Failure, Framing, HttpCall, extra};
use crate::Json;
use crate::json::Unreadable;
use crate::openai::Message;

/// A request of the canonical dialect, and the body that is made of it.
pub struct Draft<'a> {
    asked: Json<'a>,
    /// The body.
    pub sent: Json<'a>,
    lost: Vec<String>,
}

impl<'a> Draft<'a> {
    /// Begins with all of a request's body asked, and nothing sent.
    pub fn of(body: &'a str) -> Result<Self, Failure> {
        let asked = Json::read(body).map_err(|Unreadable(byte)| {
            Failure::invalid("body", format!("the request's body is not JSON (byte {byte})"))
        })?;
        if !asked.is_object() {
            return Err(Failure::invalid("body", "the request's body is not a JSON object"));
        }
        Ok(Self { asked, sent: Json::object([]), lost: Vec::new() })
    }

    /// A field that was asked for, which is dealt with now; null where it is absent.
    pub fn take(&mut self, name: &str) -> Json<'a> {
        self.asked.take(name)
    }

    /// Takes a field that has to be a whole number, where it is there.
    pub fn take_number(&mut self, name: &str) -> Result<Option<u64>, Failure> {
        let value = self.take(name);
        let wrong = || Failure::invalid(name, format!("`{name}` is not a whole number"));
        (!value.is_null()).then(|| value.as_u64().ok_or_else(wrong)).transpose()
    }

    /// Takes a field that has to be a text, where it is there.
    pub fn take_text(&mut self, name: &str) -> Result<Option<String>, Failure> {
        let value = self.take(name);
        let wrong = || Failure::invalid(name, format!("`{name}` is not a text"));
        (!value.is_null()).then(|| value.some_text().ok_or_else(wrong)).transpose()
    }

    /// Takes the messages, and names what stands beside what is said in them, but for the fields
    /// that are `kept`.
    pub fn take_messages(&mut self, kept: &[&str]) -> Result<Vec<Message<'a>>, Failure> {
        let messages = Message::read_all(self.take("messages"))?;
        let beside = messages.iter().flat_map(Message::beside);
        self.lost.extend(beside.filter(|name| !kept.contains(&name.as_str())));
        Ok(messages)
    }

    /// Whether a field is not yet dealt with and is this text.
    pub fn says(&self, name: &str, text: &str) -> bool {
        self.asked[name] == *text
    }

    /// Takes a field that has to be a text or a list of them: none where it is absent.
    pub fn take_texts(&mut self, name: &str) -> Result<Vec<String>, Failure> {
        let texts = self.take(name).into_items();
        if !texts.iter().all(Json::is_text) {
            let message = format!("`{name}` is neither a text nor a list of texts");
            return Err(Failure::invalid(name, message));
        }
        Ok(texts.iter().map(|text| text.text().into_owned()).collect())
    }

    /// Whether a field is there and not yet dealt with, whatever it says.
    pub fn has(&self, name: &str) -> bool {
        !self.asked[name].is_null()
    }

    /// Whether a field was asked for, and is not yet dealt with.
    pub fn asks(&self, name: &str) -> bool {
        asks(name, &self.asked[name])
    }

    /// Refuses fields that cannot be left out: without them it would be another answer. Another
    /// provider may take them.
    pub fn refuse(&self, names: &[&str]) -> Result<(), Failure> {
        match names.iter().find(|name| self.asks(name)) {
            None => Ok(()),
            Some(name) => {
                let message = format!("this provider has no place for `{name}` in this request");
                Err(Failure::unsupported(name, message))
            }
        }
    }

    /// Leaves a field out, and names it if it was asked for.
    pub fn leave_out(&mut self, name: &str) {
        if self.asks(name) {
            self.lose(name);
        }
        self.take(name);
    }

    /// Sets a field of the body, unless the value is null.
    pub fn set(&mut self, name: &'a str, value: impl Into<Json<'a>>) {
        self.sent.set(name, value);
    }

    /// Passes fields on as they came: `(name there, name here)`.
    pub fn pass(&mut self, names: &[(&str, &'a str)]) {
        for (there, here) in names {
            let value = self.asked.take(there);
            self.sent.set(*here, value);
        }
    }

    /// Names a field that cannot be honoured, or not all of it.
    pub fn lose(&mut self, name: impl Into<String>) {
        self.lost.push(name.into());
    }

    /// The call that posts the body, with the names of what the sender asked for and does not
    /// get.
    pub fn post(mut self, path: impl Into<String>, framing: Framing) -> HttpCall {
        for (name, value) in self.asked.fields() {
            if asks(name, value) {
                self.lost.push(name.clone().into_owned());
            }
        }
        let body = Body::Bytes(self.sent.into_bytes());
        HttpCall::post(path, body).framing(framing).dropping(self.lost)
    }
}

/// Whether a field asks for anything that would not happen anyway.
pub fn asks(name: &str, value: &Json<'_>) -> bool {
    match name {
        // The host deals with these.
        "model" | "stream" | "stream_options" | "metadata" | "encoding_format" => false,
        "n" => !value.is_null() && value.as_u64() != Some(1),
        "frequency_penalty" | "presence_penalty" => !value.is_null() && value.as_f64() != Some(0.0),
        "modalities" => !value.is_null() && (value.items().len() != 1 || value[0] != "text"),
        "parallel_tool_calls" => *value == false,
        "tool_choice" => !value.is_null() && *value != "auto" && *value != "none",
        "service_tier" => !value.is_null() && *value != "auto" && *value != "default",
        _ => !value.is_nothing(),
    }
}

impl HttpCall {
    /// With the names beside it of what the sender asked for and it does not say: the host tells
    /// the sender.
    #[must_use]
    pub fn dropping(mut self, names: Vec<String>) -> Self {
        let mut once: Vec<String> = Vec::new();
        for name in names {
            // They are few, and the code of a sort is many times as long.
            if let Err(place) = once.binary_search(&name) {
                once.insert(place, name);
            }
        }
        self.extra.extend(extra([("dropped", Json::from(once).something())]));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Draft;
    use crate::provider::{Body, FailureKind, Framing};

    #[test]
    fn what_nothing_was_made_of_is_named() {
        let mut draft = Draft::of(
            r#"{"model": "m", "stream": true, "temperature": 0.50, "seed": null, "user": "u",
                "n": 1, "presence_penalty": 0.0, "frequency_penalty": 1, "logprobs": false,
                "logit_bias": {}, "parallel_tool_calls": false, "service_tier": "auto",
                "tool_choice": "auto", "unknown": 0}"#,
        )
        .unwrap();
        draft.pass(&[("temperature", "heat"), ("seed", "seed")]);
        draft.lose("messages.name");
        draft.lose("messages.name");
        let call = draft.post("/path", Framing::Whole);
        assert_eq!(call.body, Body::Bytes(br#"{"heat":0.50}"#.to_vec()));
        let names =
            r#"["frequency_penalty","messages.name","parallel_tool_calls","unknown","user"]"#;
        assert_eq!(call.extra, [("dropped".to_owned(), names.to_owned())]);
        assert_eq!(Draft::of("{}").unwrap().post("/", Framing::Whole).extra, []);
    }

    #[test]
    fn what_would_be_another_answer_is_refused_by_name() {
        let draft = Draft::of(r#"{"n": 2, "modalities": ["text"], "audio": null}"#).unwrap();
        draft.refuse(&["audio", "modalities", "functions"]).unwrap();
        let failure = draft.refuse(&["audio", "n"]).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unsupported);
        assert_eq!(failure.extra, [("param".to_owned(), "\"n\"".to_owned())]);
    }

    #[test]
    fn what_stands_beside_what_is_said_is_named() {
        let mut draft = Draft::of(
            r#"{"messages": [{"role": "user", "name": "ann", "content": [
                {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://a/c.png", "detail": "auto"}},
                {"type": "file", "file": {"file_id": "f", "filename": "n"}}]},
                {"role": "assistant", "name": "bob", "content": "Hi"}]}"#,
        )
        .unwrap();
        assert_eq!(draft.take_messages(&["messages.file.filename"]).unwrap().len(), 2);
        let names = r#"["messages.image_url.detail","messages.name"]"#;
        let call = draft.post("/", Framing::Whole);
        assert_eq!(call.extra, [("dropped".to_owned(), names.to_owned())]);
    }

    #[test]
    fn what_has_to_be_a_number_or_a_text_is_one() {
        let mut draft = Draft::of(r#"{"a": 7, "b": "word", "c": null}"#).unwrap();
        assert_eq!(draft.take_number("c"), Ok(None));
        assert_eq!(draft.take_number("a"), Ok(Some(7)));
        assert_eq!(draft.take_text("a"), Ok(None));
        let failure = draft.take_number("b").unwrap_err();
        assert_eq!(failure.message, "`b` is not a whole number");
        let mut draft = Draft::of(r#"{"b": "word", "c": ["one", "two"], "d": [7]}"#).unwrap();
        assert_eq!(draft.take_texts("c"), Ok(vec!["one".to_owned(), "two".to_owned()]));
        assert_eq!((draft.take_texts("c"), draft.says("b", "word")), (Ok(Vec::new()), true));
        assert_eq!(draft.take_texts("b"), Ok(vec!["word".to_owned()]));
        draft.take_texts("d").unwrap_err();
        let mut draft = Draft::of(r#"{"a": 7, "b": "word"}"#).unwrap();
        assert_eq!(draft.take_text("b").as_ref().map(Option::as_deref), Ok(Some("word")));
        assert_eq!(draft.take_text("a").unwrap_err().message, "`a` is not a text");
    }

    #[test]
    fn what_is_no_object_is_no_request() {
        for (body, place) in [("[]", "is not a JSON object"), ("{\"a\"}", "(byte 5)")] {
            let failure = Draft::of(body).err().unwrap();
            assert_eq!(failure.kind, FailureKind::InvalidRequest);
            assert!(failure.message.contains(place), "{}", failure.message);
        }
    }
}
