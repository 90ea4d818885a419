//! Packages of other languages, installed at pinned versions under `target`, each once.
//!
//! A stamp keeps the text of the pins that an installation was made from, and another text makes
//! it anew. The official clients and what makes components of other languages come this way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// The oldest versions that the pinned packages run on.
const PYTHON_MINOR: u32 = 10;
const NODE_MAJOR: u32 = 18;

const PYTHON_MISSING: &str = "the tests need Python 3.10 or later with its venv module: \
     install it from https://www.python.org/downloads, or with the system's package manager \
     (Debian and Ubuntu: apt install python3 python3-venv; macOS: brew install python)";
const NODE_MISSING: &str = "the tests need Node.js 18 or later with npm: install it from \
     https://nodejs.org, or with the system's package manager (Debian and Ubuntu: apt install \
     nodejs npm; macOS: brew install node)";

const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// Fails where a language is missing that packages are for.
pub(crate) fn check() -> Result<()> {
    python_version().and_then(|_| node_version()).map(drop)
}

/// A virtual environment with what `requirements` lists.
pub(crate) fn python(venv: &Path, requirements: &Path) -> Result<()> {
    let pins = format!("{}\n{}", python_version()?, read(requirements)?);
    stamped(venv, &pins, || {
        println!("installing into {}", venv.display());
        let mut make = Command::new("python3");
        make.args(["-m", "venv", "--clear"]).arg(venv);
        execute(make).context(PYTHON_MISSING)?;
        let mut install = Command::new(program(venv, "python"));
        install.args(["-m", "pip", "install", "--quiet", "--no-input"]);
        install.args(["--disable-pip-version-check", "--requirement"]).arg(requirements);
        execute(install)
    })
}

/// A program of a virtual environment.
pub(crate) fn program(venv: &Path, name: &str) -> PathBuf {
    venv.join(if cfg!(windows) { "Scripts" } else { "bin" }).join(name)
}

/// What the `package.json` of `source` and its lock list, as `node_modules` of `directory`.
pub(crate) fn javascript(directory: &Path, source: &Path) -> Result<()> {
    let pins = format!("{}\n{}", node_version()?, read(&source.join("package-lock.json"))?);
    copy(&["package.json", "package-lock.json", ".npmrc"], source, directory)?;
    stamped(directory, &pins, || {
        println!("installing into {}", directory.display());
        let mut install = Command::new(NPM);
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        install.current_dir(directory);
        execute(install)
    })
}

/// Makes what belongs into the directory, unless the stamp there says that it was made from the
/// same text. The stamp is written last, so that what was broken off is made again.
pub(crate) fn stamped(
    directory: &Path,
    text: &str,
    make: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let stamp = directory.join(".installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == text) {
        return Ok(());
    }
    if stamp.exists() {
        fs::remove_file(&stamp)?;
    }
    make()?;
    fs::write(&stamp, text).with_context(|| format!("writing {}", stamp.display()))
}

/// Copies files to a directory, which is made where there is none.
pub(crate) fn copy(files: &[&str], from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for file in files {
        fs::copy(from.join(file), to.join(file)).with_context(|| format!("copying {file}"))?;
    }
    Ok(())
}

pub(crate) fn execute(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// What `python3` is, for the stamp. That `venv` can be imported is not enough: Debian splits
/// off `ensurepip`, without which no environment gets its pip.
fn python_version() -> Result<String> {
    let program = "import sys, venv, ensurepip; print(sys.executable, *sys.version_info[:3])";
    let said = output("python3", &["-c", program]).context(PYTHON_MISSING)?;
    let mut numbers = said.split_whitespace().rev().flat_map(str::parse::<u32>).skip(1);
    let (minor, major) = (numbers.next(), numbers.next());
    let new_enough = major == Some(3) && minor >= Some(PYTHON_MINOR);
    ensure!(new_enough, "{PYTHON_MISSING}. There is: {said}");
    Ok(said)
}

fn node_version() -> Result<String> {
    let said = output("node", &["--version"]).context(NODE_MISSING)?;
    output(NPM, &["--version"]).context(NODE_MISSING)?;
    let major = said.trim_start_matches('v').split('.').next().and_then(|it| it.parse().ok());
    ensure!(major >= Some(NODE_MAJOR), "{NODE_MISSING}. There is: {said}");
    Ok(said)
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("starting {program}"))?;
    if !output.status.success() {
        bail!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
