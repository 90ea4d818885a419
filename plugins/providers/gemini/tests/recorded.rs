//! What the provider makes of recorded exchanges, whichever way the network cuts them.

use portcullis_provider_gemini::Gemini;

#[test]
fn recorded_exchanges() {
    portcullis_sdk::harness::check::<Gemini>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}
