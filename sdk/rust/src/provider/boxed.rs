//! Answers whose form is known only when the request is: one of several readers, in a box.

use super::{Event, Failure, ReadFrame, ReplyHead, Unread};

impl ReadFrame for Box<dyn ReadFrame> {
    fn head(&mut self, head: &ReplyHead) {
        (**self).head(head);
    }

    fn frame(&mut self, frame: Unread<'_>, events: &mut Vec<Event>) -> Result<(), Failure> {
        (**self).frame(frame, events)
    }

    fn is_over(&self) -> bool {
        (**self).is_over()
    }

    fn end(&mut self) -> Vec<Event> {
        (**self).end()
    }
}
