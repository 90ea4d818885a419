//! `portcullis import`: what others know of models and routes, as a file for a configuration.
//!
//! The file goes to standard output, and what could not be taken over to standard error, so that
//! the one can be kept and the other read.

mod litellm;
mod router;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What is read: a list, by the name of whose it is, or a file by itself.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(super) struct Import {
    /// A `router.config.json`, as by `router`.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(subcommand)]
    whose: Option<Whose>,
}

/// Whose file is read.
#[derive(clap::Subcommand)]
enum Whose {
    /// LiteLLM's `model_prices_and_context_window.json`, as a file of models; see `models_from` of
    /// a provider.
    Litellm {
        /// The list.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Only the models of this provider, as the list calls it; may be given more than once.
        #[arg(long = "provider", value_name = "NAME")]
        providers: Vec<String>,
    },
    /// A `router.config.json`, as a configuration with its rules as the policy `rules`.
    Router {
        /// The file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Reads a file, and prints what it becomes.
pub(super) fn run(import: &Import) -> Result<ExitCode> {
    match (&import.whose, &import.file) {
        (Some(Whose::Litellm { file, providers }), _) => models(file, providers)?,
        (Some(Whose::Router { file }), _) | (None, Some(file)) => configuration(file)?,
        // clap has shown its help in place of this.
        (None, None) => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn models(file: &Path, providers: &[String]) -> Result<()> {
    let name = || file.display().to_string();
    let json = std::fs::read_to_string(file).with_context(name)?;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let imported = litellm::import(&json, providers, today).with_context(name)?;
    print!("{}", imported.toml());
    eprint!("{}", imported.report());
    Ok(())
}

fn configuration(file: &Path) -> Result<()> {
    let name = file.display().to_string();
    let json = std::fs::read_to_string(file).with_context(|| name.clone())?;
    let imported = router::import(&name, &json)?;
    print!("{}", imported.toml());
    eprint!("{}", imported.report());
    Ok(())
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A key of TOML: bare where it can be.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}
