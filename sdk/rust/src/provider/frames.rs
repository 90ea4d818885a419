//! Reading an answer frame by frame, which is all that most providers do with it.

use super::{Ending, Event, Exchange, Failure, Frame, ReplyHead};
use crate::json::{Tape, Unreadable, View};

/// Reads an answer, a frame at a time. [`FrameByFrame`] makes an exchange of it.
pub trait ReadFrame: 'static {
    /// The head of a reply that is a success.
    fn head(&mut self, _head: &ReplyHead) {}

    /// Adds the events of one frame, which is not empty. What was added before a failure counts.
    fn frame(&mut self, frame: Unread<'_>, events: &mut Vec<Event>) -> Result<(), Failure>;

    /// Whether the upstream has said that there is no more. A reply that ends before it has
    /// was cut off.
    fn is_over(&self) -> bool;

    /// The last events of a reply that is over and at its end.
    fn end(&mut self) -> Vec<Event> {
        Vec::new()
    }
}

/// The text of a frame, and the tape on which it is read: the same one for all of them.
pub struct Unread<'f> {
    /// All of it.
    pub text: &'f str,
    tape: &'f mut Tape,
}

impl<'f> Unread<'f> {
    /// A text to be read on that tape.
    pub fn of(text: &'f str, tape: &'f mut Tape) -> Self {
        Self { text, tape }
    }

    /// Reads it as JSON. The failure names the place and not what stood there, which may be
    /// anything.
    pub fn read(self) -> Result<View<'f>, Failure> {
        self.tape.read(self.text).map_err(|Unreadable(byte)| {
            let line = self.text.as_bytes()[..byte - 1].iter().rposition(|&byte| byte == b'\n');
            let column = byte - line.map_or(0, |end| end + 1);
            let what = "the upstream sent what is no answer of its protocol";
            Failure::malformed(format!("{what} (column {column})"))
        })
    }
}

/// The exchange of what is read a frame at a time.
///
/// Events that came before a failure are handed over before it: how the network happened to cut
/// the reply must not decide what the sender gets to see.
pub struct FrameByFrame<R> {
    reader: R,
    tape: Tape,
    /// Why the answer broke off after events that were worth handing over first.
    broken: Option<Failure>,
}

impl<R: ReadFrame> FrameByFrame<R> {
    /// An exchange whose reply this reads.
    pub fn of(reader: R) -> Self {
        Self { reader, tape: Tape::default(), broken: None }
    }
}

impl<R: ReadFrame> Exchange for FrameByFrame<R> {
    fn head(&mut self, head: &ReplyHead) -> Result<(), Failure> {
        self.reader.head(head);
        Ok(())
    }

    fn frames(&mut self, frames: Vec<Frame>) -> Result<Vec<Event>, Failure> {
        let mut events = Vec::with_capacity(frames.len() + 1);
        if self.broken.is_none() {
            let mut frames = frames.iter();
            self.broken = frames.try_for_each(|frame| self.read(frame, &mut events)).err();
        }
        match self.broken.take_if(|_| events.is_empty()) {
            Some(failure) => Err(failure),
            None => Ok(events),
        }
    }

    fn end(&mut self) -> Result<Ending, Failure> {
        match self.broken.take() {
            Some(failure) => Err(failure),
            None if !self.reader.is_over() => Err(Failure::cut_off()),
            None => Ok(Ending::Done(self.reader.end())),
        }
    }
}

impl<R: ReadFrame> FrameByFrame<R> {
    fn read(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Failure> {
        let text = frame.as_text();
        let text = text.ok_or_else(|| Failure::malformed("the upstream's answer is not text"))?;
        if text.is_empty() {
            return Ok(());
        }
        self.reader.frame(Unread::of(text, &mut self.tape), events)
    }
}

#[cfg(test)]
mod tests {
    use super::{FrameByFrame, ReadFrame, Unread};
    use crate::json::Tape;
    use crate::provider::{Event, Exchange, Failure, Frame};

    /// Fails at a "!".
    struct Words;

    impl ReadFrame for Words {
        fn frame(&mut self, frame: Unread<'_>, events: &mut Vec<Event>) -> Result<(), Failure> {
            if frame.text == "!" {
                return Err(Failure::malformed("broken"));
            }
            events.push(Event::text(frame.text));
            Ok(())
        }

        fn is_over(&self) -> bool {
            false
        }
    }

    #[test]
    fn what_came_before_a_failure_is_handed_over_before_it() {
        let frames =
            |words: &[&str]| words.iter().map(|word| Frame::Text((*word).to_owned())).collect();
        let mut exchange = FrameByFrame::of(Words);
        assert_eq!(exchange.frames(frames(&["a", "!", "b"])), Ok(vec![Event::text("a")]));
        assert_eq!(exchange.frames(frames(&["c"])), Err(Failure::malformed("broken")));
        let mut exchange = FrameByFrame::of(Words);
        assert_eq!(exchange.frames(frames(&["a", "!"])), Ok(vec![Event::text("a")]));
        assert_eq!(exchange.end(), Err(Failure::malformed("broken")));
        let mut exchange = FrameByFrame::of(Words);
        assert_eq!(exchange.frames(frames(&["", "a"])), Ok(vec![Event::text("a")]));
        let garbage = exchange.frames(vec![Frame::Bytes(vec![0xff])]);
        assert_eq!(garbage, Err(Failure::malformed("the upstream's answer is not text")));
        assert_eq!(exchange.end(), Err(Failure::cut_off()));
    }

    #[test]
    fn a_place_is_counted_from_the_beginning_of_its_line() {
        for (text, column) in [("<html>", 1), ("[1,\n 2 3]", 4), ("[1,\n]", 1)] {
            let failure = Unread::of(text, &mut Tape::default()).read().unwrap_err();
            assert!(failure.message.contains(&format!("(column {column})")), "{failure:?}");
        }
    }
}
