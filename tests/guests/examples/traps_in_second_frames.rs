//! Ends with a trap once its first words are with the client.
use std::cell::Cell;

portcullis_test_guests::provider!(Breaking);

#[derive(Default)]
struct Breaking {
    called: Cell<bool>,
}

impl Provider for Breaking {
    const PASSTHROUGH: bool = false;

    fn frames(&self, _: Vec<Frame>) -> Result<Vec<Event>, Failure> {
        assert!(!self.called.replace(true), "enough");
        Ok(vec![text("The answer is ")])
    }
}
