//! Reads a transcript into events: in pieces, or whole.

use crate::json::View;
use crate::provider::{Event, Failure, ReadFrame, Unread, Usage, read_error};

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
    fn frame(&mut self, frame: Unread<'_>, events: &mut Vec<Event>) -> Result<(), Failure> {
        if frame.text == "[DONE]" {
            return Ok(());
        }
        let said = frame.read().unwrap_or_default();
        if !said.is_object() {
            return Err(Failure::malformed("the upstream sent what is no transcript"));
        }
        if !said.get("error").is_null() {
            return Err(read_error(said));
        }
        match &*said.get("type").text() {
            "transcript.text.done" | "" => self.whole(said, events),
            _ if !self.streams => self.whole(said, events),
            "transcript.text.delta" => {
                events.extend(Event::piece(Event::Text, 0, said.get("delta")));
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
    fn whole(&mut self, said: View<'_>, events: &mut Vec<Event>) -> Result<(), Failure> {
        if !said.get("text").is_text() {
            return Err(Failure::malformed("the upstream's transcript has no text"));
        }
        if self.streaming && !self.streams {
            events.extend(Event::piece(Event::Text, 0, said.get("text")));
        }
        self.over = true;
        let usage = said.get("usage");
        // Servers that say nothing of usage still say how long it was.
        let audio_seconds = usage.get("seconds").as_f64();
        let audio_seconds = audio_seconds.or_else(|| said.get("duration").as_f64());
        let [input_tokens, output_tokens] =
            ["input_tokens", "output_tokens"].map(|name| usage.get(name).as_u64());
        let mut document = said.to_json();
        for name in ["type", "usage"] {
            document.take(name);
        }
        events.push(Event::document(document));
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
    use crate::json::Tape;
    use crate::provider::{Event, ReadFrame, Unread, Usage};

    fn read(mut reader: Transcript, frames: &[&str]) -> Vec<Event> {
        let mut events = Vec::new();
        let mut tape = Tape::default();
        let mut read = |frame| reader.frame(Unread::of(frame, &mut tape), &mut events);
        frames.iter().for_each(|frame| read(frame).unwrap());
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
        let mut tape = Tape::default();
        for wrong in ["<html>", "[]", "{}", r#"{"error":{"message":"no"}}"#] {
            let mut reader = Transcript::new(false, false);
            let wrong = Unread::of(wrong, &mut tape);
            reader.frame(wrong, &mut Vec::new()).unwrap_err();
            assert!(!reader.is_over());
        }
    }
}
