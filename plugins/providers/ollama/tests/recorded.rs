//! What the provider makes of recorded exchanges, whichever way the network cuts them.

use portcullis_provider_ollama::Ollama;

#[test]
fn recorded_exchanges() {
    portcullis_sdk::harness::check::<Ollama>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}
