//! What the provider makes of recorded exchanges, whichever way the network cuts them.

use portcullis_provider_huggingface::HuggingFace;

#[test]
fn recorded_exchanges() {
    portcullis_sdk::harness::check::<HuggingFace>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}
