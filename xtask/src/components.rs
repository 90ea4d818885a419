//! Builds the plugins of this repository to components, under `target/components`.
//!
//! A plugin is compiled for `wasm32-unknown-unknown`, which gives it no imports of its own,
//! and then encoded: so the imports of the component are exactly what the plugin calls of the
//! host. The toolchain's own component target would be one step less, and twenty imports more.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wasmparser::{ExternalKind, Operator, Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

const TARGET: &str = "wasm32-unknown-unknown";
/// The least memory that a plugin has to find free when it starts: growing it costs more than
/// everything else that a plugin does in a request.
const ROOM: u64 = 128 << 10;
/// The most bytes of a provider that comes with the program: compiled code is kept in memory once
/// for each provider, and what all of them need belongs into the SDK, where it is written once.
const LARGEST: usize = 400 << 10;
/// Where plugins are: folders of plugins, and plugins.
const FOLDERS: [&str; 3] = ["plugins/providers", "plugins/policies", EXAMPLES];
/// Examples are built and tested, but do not come with the program.
const EXAMPLES: &str = "examples";

/// Builds every plugin that has a manifest to `target/components/NAME/`: `plugin.wasm`, and
/// its `plugin.toml` beside it. Examples go to `target/components/examples/NAME/`.
pub(crate) fn build(root: &Path) -> Result<()> {
    ensure_target()?;
    let mut worlds: BTreeMap<String, Vec<Plugin>> = BTreeMap::new();
    for plugin in plugins(root)? {
        worlds.entry(plugin.world.clone()).or_default().push(plugin);
    }
    for plugins in worlds.values() {
        // One world at a time: the worlds are features of the SDK, and cargo would give all
        // packages of one build the features of each.
        let packages = plugins.iter().flat_map(|plugin| ["--package", &plugin.package]);
        compile(root, &packages.collect::<Vec<_>>())?;
        for plugin in plugins {
            let core = artifacts(root).join(format!("{}.wasm", plugin.package.replace('-', "_")));
            let folder = root.join("target/components").join(plugin.under).join(&plugin.name);
            let size = encode(&core, &folder.join("plugin.wasm"))?;
            write_if_changed(&folder.join("plugin.toml"), plugin.manifest.as_bytes())?;
            ensure!(
                size <= LARGEST || !plugin.is_provider(),
                "{} is a component of {size} bytes, and this provider has at most {LARGEST}: see what \
                 brings in so much code (a generic type read with serde, as a rule), and whether \
                 the SDK has it already",
                plugin.name
            );
            let room = room(&fs::read(&core)?)?;
            println!(
                "{:<16} {:>4} KiB, starts with {} KiB free",
                plugin.name,
                size >> 10,
                room >> 10
            );
            ensure!(
                room >= ROOM,
                "{} has too much data for its first memory: raise --initial-memory in .cargo/config.toml",
                plugin.name
            );
        }
    }
    Ok(())
}

/// Builds the guests of the tests, each an example of `tests/guests`, to
/// `target/components/guests/NAME.wasm`. Does nothing where there are none.
pub(crate) fn build_guests(root: &Path) -> Result<()> {
    let sources = root.join("tests/guests");
    if !sources.join("Cargo.toml").exists() {
        return Ok(());
    }
    ensure_target()?;
    compile(root, &["--package", "portcullis-test-guests", "--features", "guests", "--examples"])?;
    for guest in entries(&sources.join("examples"))? {
        let Some(name) = guest.file_stem().and_then(|name| name.to_str()) else {
            continue;
        };
        // Cargo names the file after the crate where the target is a library.
        let folder = artifacts(root).join("examples");
        let core = [name.to_owned(), name.replace('-', "_")]
            .map(|name| folder.join(format!("{name}.wasm")))
            .into_iter()
            .find(|path| path.exists())
            .with_context(|| format!("the guest {name} was not built"))?;
        encode(&core, &root.join(format!("target/components/guests/{name}.wasm")))?;
    }
    for guest in entries(&sources.join("wat"))? {
        let name = guest.file_stem().and_then(|name| name.to_str()).context("no name")?;
        encode_text(root, &guest, &root.join(format!("target/components/guests/{name}.wasm")))
            .with_context(|| format!("in {}", guest.display()))?;
    }
    Ok(())
}

/// Makes a component of a core module in text, which names a provider's functions itself.
fn encode_text(root: &Path, text: &Path, out: &Path) -> Result<()> {
    let mut module = wat::parse_file(text)?;
    let mut contract = wit_parser::Resolve::default();
    let (package, _) = contract.push_dir(root.join("wit"))?;
    let world = contract.select_world(&[package], Some("provider-plugin"))?;
    embed_component_metadata(&mut module, &contract, world, StringEncoding::UTF8)?;
    let component = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|encoder| encoder.encode())?;
    write_if_changed(out, &component)
}

