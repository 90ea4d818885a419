//! Builds the tests' guests in other languages to components, under `target/components/guests`.
//!
//! What makes a component of a program is installed under `target/languages`, at pinned versions.
//! For JavaScript this is `componentize-qjs` by itself: `jco`, through which authors may know it,
//! is ten times as much to install, and its bundler has no part in this.
//!
//! A component is made again only when its program, the pins, the contract or this file changed:
//! neither tool makes the same bytes twice, and the host would compile each of them anew.

use crate::components;
use crate::packages::{self, execute, read, stamped};
use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a component lies beside.
const MANIFEST: &str = "plugin.toml";
/// Where the contract's two packages are.
const CONTRACT: [&str; 2] = ["wit", "wit/deps/host"];

/// Installs what is not installed yet, and makes the components that are not made yet.
pub(crate) fn build(root: &Path) -> Result<()> {
    python(root)?;
    javascript(root)
}

fn python(root: &Path) -> Result<()> {
    let tools = root.join("target/languages/python");
    let pins = root.join("tests/guests/python/requirements.txt");
    packages::python(&tools, &pins)?;
    let provider = Guest { root, name: "python", files: &["provider.py"], pins: &pins };
    provider.make(|_| {
        let mut make = Command::new(packages::program(&tools, "componentize-py"));
        make.args(["--quiet", "--wit-path"]).arg(root.join("wit"));
        make.args(["--world", "provider-plugin", "componentize", "provider"]);
        make.args(["--output", "plugin.wasm"]);
        // Otherwise it looks for packages in whatever Python comes first on this machine.
        make.env("VIRTUAL_ENV", &tools);
        Ok(make)
    })
}

fn javascript(root: &Path) -> Result<()> {
    let tools = root.join("target/languages/javascript");
    let source = root.join("tests/guests/javascript");
    packages::javascript(&tools, &source)?;
    let pins = source.join("package-lock.json");
    let componentize = |wit: &Path, world: &str, program: &str| {
        let mut make = Command::new("node");
        make.arg(tools.join("node_modules/componentize-qjs/bin/componentize-qjs"));
        make.arg("--wit").arg(wit).args(["--world", world, "--js", program]);
        // The contract's functions are synchronous.
        make.args(["--sync", "--output", "plugin.wasm"]);
        make
    };
    let files = &["provider.js"];
    let provider = Guest { root, name: "javascript/provider", files, pins: &pins };
    provider.make(|_| Ok(componentize(&root.join("wit"), "provider-plugin", "provider.js")))?;
    let files = &["policy.js", "world.wit"];
    let policy = Guest { root, name: "javascript/policy", files, pins: &pins };
    // It has a world of its own; `world.wit` says why.
    policy.make(|folder| {
        let wit = folder.join("wit");
        packages::copy(&["world.wit"], folder, &wit)?;
        for (package, from) in ["plugin", "host"].into_iter().zip(CONTRACT) {
            let to = wit.join("deps").join(package);
            fs::create_dir_all(&to)?;
            for file in interfaces(&root.join(from))? {
                fs::copy(&file, to.join(file.file_name().context("a file has a name")?))?;
            }
        }
        Ok(componentize(&wit, "policy-with-log", "policy.js"))
    })
}

/// A guest that has a folder of its own in `tests/guests`.
struct Guest<'a> {
    root: &'a Path,
    /// The folder, there and where its component goes.
    name: &'a str,
    /// What the component is made of, beside its manifest.
    files: &'a [&'a str],
    /// The file that says which version of the tools makes it.
    pins: &'a Path,
}

impl Guest<'_> {
    /// Runs what `command` returns for the folder of its component, where that is not up to
    /// date. The sources are copied there first: the tools leave traces where they work.
    fn make(&self, command: impl FnOnce(&Path) -> Result<Command>) -> Result<()> {
        let source = self.root.join("tests/guests").join(self.name);
        let folder = self.root.join("target/components/guests").join(self.name);
        stamped(&folder, &self.made_of(&source)?, || {
            packages::copy(self.files, &source, &folder)?;
            packages::copy(&[MANIFEST], &source, &folder)?;
            let mut make = command(&folder)?;
            make.current_dir(&folder);
            execute(make)?;
            let size = fs::metadata(folder.join("plugin.wasm"))?.len();
            println!("{:<16} {:>4} KiB", self.name, size >> 10);
            Ok(())
        })
    }

    /// The text of all that its component depends on.
    fn made_of(&self, source: &Path) -> Result<String> {
        let mut text = include_str!("languages.rs").to_owned() + &read(self.pins)?;
        for file in self.files.iter().chain(&[MANIFEST]) {
            text.push_str(&read(&source.join(file))?);
        }
        for part in CONTRACT {
            for file in interfaces(&self.root.join(part))? {
                text.push_str(&read(&file)?);
            }
        }
        Ok(text)
    }
}

/// The files of a folder that describe interfaces.
fn interfaces(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = components::entries(folder)?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "wit"));
    Ok(files)
}
