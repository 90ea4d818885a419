//! The forms in which a transcript is answered.

use crate::contract::FailureKind;
use crate::contract::Usage;
use crate::failure::Failure;
use crate::wire::json_edit;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The form that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An object with the text.
    Json,
    /// The text.
    Text,
    /// SubRip: numbered subtitles.
    Srt,
    /// WebVTT: subtitles of the web.
    Vtt,
    /// An object with all that is known.
    VerboseJson,
}

/// A stretch of what was said. Times are seconds from the beginning.
#[derive(Deserialize)]
struct Segment {
    #[serde(default)]
    start: f64,
    #[serde(default)]
    end: f64,
    text: String,
}

impl Format {
    /// What the body of a request asks for. Whoever asks for a form that is not known here is
    /// answered by its upstream, or with an object.
    pub fn of(body: &[u8]) -> Self {
        let said = json_edit::get(body, "/response_format").ok().flatten();
        match said {
            Some(b"\"text\"") => Self::Text,
            Some(b"\"srt\"") => Self::Srt,
            Some(b"\"vtt\"") => Self::Vtt,
            Some(b"\"verbose_json\"") => Self::VerboseJson,
            _ => Self::Json,
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json | Self::VerboseJson => "application/json",
            Self::Text | Self::Srt => "text/plain; charset=utf-8",
            Self::Vtt => "text/vtt; charset=utf-8",
        }
    }

    /// A transcript, of which all that is known is an object, in this form. `words` and
    /// `segments` say which times were asked for.
    ///
    /// # Errors
    ///
    /// If it is no transcript.
    pub fn render(
        self,
        document: &str,
        usage: Option<&Usage>,
        asked: Granularities,
    ) -> Result<String, Failure> {
        let read =
            |_| Failure::reported(FailureKind::Malformed, "The upstream's transcript is none.");
        let mut known: Map<String, Value> = serde_json::from_str(document).map_err(read)?;
        let text = known.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
        let segments = known.get("segments").cloned().unwrap_or_default();
        let segments: Vec<Segment> = serde_json::from_value(segments).unwrap_or_default();
        let seconds = usage.and_then(|usage| usage.audio_seconds);
        let duration = known.get("duration").and_then(Value::as_f64).or(seconds);
        Ok(match self {
            Self::Text => format!("{text}\n"),
            Self::Srt => srt(&cues(segments, &text, duration)),
            Self::Vtt => vtt(&cues(segments, &text, duration)),
            Self::Json => {
                let mut said = json!({ "text": text });
                if let Some(usage) = usage {
                    said["usage"] = written(usage);
                }
                said.to_string()
            }
            Self::VerboseJson => {
                if !asked.words {
                    known.remove("words");
                }
                if !asked.segments {
                    known.remove("segments");
                }
                if let Some(usage) = usage {
                    known.entry("usage").or_insert_with(|| written(usage));
                }
                Value::Object(known).to_string()
            }
        })
    }
}

/// Which times a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granularities {
    /// Of each word.
    pub words: bool,
    /// Of each stretch.
    pub segments: bool,
}

impl Granularities {
    /// What the body of a request asks for; stretches, where it says nothing.
    pub fn of(body: &[u8]) -> Self {
        let said = json_edit::get(body, "/timestamp_granularities").ok().flatten();
        let said: Vec<String> =
            said.and_then(|said| serde_json::from_slice(said).ok()).unwrap_or_default();
        let asks = |name: &str| said.iter().any(|said| said == name);
        Self { words: asks("word"), segments: said.is_empty() || asks("segment") }
    }
}

/// The usage of a transcript: of some models time is counted, of others tokens.
pub fn written(usage: &Usage) -> Value {
    match (usage.audio_seconds, usage.input_tokens, usage.output_tokens) {
        (Some(seconds), None, None) => json!({ "type": "duration", "seconds": seconds }),
        (_, input, output) => {
            let (input, output) = (input.unwrap_or(0), output.unwrap_or(0));
            json!({
                "type": "tokens",
                "input_tokens": input,
                "output_tokens": output,
                "total_tokens": input.saturating_add(output),
            })
        }
    }
}

