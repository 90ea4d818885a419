//! Plugins by name: those in the operator's folder, and those that come with the program.

use crate::config::PluginSource;
use portcullis_sandbox::{Manifest, Package};
use std::path::Path;

/// Name, text of the manifest, component.
type Bundled = (&'static str, &'static str, &'static [u8]);

static BUNDLED: &[Bundled] = include!(concat!(env!("OUT_DIR"), "/plugins.rs"));

/// The names of the plugins that come with the program.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUNDLED.iter().map(|(name, _, _)| *name)
}

/// Gets a plugin from where the operator says that it is.
///
/// # Errors
///
/// In words: what could not be found, read or believed, and what to do.
pub fn fetch(source: &PluginSource, folder: Option<&Path>) -> Result<Package, String> {
    match source {
        PluginSource::File { path, manifest, digest } => {
            let package = read(path, manifest)?;
            match *digest {
                Some(expected) if expected != package.digest => Err(format!(
                    "{} has the digest {}; the configuration expects {expected}",
                    path.display(),
                    package.digest
                )),
                _ => Ok(package),
            }
        }
        PluginSource::Bundled(name) => {
            if let Some(folder) = folder.map(|folder| folder.join(name)).filter(|f| f.is_dir()) {
                return read(&folder.join("plugin.wasm"), &folder.join("plugin.toml"));
            }
            let Some((_, manifest, component)) = BUNDLED.iter().find(|(known, ..)| known == name)
            else {
                let known: Vec<&str> = names().collect();
                return Err(format!(
                    "no plugin is called {name:?}; there are: {}",
                    known.join(", ")
                ));
            };
            let manifest = Manifest::parse(manifest).map_err(|error| error.to_string())?;
            Ok(Package::new(manifest, *component))
        }
    }
}

fn read(component: &Path, manifest: &Path) -> Result<Package, String> {
    let fail = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(manifest).map_err(|error| fail(manifest, error))?;
    let manifest =
        Manifest::parse(&text).map_err(|error| format!("{}: {error}", manifest.display()))?;
    let component = std::fs::read(component).map_err(|error| fail(component, error))?;
    Ok(Package::new(manifest, component))
}
