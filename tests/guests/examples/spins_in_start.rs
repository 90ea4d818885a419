//! Spins before it says which call to make, without ever asking the host for anything.
use std::hint::spin_loop;

portcullis_test_guests::provider!(Spinning);

#[derive(Default)]
struct Spinning;

impl Provider for Spinning {
    fn start(_: &Request) -> Result<(Self, Call), Failure> {
        loop {
            spin_loop();
        }
    }
}
