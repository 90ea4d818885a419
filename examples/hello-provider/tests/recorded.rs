//! What the provider makes of recorded exchanges, whichever way the network cuts them.

use hello_provider::Hello;

#[test]
fn recorded_exchanges() {
    portcullis_sdk::harness::check::<Hello>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}
