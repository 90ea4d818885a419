//! Does its work and traps in the destructor of its exchange.
#![allow(clippy::panic, reason = "that is what it is for")]

portcullis_test_guests::provider!(Undying);

#[derive(Default)]
struct Undying;

impl Drop for Undying {
    fn drop(&mut self) {
        panic!("not without a fight");
    }
}

impl Provider for Undying {
    const PASSTHROUGH: bool = false;
}
