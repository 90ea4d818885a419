//! Panics instead of deciding.
#![allow(clippy::panic, reason = "that is what it is for")]

portcullis_test_guests::policy!(Panicking);

struct Panicking;

impl Policy for Panicking {
    fn decide(_: &Request, _: &Candidates) -> Result<Decision, String> {
        panic!("which one?");
    }
}
