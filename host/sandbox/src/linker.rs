//! Links what a component imports, as far as it was asked for and granted; nothing else.
//!
//! An import without a grant is refused here, when the plugin is loaded, with the name of the
//! key that is missing. So a running guest has no function to call that it may not call; but
//! for what its manifest calls optional, which is linked and answers that it is denied.

use crate::bindings::portcullis::host;
use crate::plugin::{LoadError, Package};
use crate::store::State;
use crate::{Grants, World};
use std::collections::BTreeSet;
use wasmtime::component::{Component, HasSelf, Linker};

/// The package whose interfaces are the capabilities of this crate.
const HOST: &str = "portcullis:host/";

pub(crate) fn link<W: World>(
    engine: &wasmtime::Engine,
    component: &Component,
    package: &Package,
    grants: &Grants,
) -> Result<Linker<State<W::Data>>, LoadError> {
    let mut linker = Linker::new(engine);
    let mut linked = BTreeSet::new();
    let mut refused = Vec::new();
    for (import, _) in component.component_type().imports(engine) {
        let interface = without_version(import);
        let capability = match interface.strip_prefix(HOST) {
            Some(capability) => Some(capability),
            None if interface.starts_with("wasi:") => Some("wasi"),
            None => match W::imports().iter().find(|known| known.interface == interface) {
                Some(known) => known.capability,
                None => {
                    refused.push(format!("`{import}`, which {} does not have", W::NAME));
                    continue;
                }
            },
        };
        if let Some(capability) = capability {
            if !package.manifest.asks_for(capability) {
                refused.push(format!(
                    "`{import}`, but its plugin.toml does not ask for it; its author would add \
                     {capability:?} to `capabilities`"
                ));
                continue;
            }
            if !grants.allows(capability) && !package.manifest.can_do_without(capability) {
                refused.push(format!(
                    "`{import}`, which is not granted; add {capability:?} to its `grants` if it \
                     should have it"
                ));
                continue;
            }
        }
        // One call links all of WASI.
        let name = if interface.starts_with("wasi:") { "wasi" } else { interface };
        if !linked.insert(name.to_owned()) {
            continue;
        }
        let outcome = match interface.strip_prefix(HOST) {
            Some(capability) => link_capability(&mut linker, capability),
            None if name == "wasi" => wasmtime_wasi::p2::add_to_linker_async(&mut linker),
            None => W::link(&mut linker, interface),
        };
        if let Err(error) = outcome {
            refused.push(format!("`{import}`, which cannot be linked: {error:#}"));
        }
    }
    if refused.is_empty() { Ok(linker) } else { Err(LoadError::Imports { refused }) }
}

fn link_capability<D: crate::Tags>(
    linker: &mut Linker<State<D>>,
    capability: &str,
) -> wasmtime::Result<()> {
    match capability {
        "log" => host::log::add_to_linker::<_, HasSelf<State<D>>>(linker, |state| state),
        "clock" => host::clock::add_to_linker::<_, HasSelf<State<D>>>(linker, |state| state),
        "random" => host::random::add_to_linker::<_, HasSelf<State<D>>>(linker, |state| state),
        "kv" => host::kv::add_to_linker::<_, HasSelf<State<D>>>(linker, |state| state),
        "metrics" => host::metrics::add_to_linker::<_, HasSelf<State<D>>>(linker, |state| state),
        _ => Err(wasmtime::format_err!("this version has no such capability yet")),
    }
}

/// `a:b/c@1.2.3` without its version.
fn without_version(import: &str) -> &str {
    import.split_once('@').map_or(import, |(name, _)| name)
}
