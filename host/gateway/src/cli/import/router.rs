//! A `router.config.json`: providers with the names of their models, rules that choose among them,
//! and a chain of who is asked where one fails. It becomes a configuration, whose rules the policy
//! `rules` decides by: its conditions are written in the same language.
//!
//! What has no place in a configuration is not lost in silence: it is named with the reason, in the
//! configuration as a comment and in the report. Whether a condition can be understood is known to
//! the policy alone, so `portcullis check` is who says that.

mod json;
mod provider;
mod said;
mod translate;
mod write;

use crate::config::Problems;
use json::{Found, Spot};

/// The policy that decides by the rules, and its plugin.
const RULES: &str = "rules";

/// What was read, as a configuration.
pub(super) struct Imported {
    /// The file, without the folders that it lies in.
    file: String,
    providers: Vec<Provider>,
    rules: Vec<Rule>,
    /// By the plugin of the same name, behind the rules.
    policy: Option<String>,
    retries: Option<u64>,
    /// Whether those whom a rule does not name are asked behind those whom it does.
    fallback: bool,
    /// Of the default route, in the order of the fallbacks.
    candidates: Vec<String>,
    /// What has no place, and why.
    left: Vec<(Spot, String)>,
}

/// A provider, as it will be written.
struct Provider {
    name: String,
    /// There is a preset of its name.
    preset: bool,
    base_url: Option<String>,
    /// The variable with its key, where the preset does not name it.
    key: Option<String>,
    /// Each with what the file calls it. None are written where the preset's hold.
    models: Vec<Model>,
}

struct Model {
    id: String,
    tags: Vec<String>,
}

/// A rule, as it will be written.
struct Rule {
    condition: String,
    to: String,
    reason: Option<String>,
    /// Its candidate cannot be.
    left_out: bool,
}

/// Reads a file, which is called `name`.
///
/// # Errors
///
/// Everything in it that has to be mended first.
pub(super) fn import(name: &str, json: &str) -> Result<Imported, Problems> {
    let root = json::parse(name, json).map_err(Problems::from)?;
    let mut found = Found::default();
    let said = said::read(&root, &mut found);
    let imported = translate::translate(name, &root.at, said, &mut found);
    match Problems::of(found.problems) {
        Some(problems) => Err(problems),
        None => {
            found.left.sort_by(|(one, _), (other, _)| one.place.cmp(&other.place));
            Ok(Imported { left: found.left, ..imported })
        }
    }
}

#[cfg(test)]
mod tests;
