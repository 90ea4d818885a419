//! `portcullis`: the command line. Everything else is in the library.

use std::process::ExitCode;

/// Threads of the executor allocate and free across each other; this allocator is made for it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    portcullis::cli::run()
}
