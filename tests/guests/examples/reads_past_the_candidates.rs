//! Asks for a candidate that does not exist.

portcullis_test_guests::policy!(Inventive);

struct Inventive;

impl Policy for Inventive {
    fn decide(_: &Request, candidates: &Candidates) -> Result<Decision, String> {
        Err(candidates.id(u32::MAX))
    }
}
