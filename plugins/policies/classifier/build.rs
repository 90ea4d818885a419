//! Takes the comments out of `terms.txt`: what a plugin holds is memory of each of its sandboxes.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=terms.txt");
    let text = fs::read_to_string("terms.txt")?;
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let terms: Vec<&str> = lines.collect();
    fs::write(Path::new(&env::var("OUT_DIR")?).join("terms.txt"), terms.join("\n"))?;
    Ok(())
}
