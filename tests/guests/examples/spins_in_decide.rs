//! Never decides.
use std::hint::spin_loop;

portcullis_test_guests::policy!(Spinning);

struct Spinning;

impl Policy for Spinning {
    fn decide(_: &Request, _: &Candidates) -> Result<Decision, String> {
        loop {
            spin_loop();
        }
    }
}
