//! Where a request could go: the host's own list in a sandbox, plain data in a test.

#[cfg(target_arch = "wasm32")]
mod guest;
#[cfg(not(target_arch = "wasm32"))]
mod recorded;

#[cfg(target_arch = "wasm32")]
pub use guest::Candidates;
#[cfg(not(target_arch = "wasm32"))]
pub use recorded::{Candidate, Candidates};

impl Candidates {
    /// The index of every candidate, in the route's order.
    pub fn indices(&self) -> std::ops::Range<u32> {
        0..self.count()
    }
}
