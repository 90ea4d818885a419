//! `portcullis`: an AI gateway whose providers and routing policies are sandboxed components.
#![allow(clippy::print_stdout, reason = "a command line speaks to a terminal")]

fn main() {
    println!("portcullis {}", env!("CARGO_PKG_VERSION"));
}