/// Where no stretches are known, all of it is one.
fn cues(segments: Vec<Segment>, text: &str, duration: Option<f64>) -> Vec<Segment> {
    match segments.is_empty() {
        false => segments,
        true => vec![Segment { start: 0.0, end: duration.unwrap_or(0.0), text: text.to_owned() }],
    }
}

fn srt(cues: &[Segment]) -> String {
    let cue = |(number, cue): (usize, &Segment)| {
        let (start, end) = (time(cue.start, ','), time(cue.end, ','));
        format!("{}\n{start} --> {end}\n{}\n\n", number + 1, cue.text.trim())
    };
    cues.iter().enumerate().map(cue).collect()
}

/// <https://www.w3.org/TR/webvtt1/>
fn vtt(cues: &[Segment]) -> String {
    let cue = |cue: &Segment| {
        let (start, end) = (time(cue.start, '.'), time(cue.end, '.'));
        // An arrow in a text would be read as a time.
        let text = cue.text.trim().replace("-->", "->");
        format!("{start} --> {end}\n{text}\n\n")
    };
    std::iter::once("WEBVTT\n\n".to_owned()).chain(cues.iter().map(cue)).collect()
}

/// Hours, minutes, seconds, thousandths.
fn time(seconds: f64, point: char) -> String {
    let ms = (seconds.max(0.0) * 1e3).round() as u64;
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    format!("{hours:02}:{minutes:02}:{:02}{point}{:03}", ms / 1_000 % 60, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"task":"transcribe","language":"english","duration":3725.5,
        "text":"One. Two.","segments":[{"id":0,"start":0.0,"end":1.25,"text":" One."},
        {"id":1,"start":3724.0,"end":3725.5,"text":" Two."}],
        "words":[{"word":"One","start":0.0,"end":0.5}]}"#;

    fn rendered(format: Format, asked: &str) -> String {
        format.render(WHOLE, None, Granularities::of(asked.as_bytes())).unwrap()
    }

    #[test]
    fn a_transcript_is_written_in_each_form() {
        assert_eq!(rendered(Format::Json, "{}"), r#"{"text":"One. Two."}"#);
        assert_eq!(rendered(Format::Text, "{}"), "One. Two.\n");
        let srt =
            "1\n00:00:00,000 --> 00:00:01,250\nOne.\n\n2\n01:02:04,000 --> 01:02:05,500\nTwo.\n\n";
        assert_eq!(rendered(Format::Srt, "{}"), srt);
        let vtt = "WEBVTT\n\n00:00:00.000 --> 00:00:01.250\nOne.\n\n01:02:04.000 --> 01:02:05.500\nTwo.\n\n";
        assert_eq!(rendered(Format::Vtt, "{}"), vtt);
    }

    #[test]
    fn times_are_those_that_were_asked_for() {
        let has = |asked: &str| {
            let whole: Value = serde_json::from_str(&rendered(Format::VerboseJson, asked)).unwrap();
            (whole["segments"].is_array(), whole["words"].is_array())
        };
        assert_eq!(has("{}"), (true, false));
        assert_eq!(has(r#"{"timestamp_granularities":["word"]}"#), (false, true));
        assert_eq!(has(r#"{"timestamp_granularities":["word","segment"]}"#), (true, true));
    }

    #[test]
    fn a_transcript_without_stretches_is_one() {
        let asked = Granularities::of(b"{}");
        let srt = Format::Srt.render(r#"{"text":"One.","duration":2}"#, None, asked).unwrap();
        assert_eq!(srt, "1\n00:00:00,000 --> 00:00:02,000\nOne.\n\n");
        assert!(Format::Srt.render("<html>", None, asked).is_err());
    }
}
