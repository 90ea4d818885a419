//! The official client packages, unmodified, against a running gateway.
//!
//! The suites are in `tests/clients`. What they need is installed under `target/clients`, at
//! pinned versions and once: a stamp keeps the text of the pins that an installation was made
//! from, and another text makes it anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// The versions of the Python package: `requirements-….txt` and a virtual environment each.
const PYTHON: [&str; 2] = ["current", "old"];
/// The versions of the JavaScript package, by their names in `package.json`.
const JAVASCRIPT: [&str; 2] = ["openai-current", "openai-old"];

/// The oldest versions that the pinned packages run on.
const PYTHON_MINOR: u32 = 10;
const NODE_MAJOR: u32 = 18;

const PYTHON_MISSING: &str = "the client tests need Python 3.10 or later with its venv module: \
     install it from https://www.python.org/downloads, or with the system's package manager \
     (Debian and Ubuntu: apt install python3 python3-venv; macOS: brew install python)";
const NODE_MISSING: &str = "the client tests need Node.js 18 or later with npm: install it from \
     https://nodejs.org, or with the system's package manager (Debian and Ubuntu: apt install \
     nodejs npm; macOS: brew install node)";

const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// Installed packages, ready to run.
pub(crate) struct Clients {
    suites: Vec<Suite>,
}

/// One version of one package.
struct Suite {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    directory: PathBuf,
    environment: Option<(&'static str, &'static str)>,
}

/// Installs what is not installed yet. `root` is the root of the repository.
pub(crate) fn prepare(root: &Path) -> Result<Clients> {
    let root = std::path::absolute(root)?;
    let target = root.join("target/clients");
    fs::create_dir_all(&target)?;
    let python = python_version()?;
    let node = node_version()?;
    let mut suites = Vec::new();
    for version in PYTHON {
        suites.push(prepare_python(&root, &target, version, &python)?);
    }
    suites.extend(prepare_javascript(&root, &target, &node)?);
    Ok(Clients { suites })
}

/// Runs every suite, also after one has failed, and fails if one has.
pub(crate) fn run(
    clients: &Clients,
    gateway_url: &str,
    upstream_url: &str,
    extra_env: &[(&str, &str)],
) -> Result<()> {
    let mut failed = Vec::new();
    for suite in &clients.suites {
        println!("client tests: {}", suite.name);
        let mut command = Command::new(&suite.program);
        command
            .args(&suite.arguments)
            .current_dir(&suite.directory)
            .env("PORTCULLIS_URL", gateway_url)
            .env("UPSTREAM_URL", upstream_url)
            // A proxy of this machine's would have nothing to say to 127.0.0.1.
            .env("NO_PROXY", "127.0.0.1,localhost")
            .env("no_proxy", "127.0.0.1,localhost")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(suite.environment)
            .envs(extra_env.iter().copied());
        let status = command.status().with_context(|| format!("starting {command:?}"))?;
        if !status.success() {
            failed.push(suite.name.as_str());
        }
    }
    ensure!(failed.is_empty(), "client tests failed: {}", failed.join(", "));
    Ok(())
}

fn prepare_python(root: &Path, target: &Path, version: &str, python: &str) -> Result<Suite> {
    let source = root.join("tests/clients/python");
    let requirements = source.join(format!("requirements-{version}.txt"));
    let venv = target.join(format!("python-{version}"));
    let executable = venv.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let pins = format!("{python}\n{}", read(&requirements)?);
    stamped(&venv, &pins, || {
        let mut make = Command::new("python3");
        make.args(["-m", "venv", "--clear"]).arg(&venv);
        execute(make).context(PYTHON_MISSING)?;
        let mut install = Command::new(&executable);
        install.args(["-m", "pip", "install", "--quiet", "--no-input"]);
        install.args(["--disable-pip-version-check", "--requirement"]).arg(&requirements);
        execute(install)
    })?;
    Ok(Suite {
        name: format!("openai for Python, {version}"),
        program: executable,
        arguments: ["-m", "pytest", "--quiet"].map(str::to_owned).into(),
        directory: source,
        environment: None,
    })
}

/// Both versions are in one installation, under two names. The suite is copied next to it,
/// because Node looks for packages from where the importing file is.
fn prepare_javascript(root: &Path, target: &Path, node: &str) -> Result<Vec<Suite>> {
    let source = root.join("tests/clients/javascript");
    let directory = target.join("javascript");
    fs::create_dir_all(&directory)?;
    let files =
        ["package.json", "package-lock.json", ".npmrc", "environment.mjs", "openai.test.mjs"];
    for file in files {
        fs::copy(source.join(file), directory.join(file))
            .with_context(|| format!("copying {file}"))?;
    }
    let pins = format!("{node}\n{}", read(&source.join("package-lock.json"))?);
    stamped(&directory, &pins, || {
        let mut install = Command::new(NPM);
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        install.current_dir(&directory);
        execute(install)
    })?;
    let suite = |package: &'static str| Suite {
        name: format!("{package} for JavaScript"),
        program: "node".into(),
        arguments: ["--test", "--test-reporter=spec", "openai.test.mjs"].map(str::to_owned).into(),
        directory: directory.clone(),
        environment: Some(("OPENAI_PACKAGE", package)),
    };
    Ok(JAVASCRIPT.into_iter().map(suite).collect())
}

/// Installs, unless the stamp in the directory says that this was done from the same pins. The
/// stamp is written last, so that an installation which was broken off is made again.
fn stamped(directory: &Path, pins: &str, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamp = directory.join(".installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == pins) {
        return Ok(());
    }
    println!("installing into {}", directory.display());
    if stamp.exists() {
        fs::remove_file(&stamp)?;
    }
    install()?;
    fs::write(&stamp, pins).with_context(|| format!("writing {}", stamp.display()))
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

fn execute(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}
