//! Plans to try nobody.

portcullis_test_guests::policy!(Idle);

struct Idle;

impl Policy for Idle {
    fn decide(_: &Request, _: &Candidates) -> Result<Decision, String> {
        Ok(Decision::Route(plan(Vec::new())))
    }
}
