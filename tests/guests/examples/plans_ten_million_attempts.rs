//! Plans to try the same candidate ten million times.

portcullis_test_guests::policy!(Stubborn);

struct Stubborn;

impl Policy for Stubborn {
    fn decide(_: &Request, _: &Candidates) -> Result<Decision, String> {
        Ok(Decision::Route(plan((0..10_000_000).map(|_| attempt(0)).collect())))
    }
}
