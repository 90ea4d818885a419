//! Ends with a trap once its first words are with the client.
use std::cell::Cell;

portcullis_test_guests::provider!(Breaking);

#[derive(Default)]
struct Breaking {
    called: Cell<bool>,
}

impl Provider for Breaking {
    fn start(request: &Request) -> Result<(Self, Call), Failure> {
        let mut call = call(request);
        let slowly = JsonEdit::Set(("/model".to_owned(), "\"echo-slow\"".to_owned()));
        call.body = Body::Edited(vec![slowly]);
        Ok((Self::default(), Call::Http(call)))
    }

    fn frames(&self, _: Vec<Frame>) -> Result<Vec<Event>, Failure> {
        assert!(!self.called.replace(true), "enough");
        Ok(vec![text("The answer is ")])
    }
}
