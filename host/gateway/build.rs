//! Puts what comes with the program into it, without naming any of it: the presets of
//! `plugins/presets`, and the bundled plugins that `cargo xtask build` made.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("presets.rs"), presets(&root.join("plugins/presets"))?)?;
    fs::write(out.join("plugins.rs"), plugins(&root.join("target/components"))?)?;
    Ok(())
}

/// `&[("name", "text of the preset"), …]`.
fn presets(folder: &Path) -> Outcome<String> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut list = String::from("&[\n");
    for path in sorted(folder)? {
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name =
                path.file_stem().and_then(|name| name.to_str()).ok_or("a preset without a name")?;
            writeln!(list, "    ({name:?}, include_str!({path:?})),")?;
        }
    }
    list.push_str("]\n");
    Ok(list)
}

/// `&[("name", "text of its plugin.toml", b"its component"), …]`.
fn plugins(folder: &Path) -> Outcome<String> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut list = String::from("&[\n");
    if folder.is_dir() {
        for path in sorted(folder)? {
            let (manifest, component) = (path.join("plugin.toml"), path.join("plugin.wasm"));
            if manifest.is_file() && component.is_file() {
                let name = path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .ok_or("a plugin without a name")?;
                writeln!(
                    list,
                    "    ({name:?}, include_str!({manifest:?}), include_bytes!({component:?})),"
                )?;
            }
        }
    }
    if !list.contains("include_bytes") {
        println!("cargo::warning=no plugins are bundled; `cargo xtask build` makes them");
    }
    list.push_str("]\n");
    Ok(list)
}

fn sorted(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}
