//! Holds the contract to what was released of it, and to being documented.
//!
//! A compiled plugin breaks when a type of the contract changes in the least, so that a change
//! has to be a decision: a new version, a copy of it in `wit/released`, a note in
//! `wit/CHANGES.md`. These tests are what makes somebody take it.
#![cfg(test)]

mod documented;
mod released;

use anyhow::{Context, Result, anyhow};
use std::fs;
use std::path::{Path, PathBuf};
use wit_parser::{PackageId, Resolve, SourceMap, UnresolvedPackageGroup};

/// The contract as it is now.
fn present() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit")
}

/// Reads the contract in `folder` into `resolve`, each file's text `edited`.
fn load(
    resolve: &mut Resolve,
    folder: &Path,
    edited: &dyn Fn(String) -> String,
) -> Result<PackageId> {
    resolve.push_group(parse(&folder.join("deps/host"), edited)?)?;
    Ok(resolve.push_group(parse(folder, edited)?)?)
}

fn parse(folder: &Path, edited: &dyn Fn(String) -> String) -> Result<UnresolvedPackageGroup> {
    let mut sources = SourceMap::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wit") {
            sources.push(&path, edited(fs::read_to_string(&path)?));
        }
    }
    sources.parse().map_err(|(_, error)| anyhow!("{}: {error:?}", folder.display()))
}
