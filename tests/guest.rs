//! A guest of `tests/guests`, and what its operator says of it.

use std::path::{Path, PathBuf};

/// Whether a guest is a provider or a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of the world `provider-plugin`.
    Provider,
    /// Of the world `policy-plugin`.
    Policy,
}

/// A guest as it is configured.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Its program.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The capabilities that its manifest asks for.
    pub asks: &'static [&'static str],
    /// The models of the provider.
    pub models: &'static [&'static str],
    /// Lines of its table of limits.
    pub limits: &'static str,
    /// What it is granted, as items of a list.
    pub grants: &'static str,
}

impl Guest {
    /// A provider that asks for the capabilities that need no grant.
    pub const fn provider(name: &'static str) -> Self {
        Self {
            name,
            kind: Kind::Provider,
            asks: &["log", "clock", "random", "metrics", "wasi"],
            models: &["m"],
            limits: "",
            grants: "",
        }
    }

    /// A policy, likewise.
    pub const fn policy(name: &'static str) -> Self {
        Self { kind: Kind::Policy, ..Self::provider(name) }
    }

    /// With limits of its own.
    pub const fn limits(self, limits: &'static str) -> Self {
        Self { limits, ..self }
    }

    /// With these grants.
    pub const fn grants(self, grants: &'static str) -> Self {
        Self { grants, ..self }
    }

    /// With these models.
    pub const fn models(self, models: &'static [&'static str]) -> Self {
        Self { models, ..self }
    }

    /// With a manifest that asks for these.
    pub const fn asks(self, asks: &'static [&'static str]) -> Self {
        Self { asks, ..self }
    }

    /// Where its component is.
    pub fn component(&self) -> PathBuf {
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/components/guests");
        built.join(format!("{}.wasm", self.name))
    }

    /// The text of its manifest.
    pub fn manifest(&self) -> String {
        let name = self.name.replace('_', "-");
        let world = match self.kind {
            Kind::Provider => "provider-plugin",
            Kind::Policy => "policy-plugin",
        };
        format!(
            "name = \"{name}\"\nversion = \"0.1.0\"\nworld = \"portcullis:plugin/{world}@0.1.0\"\n\
             capabilities = {:?}\n",
            self.asks
        )
    }
}
