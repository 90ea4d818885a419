//! A policy that counts in `kv`, whether or not it may.
use guest::portcullis::host::kv::increment;

portcullis_test_guests::policy!(Counting);

struct Counting;

impl Policy for Counting {
    fn decide(_: &Request, _: &Candidates) -> Result<Decision, String> {
        let count = increment("requests", 1, None).map_err(|error| format!("{error:?}"))?;
        Err(format!("request {count}"))
    }
}
