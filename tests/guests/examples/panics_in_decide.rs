//! Panics instead of deciding.

portcullis_test_guests::policy!(Panicking);

struct Panicking;

impl Policy for Panicking {
    fn decide(_: &Request, _: &Candidates) -> Result<Decision, String> {
        panic!("which one?");
    }
}
