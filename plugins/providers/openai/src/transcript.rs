//! Transcription: the form that asks for it, and the transcript read.
//!
//! A transcript is passed on where the upstream writes the format that the sender wants. Where
//! it does not, it is asked for a format that says at least as much, and the host writes the
//! sender's: captions need times, and a transcript without them is none.

use crate::answer::{Reader, push_text};
use crate::edits::{about, asks};
use crate::fields::written;
use crate::quirks::Quirks;
use crate::{invalid, malformed, unsupported};
use portcullis_sdk::Request;
use portcullis_sdk::openai::ErrorBody;
use portcullis_sdk::provider::{Event, Failure, FormPart, FormValue, Usage, error_failure};
use serde_json::{Map, Value};

/// What is sent.
pub(crate) struct Form {
    pub(crate) parts: Vec<FormPart>,
    /// The names of what the sender asked for and does not get.
    pub(crate) dropped: Vec<String>,
    /// The upstream answers piece by piece.
    pub(crate) streams: bool,
    /// It answers in the sender's format.
    pub(crate) passthrough: bool,
}

impl Form {
    /// The form for a request, of which `passes_on` says whether an answer could be passed on.
    pub(crate) fn of(
        request: &Request,
        quirks: &Quirks<'_>,
        passes_on: bool,
    ) -> Result<Self, Failure> {
        let body: Result<Map<String, Value>, _> = serde_json::from_str(&request.body());
        let mut asked = body.map_err(|_| invalid("the fields of the form are not an object"))?;
        let wanted = asked.remove("response_format").filter(|it| !it.is_null());
        let wanted = wanted.as_ref().map_or("json", |it| it.as_str().unwrap_or_default());
        let (format, same) = format(wanted, quirks.transcription_formats(), passes_on)?;
        let streams = request.streaming() && !quirks.transcribes_whole();
        let passthrough = passes_on && same && streams == request.streaming();
        let file = FormValue::Attachment("file".to_owned());
        let mut form = Self {
            parts: vec![FormPart { name: "file".to_owned(), value: file }],
            dropped: Vec::new(),
            streams,
            passthrough,
        };
        form.text("model", &request.model());
        form.text("response_format", format);
        if streams {
            form.text("stream", "true");
        }
        let dropping: Vec<_> = quirks.refused(Some("none")).collect();
        for (name, value) in asked {
            let refused = dropping.contains(&name.as_str());
            match (name.as_str(), value) {
                ("file" | "model" | "stream", _) | (_, Value::Null) => {}
                (_, value) if refused => {
                    form.dropped.extend(asks(&name, &written(&value)).then_some(name));
                }
                (_, Value::Array(list)) => {
                    list.iter().for_each(|value| form.value(&format!("{name}[]"), value));
                }
                (_, value) => form.value(&name, &value),
            }
        }
        Ok(form)
    }

    fn value(&mut self, name: &str, value: &Value) {
        self.text(name, value.as_str().map_or_else(|| written(value), str::to_owned).as_str());
    }

    fn text(&mut self, name: &str, text: &str) {
        let value = FormValue::Text(text.to_owned());
        self.parts.push(FormPart { name: name.to_owned(), value });
    }
}

/// The format to ask for, of those that there are, and whether it is the one that is wanted.
fn format<'a>(
    wanted: &'a str,
    there: &[String],
    passes_on: bool,
) -> Result<(&'a str, bool), Failure> {
    let has = |format: &str| there.is_empty() || there.iter().any(|it| it == format);
    if passes_on && has(wanted) {
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
        about("response_format", unsupported(message))
    })
}

/// A transcript that is being read.
pub(crate) struct Transcript {
    /// Whether the sender wants pieces.
    streaming: bool,
    /// Whether there are any.
    streams: bool,
    over: bool,
}

impl Transcript {
    pub(crate) fn new(streaming: bool, streams: bool) -> Self {
        Self { streaming, streams, over: false }
    }
}

impl Reader for Transcript {
    fn frame(&mut self, text: &str, events: &mut Vec<Event>) -> Result<(), Failure> {
        if self.streams && matches!(text, "" | "[DONE]") {
            return Ok(());
        }
        let said: Option<Map<String, Value>> = serde_json::from_str(text).ok();
        let mut said = said.ok_or_else(|| malformed("the upstream sent what is no transcript"))?;
        if said.contains_key("error") {
            let error = ErrorBody::read(text.as_bytes()).unwrap_or_default();
            return Err(error_failure(None, error));
        }
        let kind = said.remove("type").unwrap_or_default();
        match kind.as_str().filter(|_| self.streams) {
            None | Some("transcript.text.done") => self.whole(said, events)?,
            Some("transcript.text.delta") => {
                let delta = said.get("delta").and_then(Value::as_str).unwrap_or_default();
                push_text(events, 0, [(Event::Text as fn(_) -> _, delta.to_owned())]);
            }
            // Segments, whose words come in the pieces as well.
            Some(_) => {}
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

impl Transcript {
    /// All of it, and what it took.
    fn whole(
        &mut self,
        mut said: Map<String, Value>,
        events: &mut Vec<Event>,
    ) -> Result<(), Failure> {
        let Some(text) = said.get("text").and_then(Value::as_str) else {
            return Err(malformed("the upstream's transcript has no text"));
        };
        if self.streaming && !self.streams {
            push_text(events, 0, [(Event::Text as fn(_) -> _, text.to_owned())]);
        }
        self.over = true;
        let usage = said.remove("usage").unwrap_or_default();
        // Servers that say nothing of usage still say how long it was.
        let audio_seconds = usage["seconds"].as_f64().or_else(|| said.get("duration")?.as_f64());
        let [input_tokens, output_tokens] =
            ["input_tokens", "output_tokens"].map(|name| usage[name].as_u64());
        events.push(Event::Document(written(&said.into())));
        if audio_seconds.is_some() || input_tokens.or(output_tokens).is_some() {
            let usage = Usage { input_tokens, output_tokens, audio_seconds, ..Usage::default() };
            events.push(Event::Usage(usage));
        }
        Ok(())
    }
}
