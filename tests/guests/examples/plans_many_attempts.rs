//! Plans to try the same candidate ten thousand times, each with four thousand million retries
//! and as long a pause: a plan that the host can take, and must not follow.

portcullis_test_guests::policy!(Stubborn);

struct Stubborn;

impl Policy for Stubborn {
    fn decide(_: &Request, _: &Candidates) -> Result<Decision, String> {
        let patient = |_| {
            let mut attempt = attempt(0);
            attempt.retries = u32::MAX;
            attempt.start_after_ms = u32::MAX;
            attempt.timeout_ms = Some(u32::MAX);
            attempt
        };
        Ok(Decision::Route(plan((0..10_000).map(patient).collect())))
    }
}
