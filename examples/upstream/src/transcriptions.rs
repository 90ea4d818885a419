//! `POST /v1/audio/transcriptions`, by
//! <https://platform.openai.com/docs/api-reference/audio/create-transcription>.
//!
//! Nothing is listened to: what was said is which file came. Each sentence is a segment, and each
//! word takes half a second.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::answer::pieces;
use crate::failures::{self, Failure};
use crate::play::{Play, Step};
use crate::record::Ticket;
use crate::request::{array, tokens};
use crate::respond::{EVENTS, refuse, reply, reply_json};
use crate::script::{Break, Script};

/// How long a word takes, in seconds.
const WORD: f64 = 0.5;

/// Answers a request to transcribe.
pub(crate) fn transcribe(form: &Value, script: Script, ticket: Ticket) -> Response<Play> {
    let Some(said) = Said::of(form) else {
        return refuse(&Failure::invalid("`file` has to be a file."), ticket);
    };
    if form["stream"] == "true" {
        let events = broken(script, said.events());
        return reply(StatusCode::OK, EVENTS, Play::new(events, ticket));
    }
    if matches!(script, Script::Broken(Break::ErrorMidstream)) {
        return refuse(&Failure::of_status(500), ticket);
    }
    let text = match form["response_format"].as_str().unwrap_or("json") {
        "json" => return reply_json(&said.short(), ticket),
        "verbose_json" => return reply_json(&said.long(&form["timestamp_granularities"]), ticket),
        "text" => format!("{}\n", said.text()),
        "srt" => said.captions("", ','),
        "vtt" => said.captions("WEBVTT\n\n", '.'),
        other => {
            let message = format!("`response_format` is not {other}.");
            return refuse(&Failure::invalid(message), ticket);
        }
    };
    reply(StatusCode::OK, "text/plain; charset=utf-8", Play::whole(text.into(), ticket))
}

/// What was said, sentence by sentence.
struct Said {
    sentences: Vec<String>,
    language: String,
}

impl Said {
    fn of(form: &Value) -> Option<Said> {
        let file = form["file"].as_object()?;
        let (name, kind) = (file["filename"].as_str()?, file["content_type"].as_str()?);
        let mut sentences = vec![
            format!("I heard {} bytes of {kind}.", file["bytes"]),
            format!("They are {name}."),
        ];
        if let Some(prompt) = form["prompt"].as_str() {
            sentences.push(format!("I was told: {prompt}."));
        }
        let language = form["language"].as_str().unwrap_or("english").to_owned();
        Some(Said { sentences, language })
    }

    fn text(&self) -> String {
        self.sentences.join(" ")
    }

    /// Each sentence with when it begins and ends.
    fn timed(&self) -> Vec<(f64, f64, &str)> {
        let mut time = 0.0;
        let sentences = self.sentences.iter().map(|sentence| {
            let begin = time;
            time += tokens(sentence) as f64 * WORD;
            (begin, time, sentence.as_str())
        });
        sentences.collect()
    }

    fn seconds(&self) -> f64 {
        tokens(&self.text()) as f64 * WORD
    }

    fn short(&self) -> Value {
        json!({"text": self.text(), "usage": self.usage()})
    }

    fn usage(&self) -> Value {
        json!({"type": "duration", "seconds": self.seconds().ceil()})
    }

    fn long(&self, granularities: &Value) -> Value {
        let has = |wanted: &str| array(granularities).iter().any(|it| it == wanted);
        let mut long = json!({
            "task": "transcribe",
            "language": self.language,
            "duration": self.seconds(),
            "text": self.text(),
            "usage": self.usage(),
        });
        if has("word") {
            let text = self.text();
            let words = text.split_whitespace().enumerate().map(|(index, word)| {
                let begin = index as f64 * WORD;
                json!({"word": word, "start": begin, "end": begin + WORD})
            });
            long["words"] = words.collect();
        }
        if has("segment") || !has("word") {
            let segments = self.timed().into_iter().enumerate().map(|(id, (begin, end, text))| {
                json!({
                    "id": id,
                    "seek": 0,
                    "start": begin,
                    "end": end,
                    "text": format!(" {text}"),
                    "tokens": [50364 + id],
                    "temperature": 0.0,
                    "avg_logprob": -0.25,
                    "compression_ratio": 1.5,
                    "no_speech_prob": 0.125,
                })
            });
            long["segments"] = segments.collect();
        }
        long
    }

    /// Numbered captions for SubRip; those of WebVTT go without.
    fn captions(&self, head: &str, point: char) -> String {
        let mut captions = head.to_owned();
        for (index, (begin, end, text)) in self.timed().into_iter().enumerate() {
            if head.is_empty() {
                captions.push_str(&format!("{}\n", index + 1));
            }
            let (begin, end) = (clock(begin, point), clock(end, point));
            captions.push_str(&format!("{begin} --> {end}\n{text}\n\n"));
        }
        captions
    }

    fn events(&self) -> Vec<Value> {
        let text = self.text();
        let delta = |piece| json!({"type": "transcript.text.delta", "delta": piece});
        let mut events: Vec<Value> = pieces(&text).into_iter().map(delta).collect();
        let (heard, said) = (10, tokens(&text));
        let usage = json!({
            "type": "tokens",
            "input_tokens": heard,
            "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
            "output_tokens": said,
            "total_tokens": heard + said,
        });
        events.push(json!({"type": "transcript.text.done", "text": text, "usage": usage}));
        events
    }
}

fn clock(seconds: f64, point: char) -> String {
    let milliseconds = (seconds * 1e3).round() as u64;
    let (whole, rest) = (milliseconds / 1000, milliseconds % 1000);
    format!("{:02}:{:02}:{:02}{point}{rest:03}", whole / 3600, whole / 60 % 60, whole % 60)
}

/// What goes over the wire for these events, under this script.
fn broken(script: Script, events: Vec<Value>) -> Vec<Step> {
    let sent = events.iter().map(|event| Step::Send(Bytes::from(format!("data: {event}\n\n"))));
    match script {
        Script::Broken(Break::CutAfter(count)) => sent.take(count).chain([Step::Cut]).collect(),
        Script::Broken(Break::ErrorMidstream) => {
            let error = format!("data: {}\n\n", failures::exploded());
            sent.take(2).chain([Step::Send(error.into())]).collect()
        }
        _ => sent.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_are_written_for_both_formats() {
        let sentences = vec!["One two.".to_owned(), "Three.".to_owned()];
        let said = Said { sentences, language: "english".to_owned() };
        assert_eq!(
            said.captions("", ','),
            "1\n00:00:00,000 --> 00:00:01,000\nOne two.\n\n\
             2\n00:00:01,000 --> 00:00:01,500\nThree.\n\n"
        );
        assert_eq!(
            said.captions("WEBVTT\n\n", '.'),
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nOne two.\n\n\
             00:00:01.000 --> 00:00:01.500\nThree.\n\n"
        );
    }
}
