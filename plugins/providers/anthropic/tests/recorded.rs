//! What the provider makes of recorded exchanges, whichever way the network cuts them.

use portcullis_provider_anthropic::Anthropic;

#[test]
fn recorded_exchanges() {
    portcullis_sdk::harness::check::<Anthropic>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}
