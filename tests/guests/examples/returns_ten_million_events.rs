//! Makes ten million events of one reply.

portcullis_test_guests::provider!(Wordy);

#[derive(Default)]
struct Wordy;

impl Provider for Wordy {
    const PASSTHROUGH: bool = false;

    fn frames(&self, _: Vec<Frame>) -> Result<Vec<Event>, Failure> {
        Ok((0..10_000_000).map(|_| text("")).collect())
    }
}
