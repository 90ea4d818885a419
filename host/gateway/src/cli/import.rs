//! `portcullis import`: what others know of models, as a file that a configuration can name.
//!
//! The file goes to standard output, and what could not be taken over to standard error, so that
//! the one can be kept and the other read.

mod litellm;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::path::PathBuf;
use std::process::ExitCode;

/// Whose list is read.
#[derive(clap::Subcommand)]
pub(super) enum Import {
    /// LiteLLM's `model_prices_and_context_window.json`.
    Litellm {
        /// The list.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Only the models of this provider, as the list calls it; may be given more than once.
        #[arg(long = "provider", value_name = "NAME")]
        providers: Vec<String>,
    },
}

/// Reads a list, and prints it as a file of models.
pub(super) fn run(import: &Import) -> Result<ExitCode> {
    let Import::Litellm { file, providers } = import;
    let name = || file.display().to_string();
    let json = std::fs::read_to_string(file).with_context(name)?;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let imported = litellm::import(&json, providers, today).with_context(name)?;
    print!("{}", imported.toml());
    eprint!("{}", imported.report());
    Ok(ExitCode::SUCCESS)
}
