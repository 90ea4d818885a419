//! Makes three hundred thousand events of one reply: more than the host takes at once, and
//! less than its own memory holds, if it has 64 MiB.

portcullis_test_guests::provider!(Wordy);

#[derive(Default)]
struct Wordy;

impl Provider for Wordy {
    const PASSTHROUGH: bool = false;

    fn frames(&self, _: Vec<Frame>) -> Result<Vec<Event>, Failure> {
        Ok((0..300_000).map(|_| text("")).collect())
    }
}
