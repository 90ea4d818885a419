//! Which package may depend on which: arrows go down only, and the SDK and the host meet in the
//! contract alone.

use crate::check;
use crate::files::{File, numbered, under};
use std::collections::BTreeMap;

const SDK: &str = "portcullis-sdk";
const SANDBOX: &str = "portcullis-sandbox";
const LEDGER: &str = "portcullis-ledger";
const POSTGRES: &str = "portcullis-test-postgres";

/// What a package may depend on, of ours.
enum May {
    /// These and nothing else.
    Only(&'static [&'static str]),
    /// Everything but the SDK: it sees the product from outside.
    NotSdk,
    /// Everything: it runs a plugin's own sources beside its sandbox, to compare the two.
    All,
}

/// The floor of a package, by its folder. A new folder needs a line here, which is the point.
fn floor(folder: &str, is_plugin: bool) -> Option<May> {
    Some(match folder {
        // Floor 1.
        "sdk/rust" => May::Only(&[]),
        _ if is_plugin => May::Only(&[SDK]),
        // Floor 2.
        "host/sandbox" => May::Only(&[]),
        // Its tests need a server, which tests of the whole gateway need as well.
        "host/ledger" => May::Only(&[POSTGRES]),
        // Floor 3.
        "host/gateway" => May::Only(&[SANDBOX, LEDGER]),
        // Floor 4. The guests of the tests speak the contract themselves: the SDK would keep
        // them from what they are there to do.
        "tests/guests" | "tests/postgres" => May::Only(&[]),
        "tests/bench" => May::All,
        _ if folder == "xtask" || folder == "tests" => May::NotSdk,
        _ if folder.starts_with("tests/") || folder.starts_with("examples/") => May::NotSdk,
        _ => return None,
    })
}

#[test]
fn arrows_go_down_only() {
    let manifests = under("", "Cargo.toml");
    let ours: BTreeMap<&str, &str> =
        manifests.iter().filter_map(|file| Some((package(file)?, folder(file)))).collect();
    let mut problems = Vec::new();
    for file in &manifests {
        let Some(name) = package(file) else { continue };
        let plugin = crate::files::root().join(folder(file)).join("plugin.toml");
        let Some(may) = floor(folder(file), plugin.exists()) else {
            problems.push(format!("{}:1: nothing says on which floor {name} stands", file.path));
            continue;
        };
        for (number, dependency) in dependencies(file) {
            let allowed = match may {
                May::Only(allowed) => allowed.contains(&dependency),
                May::NotSdk => dependency != SDK,
                May::All => true,
            };
            if ours.contains_key(dependency) && !allowed {
                problems.push(format!("{}:{number}: {name} depends on {dependency}", file.path));
            }
        }
    }
    check(
        &problems,
        "The floors are in ARCHITECTURE.md and in `floor` (tests/tidy/src/floors.rs). What two \
         crates share belongs into the lower of them, or into the contract.",
    );
}

fn folder(file: &File) -> &str {
    file.path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The name in `[package]`; a workspace's manifest may have none.
fn package(file: &File) -> Option<&str> {
    let mut within = false;
    for line in file.text.lines() {
        if line.starts_with('[') {
            within = line.trim() == "[package]";
        } else if within && let Some(("name", value)) = pair(line) {
            return Some(value.trim_matches('"'));
        }
    }
    None
}

/// What stands in the tables of dependencies: those of the build, of tests, and of targets too.
fn dependencies(file: &File) -> Vec<(usize, &str)> {
    let mut within = false;
    let mut found = Vec::new();
    for (number, line) in numbered(&file.text) {
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end().trim_end_matches(']');
            within = table.ends_with("dependencies") && !table.starts_with("workspace");
            // `[dependencies.name]` is one dependency.
            if let Some((tables, name)) = table.rsplit_once('.')
                && tables.ends_with("dependencies")
                && !tables.starts_with("workspace")
            {
                found.push((number, name));
            }
        } else if within && let Some((name, _)) = pair(line) {
            // `name.workspace = true`
            found.push((number, name.split('.').next().unwrap_or(name)));
        }
    }
    found
}

fn pair(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    (!name.starts_with('#') && !name.contains(' ')).then(|| (name, value.trim()))
}
