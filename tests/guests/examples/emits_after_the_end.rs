//! Goes on after it said that it was done.

portcullis_test_guests::provider!(Lingering);

#[derive(Default)]
struct Lingering;

impl Provider for Lingering {
    const PASSTHROUGH: bool = false;

    fn frames(&self, _: Vec<Frame>) -> Result<Vec<Event>, Failure> {
        Ok(vec![finished(), text("and another thing")])
    }
}
