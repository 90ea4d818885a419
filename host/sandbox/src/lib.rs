//! Runs WebAssembly components within limits.

mod limits;

pub use limits::Limits;

#[cfg(test)]
mod tests {
    /// The contract is the first thing that has to hold: every WIT file is where tools look for it.
    #[test]
    fn the_contract_is_in_place() {
        let wit = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        for file in ["types.wit", "provider.wit", "policy.wit", "deps/host/host.wit"] {
            assert!(wit.join(file).is_file(), "wit/{file} is missing");
        }
    }
}
