//! Answers with a vector that JSON cannot hold.

portcullis_test_guests::provider!(Vague);

#[derive(Default)]
struct Vague;

impl Provider for Vague {
    const PASSTHROUGH: bool = false;

    fn frames(&self, _: Vec<Frame>) -> Result<Vec<Event>, Failure> {
        Ok(vec![Event::Embedding((0, vec![0.5, f32::NAN, f32::INFINITY]))])
    }

    fn end(&self) -> Result<Ending, Failure> {
        Ok(Ending::Done(Vec::new()))
    }
}
