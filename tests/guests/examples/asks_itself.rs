//! A policy that asks the route that it decides for, and others that it may or may not.
use guest::portcullis::plugin::completions::complete;

portcullis_test_guests::policy!(Asking);

struct Asking;

impl Policy for Asking {
    fn decide(request: &Request, _: &Candidates) -> Result<Decision, String> {
        let route = request.label("ask").unwrap_or_else(|| "default".to_owned());
        let deadline = request.label("within").and_then(|within| within.parse().ok());
        let schema = request.label("schema");
        let asked = complete(&route, Some("Be brief."), "What?", 16, schema.as_deref(), deadline);
        match asked {
            Ok(text) => Err(format!("it said {text:?}")),
            Err(failure) => Err(format!("{:?}: {}", failure.kind, failure.message)),
        }
    }
}
