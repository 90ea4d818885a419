//! Calls itself without end.
use std::hint::black_box;

portcullis_test_guests::provider!(Deep);

#[derive(Default)]
struct Deep;

impl Provider for Deep {
    fn start(request: &Request) -> Result<(Self, Call), Failure> {
        Err(failure(descend(u64::from(request.input_token_estimate())).to_string()))
    }
}

/// Keeps its place on wasm's own stack only: the one in memory, which a large frame would take,
/// ends in an access out of bounds instead.
#[inline(never)]
fn descend(depth: u64) -> u64 {
    if depth == u64::MAX {
        return 0;
    }
    descend(black_box_free(depth + 1)).wrapping_mul(3) ^ depth
}

/// Hides the value from the optimiser without an address on the stack in memory.
#[inline(never)]
fn black_box_free(value: u64) -> u64 {
    value.rotate_left(u32::from(black_box(false) as u8))
}
