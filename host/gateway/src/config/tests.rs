//! A configuration goes in, problems or a resolved configuration come out. The tests of what is
//! refused lie in `refused`, of what is accepted in `accepted`.

mod accepted;
mod commands;
mod operation;
mod refused;
mod tenants;

use std::path::Path;

use super::{Config, Environment, Problems};

/// Resolves a text as if it stood in `portcullis.toml`, with three variables set.
fn resolve(text: &str) -> Result<Config, Problems> {
    let variables = [("HOUSE_KEY", "sesame"), ("SITE", "https://acme.example"), ("BROKEN", "a\nb")];
    let environment = Environment::from_iter(variables);
    super::parse("portcullis.toml", text, Path::new("portcullis.toml"), &environment)
}