/// Makes a component of a core module, and writes it where it differs from what is there.
/// Returns its size in bytes.
pub(crate) fn encode(core: &Path, out: &Path) -> Result<usize> {
    let module = fs::read(core).with_context(|| format!("reading {}", core.display()))?;
    let component = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|encoder| encoder.encode())
        .with_context(|| format!("{} does not make a component", core.display()))?;
    write_if_changed(out, &component)?;
    Ok(component.len())
}

/// Sees to it that the active toolchain can build plugins.
pub(crate) fn ensure_target() -> Result<()> {
    let installed = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("there is no rustc: install Rust from https://rustup.rs")?;
    let folder = String::from_utf8_lossy(&installed.stdout);
    if installed.status.success() && Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    println!("The toolchain lacks the target of plugins. $ rustup target add {TARGET}");
    match Command::new("rustup").args(["target", "add", TARGET]).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => bail!(
            "rustup could not add the target ({status}). Run `rustup target add {TARGET}` by hand \
             where there is a network, and then this again."
        ),
        Err(_) => bail!(
            "there is no rustup to add the target {TARGET}. Install Rust from https://rustup.rs, \
             or your system's package of Rust's standard library for {TARGET}, and then run this \
             again. CONTRIBUTING.md says how to build that library from source."
        ),
    }
}

/// A plugin of this repository.
struct Plugin {
    /// The folder of `target/components` that it goes to.
    under: &'static str,
    /// Its package, for cargo.
    package: String,
    /// Its name and world, of its manifest.
    name: String,
    world: String,
    /// The manifest's text.
    manifest: String,
}

impl Plugin {
    fn is_provider(&self) -> bool {
        self.world.contains("/provider-plugin@")
    }
}

fn plugins(root: &Path) -> Result<Vec<Plugin>> {
    let mut plugins = Vec::new();
    for folder in FOLDERS {
        for path in entries(&root.join(folder))? {
            if path.join("plugin.toml").exists() {
                let under = if folder == EXAMPLES { EXAMPLES } else { "" };
                let plugin = read(&path, under);
                plugins.push(plugin.with_context(|| format!("in {}", path.display()))?);
            }
        }
    }
    Ok(plugins)
}

fn read(folder: &Path, under: &'static str) -> Result<Plugin> {
    let package: toml::Table = fs::read_to_string(folder.join("Cargo.toml"))?.parse()?;
    let manifest = fs::read_to_string(folder.join("plugin.toml"))?;
    let table: toml::Table = manifest.parse()?;
    let named = |value: Option<&toml::Value>, name: &str| -> Result<String> {
        Ok(value.and_then(toml::Value::as_str).with_context(|| format!("no {name}"))?.to_owned())
    };
    Ok(Plugin {
        under,
        package: named(
            package.get("package").and_then(|package| package.get("name")),
            "package.name",
        )?,
        name: named(table.get("name"), "name in plugin.toml")?,
        world: named(table.get("world"), "world in plugin.toml")?,
        manifest,
    })
}

fn compile(root: &Path, what: &[&str]) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root).args(["build", "--profile", "plugin", "--target", TARGET]).args(what);
    // Flags meant for the machine, such as instrumentation, are not meant for plugins, and
    // either of these would hide the flags of .cargo/config.toml.
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    let status = cargo.status().context("there is no cargo")?;
    ensure!(
        status.success(),
        "building plugins ended with {status}: cargo build {}",
        what.join(" ")
    );
    Ok(())
}

/// Where cargo puts what it builds for plugins.
fn artifacts(root: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    root.join(target).join(TARGET).join("plugin")
}

/// What a folder holds, in order; nothing where there is no folder.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Leaves what is up to date alone, so that nothing behind it is made again.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}

/// The memory of a core module that is there from the start and holds nothing: from
/// `__heap_base`, behind the stack and the data, to its end. The SDK's allocator begins there.
fn room(module: &[u8]) -> Result<u64> {
    let (mut memory, mut globals, mut heap_base) = (0, Vec::new(), None);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::MemorySection(memories) => {
                memory = memories.into_iter().next().context("no memory")??.initial << 16;
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    globals.push(match global?.init_expr.get_operators_reader().read()? {
                        Operator::I32Const { value } => Some(u64::from(value.cast_unsigned())),
                        _ => None,
                    });
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if export.kind == ExternalKind::Global && export.name == "__heap_base" {
                        heap_base = globals.get(export.index as usize).copied().flatten();
                    }
                }
            }
            _ => {}
        }
    }
    Ok(memory.saturating_sub(heap_base.context("no __heap_base")?))
}
