//! Logs without end.
use guest::portcullis::host::log::{Level, log};

portcullis_test_guests::provider!(Logging);

#[derive(Default)]
struct Logging;

impl Provider for Logging {
    fn start(_: &Request) -> Result<(Self, Call), Failure> {
        loop {
            log(Level::Error, "help", &[]);
        }
    }
}
