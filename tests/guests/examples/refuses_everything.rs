//! Refuses each request, in its own words.

portcullis_test_guests::policy!(Refusing);

struct Refusing;

impl Policy for Refusing {
    fn decide(_: &Request, _: &Candidates) -> Result<Decision, String> {
        Ok(Decision::Refuse(Failure {
            kind: FailureKind::ContentRefused,
            message: "not today".to_owned(),
            status: None,
            code: None,
            retry_after_ms: None,
            extra: Vec::new(),
        }))
    }
}
