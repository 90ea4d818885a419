//! `portcullis models`: what is known of models, and where from.

use super::{FILE, configuration};
use crate::config;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Which models are listed.
#[derive(clap::Args)]
pub(super) struct Which {
    /// Those of this configuration [default: portcullis.toml, if it exists].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Those that come with the program (the default without a configuration).
    #[arg(long, conflicts_with = "config")]
    shipped: bool,
}

/// Prints them as a table.
pub(super) fn run(which: &Which) -> Result<ExitCode> {
    let configured = which.config.is_some() || Path::new(FILE).exists();
    let candidates = if configured && !which.shipped {
        configuration(which.config.as_deref())?.candidates
    } else {
        config::shipped()
    };
    print!("{}", config::describe_models(&candidates));
    Ok(ExitCode::SUCCESS)
}
