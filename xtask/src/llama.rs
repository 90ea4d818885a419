//! llama.cpp's server on a tiny model of random weights, for `cargo xtask test --all`.
//!
//! It is apart because its package comes as sources: compiling llama.cpp takes up to half an hour,
//! and a compiler for C++.

use crate::clients::Clients;
use crate::packages::{self, execute, read, stamped};
use crate::process::Background;
use crate::servers::web_address;
use anyhow::{Context as _, Result};
use std::path::Path;
use std::process::Command;

/// The virtual environment, which is made from the file of that name.
pub(crate) const ENVIRONMENT: &str = "llama";
/// What compiles it; anything else that this takes comes with the package.
const COMPILER: &str = if cfg!(target_os = "macos") { "clang++" } else { "g++" };
const COMPILER_MISSING: &str = "`--all` compiles llama.cpp, which needs a compiler for C++ \
     (Debian and Ubuntu: apt install g++; macOS: xcode-select --install)";

/// Fails where something is missing that only a person can install.
pub(crate) fn check() -> Result<()> {
    let found = Command::new(COMPILER).arg("--version").output();
    found.map(drop).context(COMPILER_MISSING)
}

/// Starts the server, and returns its address.
pub(crate) fn start(root: &Path, clients: &Clients) -> Result<(Background, String)> {
    let venv = clients.folder.join(format!("python-{ENVIRONMENT}"));
    let python = packages::program(&venv, "python");
    let script = root.join("tests/clients/python/tiny_model.py");
    let folder = clients.folder.join("tiny-model");
    let model = folder.join("tiny.gguf");
    std::fs::create_dir_all(&folder)?;
    stamped(&folder, &read(&script)?, || {
        let mut make = Command::new(&python);
        make.arg(&script).arg(&model);
        execute(make)
    })?;
    let mut command = Command::new(&python);
    command.args(["-m", "llama_cpp.server", "--host", "127.0.0.1", "--port", "0"]);
    command.args(["--n_ctx", "1024", "--model_alias", "tiny", "--model"]).arg(&model);
    Background::start(command, web_address)
}
