//! Real clients, unmodified, against a running gateway: the official packages of two vendors, and
//! the libraries that most programs use in their place.
//!
//! The suites are in `tests/clients`. What they need is installed under `target/clients`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::llama;
use crate::packages;
use crate::servers::Servers;

/// The virtual environments, each from its `requirements-….txt`, and the files that run in it.
const PYTHON: [(&str, &[&str]); 4] = [
    ("current", OFFICIAL),
    ("old", OFFICIAL),
    ("litellm", &["test_litellm.py", "test_litellm_proxy.py"]),
    ("langchain", &["test_langchain.py"]),
];
const OFFICIAL: &[&str] =
    &["test_openai.py", "test_responses.py", "test_transcriptions.py", "test_anthropic.py"];
/// What runs where everything is asked for.
const PYTHON_OF_ALL: (&str, &[&str]) = (llama::ENVIRONMENT, &["test_llama.py"]);
const OFFICIAL_JAVASCRIPT: &[&str] =
    &["openai.test.mjs", "responses.test.mjs", "transcriptions.test.mjs"];
/// The packages for JavaScript, by their names in `package.json`, and the files for each.
const JAVASCRIPT: [(&str, &[&str]); 5] = [
    ("openai-current", OFFICIAL_JAVASCRIPT),
    ("openai-old", OFFICIAL_JAVASCRIPT),
    ("anthropic-current", &["anthropic.test.mjs"]),
    ("anthropic-old", &["anthropic.test.mjs"]),
    ("ai", &["ai.test.mjs"]),
];

/// How the suites know the providers of the gateway.
const ENVIRONMENT: [(&str, &str); 10] = [
    ("GATEWAY", "1"),
    ("MESSAGES_PREFIX", "messages/"),
    ("TRANSLATED_PREFIX", "house-translated/"),
    ("LITELLM_PREFIX", "litellm/"),
    ("LITELLM_TRANSLATED_PREFIX", "litellm-translated/"),
    ("LLAMA_PREFIX", "llama/"),
    ("LLAMA_TRANSLATED_PREFIX", "llama-translated/"),
    // A proxy of this machine's would have nothing to say to 127.0.0.1.
    ("NO_PROXY", "127.0.0.1,localhost"),
    ("no_proxy", "127.0.0.1,localhost"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
];

/// Installed packages, ready to run.
pub(crate) struct Clients {
    /// Where they are installed.
    pub(crate) folder: PathBuf,
    /// The program of LiteLLM's proxy.
    pub(crate) litellm: PathBuf,
    /// Whether what takes long is among them.
    pub(crate) all: bool,
    suites: Vec<Suite>,
}

/// What runs in one go.
struct Suite {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    directory: PathBuf,
    environment: Option<(&'static str, &'static str)>,
}

/// Installs what is not installed yet, and with `all` what takes long as well. `root` is the root
/// of the repository.
pub(crate) fn prepare(root: &Path, all: bool) -> Result<Clients> {
    let root = std::path::absolute(root)?;
    let folder = root.join("target/clients");
    fs::create_dir_all(&folder)?;
    let mut suites = Vec::new();
    for (environment, files) in PYTHON.into_iter().chain(all.then_some(PYTHON_OF_ALL)) {
        suites.push(prepare_python(&root, &folder, environment, files)?);
    }
    suites.extend(prepare_javascript(&root, &folder)?);
    let litellm = packages::program(&folder.join("python-litellm"), "litellm");
    Ok(Clients { folder, litellm, all, suites })
}

/// Runs every suite, also after one has failed, and fails if one has.
pub(crate) fn run(clients: &Clients, servers: &Servers) -> Result<()> {
    let mut failed = Vec::new();
    for suite in &clients.suites {
        println!("client tests: {}", suite.name);
        let mut command = Command::new(&suite.program);
        command
            .args(&suite.arguments)
            .current_dir(&suite.directory)
            .env("PORTCULLIS_URL", &servers.gateway)
            .env("UPSTREAM_URL", &servers.upstream)
            .envs(ENVIRONMENT)
            .envs(suite.environment);
        let status = command.status().with_context(|| format!("starting {command:?}"))?;
        if !status.success() {
            failed.push(suite.name.as_str());
        }
    }
    ensure!(failed.is_empty(), "client tests failed: {}", failed.join(", "));
    Ok(())
}

fn prepare_python(root: &Path, target: &Path, environment: &str, files: &[&str]) -> Result<Suite> {
    let source = root.join("tests/clients/python");
    let requirements = source.join(format!("requirements-{environment}.txt"));
    let venv = target.join(format!("python-{environment}"));
    packages::python(&venv, &requirements)?;
    let arguments = ["-m", "pytest", "--quiet"].iter().chain(files);
    Ok(Suite {
        name: format!("Python, {environment}"),
        program: packages::program(&venv, "python"),
        arguments: arguments.map(|&argument| argument.to_owned()).collect(),
        directory: source,
        environment: None,
    })
}

/// All versions are in one installation, under a name each. The suites are copied next to it,
/// because Node looks for packages from where the importing file is.
fn prepare_javascript(root: &Path, target: &Path) -> Result<Vec<Suite>> {
    let source = root.join("tests/clients/javascript");
    let directory = target.join("javascript");
    packages::javascript(&directory, &source)?;
    packages::copy(&["environment.mjs", "scripted.mjs"], &source, &directory)?;
    let suite = |(package, files): (&'static str, &[&str])| {
        packages::copy(files, &source, &directory)?;
        let arguments = ["--test", "--test-reporter=spec"].iter().chain(files);
        Ok(Suite {
            name: format!("JavaScript, {package}"),
            program: "node".into(),
            arguments: arguments.map(|&argument| argument.to_owned()).collect(),
            directory: directory.clone(),
            environment: Some(("PACKAGE", package)),
        })
    };
    JAVASCRIPT.into_iter().map(suite).collect()
}
