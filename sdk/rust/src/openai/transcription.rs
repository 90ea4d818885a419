//! Transcription: the form that asks for it, and the transcript read.
//!
//! A transcript is passed on where the upstream writes the format that the sender wants. Where
//! it does not, it is asked for a format that says at least as much, and the host writes the
//! sender's: captions need times, and a transcript without them is none.

mod transcript;

pub use transcript::Transcript;

use crate::provider::{Body, Failure, FormPart, FormValue, Framing, HttpCall, asks};
use crate::{Json, Request};

/// A model that transcribes, and what it can.
#[derive(Debug, Clone, Default)]
pub struct Transcriber<'a> {
    /// The formats that it writes: "json", "text", "srt", "vtt", "verbose_json" or
    /// "diarized_json". Empty where that is all of them.
    pub formats: &'a [String],
    /// It answers in one piece, also where a stream is asked for.
    pub whole: bool,
    /// Fields that it refuses: left out, and named to the sender.
    pub refused: Vec<&'a str>,
    /// Its answers may go to the sender as they are.
    pub passes_on: bool,
}

impl Transcriber<'_> {
    /// The call that asks it, and what reads the answer.
    ///
    /// The sender's form goes on field by field, repeated fields as `name[]`, with the model's name
    /// and a format that is always said.
    pub fn ask(&self, request: &Request, path: &str) -> Result<(Transcript, HttpCall), Failure> {
        let body = request.body();
        let mut asked = Json::read(&body).unwrap_or_default();
        if !asked.is_object() {
            return Err(Failure::invalid("body", "the fields of the form are not an object"));
        }
        let wanted = asked.take("response_format").or("json").into_text();
        let (format, same) = self.format(&wanted)?;
        let streams = request.streaming() && !self.whole;
        let file = FormValue::Attachment("file".to_owned());
        let mut parts = vec![FormPart { name: "file".to_owned(), value: file }];
        parts.extend([
            part("model", &request.model().into()),
            part("response_format", &format.into()),
        ]);
        parts.extend(streams.then(|| part("stream", &true.into())));
        let mut lost = Vec::new();
        for (name, value) in asked.fields() {
            match (&**name, value) {
                ("file" | "model" | "stream", _) | (_, Json::Null) => {}
                (name, value) if self.refused.contains(&name) => {
                    lost.extend(asks(name, value).then(|| name.to_owned()));
                }
                (name, Json::List(values)) => {
                    parts.extend(values.iter().map(|value| part(&format!("{name}[]"), value)));
                }
                (name, value) => parts.push(part(name, value)),
            }
        }
        let framing = if streams { Framing::Sse } else { Framing::Whole };
        let call = HttpCall {
            // The host says which form it is: it knows where one part ends.
            headers: Vec::new(),
            passthrough: self.passes_on && same && streams == request.streaming(),
            ..HttpCall::post(path, Body::Form(parts)).framing(framing).dropping(lost)
        };
        Ok((Transcript::new(request.streaming(), streams), call))
    }

    /// The format to ask for, of those that there are, and whether it is the one that is wanted.
    fn format<'f>(&self, wanted: &'f str) -> Result<(&'f str, bool), Failure> {
        let has =
            |format: &str| self.formats.is_empty() || self.formats.iter().any(|it| it == format);
        if self.passes_on && has(wanted) {
            return Ok((wanted, true));
        }
        // What can be read, and says as much: times, or a text.
        let enough: &[&str] = match wanted {
            "json" | "text" => &["json", "verbose_json"],
            "srt" | "vtt" | "verbose_json" => &["verbose_json", "diarized_json"],
            "diarized_json" => &["diarized_json"],
            _ => &[],
        };
        let found = enough.iter().find(|format| has(format));
        found.map(|&format| (format, format == wanted)).ok_or_else(|| {
            let message = format!("this model writes no {wanted:?}, and nothing to make it of");
            Failure::unsupported("response_format", message)
        })
    }
}

/// A field of the form: a text as it is, anything else as JSON.
fn part(name: &str, value: &Json<'_>) -> FormPart {
    let text = if value.is_text() { value.text().into_owned() } else { value.to_string() };
    FormPart { name: name.to_owned(), value: FormValue::Text(text) }
}

#[cfg(test)]
mod tests {
    use super::Transcriber;
    use crate::Recording;
    use crate::provider::{Body, FormValue, Framing, HttpCall};

    fn ask(transcriber: &Transcriber<'_>, body: &str) -> HttpCall {
        let body = body.to_owned();
        let request = Recording { streaming: true, body, ..Recording::default() }.into();
        transcriber.ask(&request, "/audio/transcriptions").unwrap().1
    }

    #[test]
    fn the_form_goes_on_field_by_field() {
        let call = ask(
            &Transcriber { refused: vec!["prompt"], passes_on: true, ..Transcriber::default() },
            r#"{"file": {}, "model": "m", "language": "de", "prompt": "Oslo", "temperature": 0.5,
                "include": ["logprobs"], "stream": true, "user": null}"#,
        );
        let Body::Form(parts) = call.body else { panic!("no form") };
        let text = |value: FormValue| {
            if let FormValue::Text(text) = value { text } else { "…".to_owned() }
        };
        let parts: Vec<String> =
            parts.into_iter().map(|it| format!("{}={}", it.name, text(it.value))).collect();
        let rest = ["language=de", "temperature=0.5", "include[]=logprobs"];
        let first = ["file=…", "model=model", "response_format=json", "stream=true"];
        assert_eq!(parts, [first.as_slice(), &rest].concat());
        assert_eq!((call.framing, call.passthrough), (Framing::Sse, true));
        assert_eq!(call.extra, [("dropped".to_owned(), r#"["prompt"]"#.to_owned())]);
    }

    #[test]
    fn who_cannot_write_captions_is_asked_for_times() {
        let formats = ["json", "verbose_json"].map(str::to_owned);
        for (wanted, asked, passed_on) in [
            ("json", "json", true),
            ("text", "json", false),
            ("srt", "verbose_json", false),
            ("verbose_json", "verbose_json", true),
        ] {
            let transcriber =
                Transcriber { formats: &formats, passes_on: true, ..Transcriber::default() };
            let call = ask(&transcriber, &format!(r#"{{"response_format": "{wanted}"}}"#));
            let Body::Form(parts) = call.body else { panic!("no form") };
            assert_eq!(parts[2].value, FormValue::Text(asked.to_owned()), "{wanted}");
            assert_eq!(call.passthrough, passed_on, "{wanted}");
        }
        let formats = ["json".to_owned()];
        let transcriber = Transcriber { formats: &formats, ..Transcriber::default() };
        assert_eq!(transcriber.format("text"), Ok(("json", false)));
        transcriber.format("vtt").unwrap_err();
        transcriber.format("diarized_json").unwrap_err();
    }
}
