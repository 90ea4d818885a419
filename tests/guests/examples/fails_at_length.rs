//! Fails, and explains it in four megabytes.

portcullis_test_guests::provider!(Verbose);

#[derive(Default)]
struct Verbose;

impl Provider for Verbose {
    fn start(_: &Request) -> Result<(Self, Call), Failure> {
        Err(failure("sorry ".repeat(700_000)))
    }
}
