//! Panics with a message of 100 MB, which its hook hands to the log.
#![allow(clippy::panic, reason = "that is what it is for")]
use guest::portcullis::host::log::{Level, log};

portcullis_test_guests::provider!(Loud);

#[derive(Default)]
struct Loud;

impl Provider for Loud {
    fn start(_: &Request) -> Result<(Self, Call), Failure> {
        std::panic::set_hook(Box::new(|panic| {
            let message = panic.payload_as_str().unwrap_or_default();
            log(Level::Error, message, &[]);
        }));
        panic!("{}", "a".repeat(100_000_000));
    }
}
