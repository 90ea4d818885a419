//! An answer on its way into events, whichever form it has: what all forms have in common.

use crate::malformed;
use portcullis_sdk::provider::{Ending, Event, Exchange, Failure, Frame, TextDelta};

/// An answer that is being read.
pub struct Answer {
    reader: Box<dyn Reader>,
    /// Why the answer broke off after events that were worth handing over first.
    broken: Option<Failure>,
}

/// One form of answers.
pub(crate) trait Reader {
    /// Reads one frame into events.
    fn frame(&mut self, text: &str, events: &mut Vec<Event>) -> Result<(), Failure>;

    /// Whether the upstream has said that there is no more.
    fn is_over(&self) -> bool;
}

impl Answer {
    pub(crate) fn of(reader: impl Reader + 'static) -> Self {
        Self { reader: Box::new(reader), broken: None }
    }
}

impl Exchange for Answer {
    fn frames(&mut self, frames: Vec<Frame>) -> Result<Vec<Event>, Failure> {
        let mut events = Vec::with_capacity(frames.len() + 1);
        for frame in &frames {
            if self.broken.is_none() {
                let text = frame.as_text();
                let text = text.ok_or_else(|| malformed("the upstream's answer is not text"));
                self.broken = text.and_then(|text| self.reader.frame(text, &mut events)).err();
            }
        }
        // What came before the failure is handed over before it: how the network happened to
        // cut the stream must not decide what the sender gets to see.
        match self.broken.take_if(|_| events.is_empty()) {
            Some(failure) => Err(failure),
            None => Ok(events),
        }
    }

    fn end(&mut self) -> Result<Ending, Failure> {
        match self.broken.take() {
            Some(failure) => Err(failure),
            None if !self.reader.is_over() => Err(malformed("the upstream's answer was cut off")),
            None => Ok(Ending::Done(Vec::new())),
        }
    }
}

/// Adds pieces of text, of which many are empty.
pub(crate) fn push_text(
    events: &mut Vec<Event>,
    index: u32,
    pieces: impl IntoIterator<Item = (fn(TextDelta) -> Event, String)>,
) {
    let said = pieces.into_iter().filter(|(_, text)| !text.is_empty());
    events.extend(said.map(|(event, text)| event(TextDelta { index, text })));
}
