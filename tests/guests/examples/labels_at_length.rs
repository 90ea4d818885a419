//! Abstains, and leaves a hundred thousand labels.

portcullis_test_guests::policy!(Verbose);

struct Verbose;

impl Policy for Verbose {
    fn decide(_: &Request, _: &Candidates) -> Result<Decision, String> {
        let label = |n: u32| (format!("label-{n}"), "value".to_owned());
        Ok(Decision::Abstain((0..100_000).map(label).collect()))
    }
}
