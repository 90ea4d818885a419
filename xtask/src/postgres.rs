//! The PostgreSQL server that tests start for themselves: only its programs have to be there.

use crate::packages::execute;
use anyhow::{Context as _, Result};
use std::process::{Command, Stdio};

/// Installs it where it is missing, as far as this may be done without asking: by root of a
/// machine with Debian's packages. Elsewhere it says what to do.
pub(crate) fn prepare() -> Result<()> {
    if portcullis_test_postgres::check().is_ok() {
        return Ok(());
    }
    if !may_install() {
        return portcullis_test_postgres::check();
    }
    println!("installing postgresql");
    apt_get(&["update", "--quiet"])?;
    apt_get(&["install", "--yes", "--quiet", "--no-install-recommends", "postgresql"])?;
    portcullis_test_postgres::check()
}

fn may_install() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|said| said.stdout == b"0\n");
    let found = Command::new("apt-get").arg("--version").stdout(Stdio::null()).status().is_ok();
    root && found
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    execute(command).context(portcullis_test_postgres::MISSING)
}
