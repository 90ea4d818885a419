//! Spins over the first piece of the reply: the upstream has answered, the client has nothing.
use std::hint::spin_loop;

portcullis_test_guests::provider!(Spinning);

#[derive(Default)]
struct Spinning;

impl Provider for Spinning {
    const PASSTHROUGH: bool = false;

    fn frames(&self, _: Vec<Frame>) -> Result<Vec<Event>, Failure> {
        loop {
            spin_loop();
        }
    }
}
