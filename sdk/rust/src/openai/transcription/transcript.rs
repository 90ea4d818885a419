//! Reads a transcript into events: in pieces, or whole.

use crate::Json;
use crate::provider::{Event, Failure, ReadFrame, Usage, read_error};

/// A transcript that is being read.
#[derive(Debug)]
pub struct Transcript {
    /// Whether the sender wants pieces.
    streaming: bool,
    /// Whether there are any.
    streams: bool,
    over: bool,
}

impl Transcript {
    pub(super) fn new(streaming: bool, streams: bool) -> Self {
        Self { streaming, streams, over: false }
    }
}

impl ReadFrame for Transcript {
    fn frame(&mut self, text: &str, events: &mut Vec<Event>) -> Result<(), Failure> {
        if text == "[DONE]" {
            return Ok(());
        }
        let mut said = Json::read(text).unwrap_or_default();
        if !said.is_object() {
            return Err(Failure::malformed("the upstream sent what is no transcript"));
        }
        if !said["error"].is_null() {
            return Err(read_error(text));
        }
        match &*said.take("type").text() {
            "transcript.text.done" | "" => self.whole(said, events),
            _ if !self.streams => self.whole(said, events),
            "transcript.text.delta" => {
                events.extend(Event::piece(Event::Text, 0, &said["delta"]));
                Ok(())
            }
            // Segments, whose words come in the pieces as well.
            _ => Ok(()),
        }
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

impl Transcript {
    /// All of it, and what it took.
    fn whole(&mut self, mut said: Json<'_>, events: &mut Vec<Event>) -> Result<(), Failure> {
        if !said["text"].is_text() {
            return Err(Failure::malformed("the upstream's transcript has no text"));
        }
        if self.streaming && !self.streams {
            events.extend(Event::piece(Event::Text, 0, &said["text"]));
        }
        self.over = true;
        let usage = said.take("usage");
        // Servers that say nothing of usage still say how long it was.
        let audio_seconds = usage["seconds"].as_f64().or_else(|| said["duration"].as_f64());
        let [input_tokens, output_tokens] =
            ["input_tokens", "output_tokens"].map(|name| usage[name].as_u64());
        events.push(Event::document(said));
        if audio_seconds.is_some() || input_tokens.or(output_tokens).is_some() {
            let usage = Usage { input_tokens, output_tokens, audio_seconds, ..Usage::default() };
            events.push(Event::Usage(usage));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Transcript;
    use crate::provider::{Event, ReadFrame, Usage};

    fn read(mut reader: Transcript, frames: &[&str]) -> Vec<Event> {
        let mut events = Vec::new();
        frames.iter().for_each(|frame| reader.frame(frame, &mut events).unwrap());
        assert!(reader.is_over());
        events
    }

    #[test]
    fn pieces_end_with_the_whole() {
        let document = || Event::Document(r#"{"text":"Hi"}"#.to_owned());
        let used = Event::Usage(Usage { audio_seconds: Some(2.0), ..Usage::default() });
        let [delta, done] = [r#"delta","delta":"Hi""#, r#"done","text":"Hi""#]
            .map(|rest| format!(r#"{{"type":"transcript.text.{rest}}}"#));
        let segment = r#"{"type":"transcript.text.segment","text":"Hi"}"#;
        let whole = r#"{"text":"Hi","usage":{"type":"duration","seconds":2}}"#;
        assert_eq!(
            read(Transcript::new(true, true), &[&delta, segment, &done, "[DONE]"]),
            [Event::text("Hi"), document()]
        );
        assert_eq!(
            read(Transcript::new(true, false), &[whole]),
            [Event::text("Hi"), document(), used.clone()]
        );
        assert_eq!(read(Transcript::new(false, false), &[whole]), [document(), used]);
    }

    #[test]
    fn what_is_no_transcript_is_a_failure() {
        for wrong in ["<html>", "[]", "{}", r#"{"error":{"message":"no"}}"#] {
            let mut reader = Transcript::new(false, false);
            reader.frame(wrong, &mut Vec::new()).unwrap_err();
            assert!(!reader.is_over());
        }
    }
}
