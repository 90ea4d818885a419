//! The generated half of the contract with plugins, fenced in one file.
//!
//! These types *are* the gateway's domain types for failures, usage, events and plans; there
//! is no second tree of them. Their documentation is that of the WIT files.
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "generated from WIT, which holds the documentation"
)]
#![allow(clippy::all, reason = "generated")]

/// The world of providers, and the types that both worlds share.
pub mod provider {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "provider-plugin",
        imports: { default: trappable },
        exports: { default: async },
        additional_derives: [PartialEq],
        with: { "portcullis:plugin/requests.request": crate::request::Lent },
    });
}

/// The world of policies.
pub mod policy {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "policy-plugin",
        imports: { "portcullis:plugin/completions": async | trappable, default: trappable },
        exports: { default: async },
        additional_derives: [PartialEq],
        with: {
            "portcullis:plugin/types": super::provider::portcullis::plugin::types,
            "portcullis:plugin/requests": super::provider::portcullis::plugin::requests,
            "portcullis:plugin/candidacy.candidates": crate::candidate::Choice,
        },
    });
}

pub use policy::exports::portcullis::plugin::policy as policies;
pub use policy::portcullis::plugin::{candidacy, completions};
pub use provider::ProviderPlugin;
pub use provider::exports::portcullis::plugin::provider as providers;
pub use provider::portcullis::plugin::events::{self, Event};
pub use provider::portcullis::plugin::requests;
pub use provider::portcullis::plugin::types::{
    self, Failure as Reported, FailureKind, JsonEdit, Usage,
};

use wasmtime::component::{Component, ComponentExportIndex};

/// A count in the `extra` of usage: of the tokens written to a cache, those that stay for an hour.
pub const CACHE_WRITE_1H: &str = "cache-write-1h-tokens";

impl Usage {
    /// A count that the contract has no field for, by its name.
    pub fn count(&self, name: &str) -> Option<u64> {
        let (_, json) = self.extra.iter().find(|(known, _)| known == name)?;
        json.parse().ok()
    }
}

impl Default for Usage {
    /// The upstream said nothing.
    fn default() -> Self {
        Self {
            input_tokens: None,
            output_tokens: None,
            cached_input_tokens: None,
            cache_write_tokens: None,
            reasoning_tokens: None,
            audio_seconds: None,
            cost_usd: None,
            extra: Vec::new(),
        }
    }
}

/// Where a function of an interface that a component exports is.
///
/// # Errors
///
/// If it is not there.
pub fn index(
    component: &Component,
    interface: &str,
    function: &str,
) -> wasmtime::Result<ComponentExportIndex> {
    let exported = component.get_export_index(None, interface);
    let found =
        exported.and_then(|interface| component.get_export_index(Some(&interface), function));
    found.ok_or_else(|| wasmtime::format_err!("it does not export `{interface}#{function}`"))
}
