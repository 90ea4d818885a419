//! What the provider makes of recorded runs, wherever the pipe cuts what is printed.

use portcullis_provider_claude_code::ClaudeCode;

#[test]
fn recorded_exchanges() {
    portcullis_sdk::harness::check::<ClaudeCode>(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
}
