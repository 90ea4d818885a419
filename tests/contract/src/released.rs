//! The present worlds against those of the newest release.

use super::{load, present};
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use wit_component::semver_check;
use wit_parser::Resolve;

/// The newest folder of `wit/released`.
fn newest_release() -> Result<PathBuf> {
    let folders = fs::read_dir(present().join("released"))?;
    let versions = folders.filter_map(|entry| {
        let path = entry.ok()?.path();
        let name = path.file_name()?.to_str()?;
        let numbers: Option<Vec<u64>> = name.split('.').map(|part| part.parse().ok()).collect();
        Some((numbers?, path))
    });
    Ok(versions.max().context("nothing was released")?.1)
}

/// Whether a plugin compiled against the newest release still fits `world`, the contract's
/// text being `edited` first.
fn fits(world: &str, edited: &dyn Fn(String) -> String) -> Result<()> {
    let mut resolve = Resolve::default();
    // One resolve holds no two packages of one name and version; the comparison itself pays
    // no heed to versions.
    let renamed = |text: String| text.replace("@0.", "@1000.");
    let released = load(&mut resolve, &newest_release()?, &renamed)?;
    let present = load(&mut resolve, &present(), edited)?;
    let released = resolve.select_world(&[released], Some(world))?;
    let present = resolve.select_world(&[present], Some(world))?;
    semver_check(resolve, released, present)
}

#[test]
fn plugins_of_the_newest_release_still_fit() {
    for world in ["provider-plugin", "policy-plugin"] {
        let hint = "a change that breaks plugins needs a version, wit/released and wit/CHANGES.md";
        fits(world, &|text| text).with_context(|| format!("{world}: {hint}")).unwrap();
    }
}

/// The comparison is worth having only if it can fail.
#[test]
fn a_field_more_is_refused() {
    let changed = |before: &'static str, after: &'static str| {
        move |text: String| text.replace(before, &format!("{before}{after}"))
    };
    for (world, before, after) in [
        ("provider-plugin", "record reply-head {", " added: u8,"),
        ("provider-plugin", "enum framing {", " added,"),
        ("policy-plugin", "record plan {", " added: u8,"),
        ("policy-plugin", "record profile {", " added: u8,"),
        ("policy-plugin", "variant kv-error {", " added,"),
    ] {
        assert!(fits(world, &changed(before, after)).is_err(), "{before}{after}");
    }
}

#[test]
fn an_interface_more_is_no_breach() {
    let imports = |text: String| {
        text.replace(
            "world provider-plugin {",
            "world provider-plugin { import portcullis:host/kv@0.1.0;",
        )
    };
    fits("provider-plugin", &imports).unwrap();
}
