//! `cargo xtask bench`: builds what is measured and runs the measurements.

use crate::{components, process};
use anyhow::Result;
use std::path::Path;

/// Measures the named groups, or all of them.
pub(crate) fn run(root: &Path, names: &[&str]) -> Result<()> {
    components::build(root)?;
    components::build_guests(root)?;
    process::cargo(root, &["build", "--release", "-p", "portcullis", "-p", "portcullis-bench"])?;
    let mut arguments = vec!["run"];
    arguments.extend(names);
    process::run(&root.join("target/release/portcullis-bench"), &arguments)
}
