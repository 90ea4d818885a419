//! A policy that keeps more than it may, and keys and values that are too large.
use guest::portcullis::host::kv::{KvError, get, set};

portcullis_test_guests::policy!(Flooding);

struct Flooding;

impl Policy for Flooding {
    fn decide(_: &Request, _: &Candidates) -> Result<Decision, String> {
        let long = get(&"k".repeat(513)).map_or_else(word, |_| "taken");
        let large = set("large", &[0; (64 << 10) + 1], None).map_or_else(word, |()| "taken");
        for count in 0.. {
            if let Err(error) = set(&format!("{count:04}"), &[0; 1020], None) {
                return Err(format!("{} after {count}, {long}, {large}", word(error)));
            }
        }
        unreachable!("there is always an end")
    }
}

fn word(error: KvError) -> &'static str {
    match error {
        KvError::QuotaExceeded => "QuotaExceeded",
        KvError::TooLarge => "TooLarge",
        _ => "something else",
    }
}
