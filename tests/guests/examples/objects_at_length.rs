//! Does not decide, and explains it in four megabytes.

portcullis_test_guests::policy!(Verbose);

struct Verbose;

impl Policy for Verbose {
    fn decide(_: &Request, _: &Candidates) -> Result<Decision, String> {
        Err("because ".repeat(500_000))
    }
}
