//! Decides well, and gives its reasons and its labels in four megabytes each.

portcullis_test_guests::policy!(Verbose);

struct Verbose;

impl Policy for Verbose {
    fn decide(_: &Request, candidates: &Candidates) -> Result<Decision, String> {
        let long = "because ".repeat(500_000);
        let mut plan = plan((0..candidates.count()).map(attempt).collect());
        plan.labels = vec![(long.clone(), "because".to_owned()), ("why".to_owned(), long.clone())];
        plan.reason = long;
        Ok(Decision::Route(plan))
    }
}
