//! The official client packages, unmodified, against a running gateway.
//!
//! The suites are in `tests/clients`. What they need is installed under `target/clients`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::packages;

/// The versions of the Python package: `requirements-….txt` and a virtual environment each.
const PYTHON: [&str; 2] = ["current", "old"];
/// The versions of the JavaScript package, by their names in `package.json`.
const JAVASCRIPT: [&str; 2] = ["openai-current", "openai-old"];

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
    let mut suites = Vec::new();
    for version in PYTHON {
        suites.push(prepare_python(&root, &target, version)?);
    }
    suites.extend(prepare_javascript(&root, &target)?);
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

fn prepare_python(root: &Path, target: &Path, version: &str) -> Result<Suite> {
    let source = root.join("tests/clients/python");
    let requirements = source.join(format!("requirements-{version}.txt"));
    let programs = packages::python(&target.join(format!("python-{version}")), &requirements)?;
    Ok(Suite {
        name: format!("openai for Python, {version}"),
        program: programs.join("python"),
        arguments: ["-m", "pytest", "--quiet"].map(str::to_owned).into(),
        directory: source,
        environment: None,
    })
}

/// Both versions are in one installation, under two names. The suite is copied next to it,
/// because Node looks for packages from where the importing file is.
fn prepare_javascript(root: &Path, target: &Path) -> Result<Vec<Suite>> {
    let source = root.join("tests/clients/javascript");
    let directory = target.join("javascript");
    packages::javascript(&directory, &source)?;
    packages::copy(&["environment.mjs", "openai.test.mjs"], &source, &directory)?;
    let suite = |package: &'static str| Suite {
        name: format!("{package} for JavaScript"),
        program: "node".into(),
        arguments: ["--test", "--test-reporter=spec", "openai.test.mjs"].map(str::to_owned).into(),
        directory: directory.clone(),
        environment: Some(("OPENAI_PACKAGE", package)),
    };
    Ok(JAVASCRIPT.into_iter().map(suite).collect())
}
