//! Plans with candidates that do not exist.

portcullis_test_guests::policy!(Inventive);

struct Inventive;

impl Policy for Inventive {
    fn decide(_: &Request, candidates: &Candidates) -> Result<Decision, String> {
        let mut plan = plan(vec![attempt(candidates.count()), attempt(u32::MAX)]);
        plan.shadow = Some(u32::MAX);
        Ok(Decision::Route(plan))
    }
}
