//! `plugin.toml`: what a plugin says of itself, and what it asks for.
//!
//! A manifest is a wish. What a plugin gets is decided by the operator's [`Grants`](crate::Grants).

use crate::digest::Digest;
use crate::grant;
use serde::Deserialize;
use serde_json::Value;

/// The manifest of a plugin.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Lower-case letters, digits and hyphens.
    pub name: String,
    /// A semantic version.
    pub version: String,
    /// The WIT world that it is built for, in full: `namespace:package/world@version`.
    pub world: String,
    /// One line for people.
    pub description: String,
    /// Capabilities that it asks for, with their arguments where they have one.
    pub capabilities: Vec<String>,
    /// Capabilities that it uses where they are granted, and does without where they are not.
    pub optional: Vec<String>,
    settings: Option<Schema>,
    /// Whatever else the embedder agreed with authors about.
    pub metadata: toml::Table,
    /// Of its text.
    pub digest: Digest,
}

#[derive(Clone, Debug)]
struct Schema {
    validator: std::sync::Arc<jsonschema::Validator>,
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not TOML, or not of a manifest's shape; the message has line and column.
    #[error("plugin.toml: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A field holds what it cannot.
    #[error("plugin.toml: `{field}` {problem}")]
    Field {
        /// The key.
        field: &'static str,
        /// What is wrong with its value, and what is expected.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    name: String,
    version: String,
    world: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    capabilities: Vec<String>,
    #[serde(default)]
    optional: Vec<String>,
    settings: Option<Value>,
    #[serde(default)]
    metadata: toml::Table,
}

impl Manifest {
    /// Reads and checks the text of a `plugin.toml`.
    ///
    /// # Errors
    ///
    /// If it is not TOML, has unknown keys, a malformed name, or a schema that is not one.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let said: Said = toml::from_str(text)?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if said.name.is_empty() || !said.name.chars().all(plain) {
            return Err(ManifestError::Field {
                field: "name",
                problem: format!(
                    "is {:?}; expected lower-case letters, digits and hyphens",
                    said.name
                ),
            });
        }
        if said.version.split('.').count() < 3 {
            return Err(ManifestError::Field {
                field: "version",
                problem: format!(
                    "is {:?}; expected a semantic version such as 1.2.3",
                    said.version
                ),
            });
        }
        let settings = said.settings.map(Schema::compile).transpose()?;
        Ok(Self {
            name: said.name,
            version: said.version,
            world: said.world,
            description: said.description,
            capabilities: said.capabilities,
            optional: said.optional,
            settings,
            metadata: said.metadata,
            digest: Digest::of(text.as_bytes()),
        })
    }

    /// Whether it asks for the capability, whatever the argument.
    pub fn asks_for(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|asked| grant::name(asked) == capability)
            || self.can_do_without(capability)
    }

    /// Whether it is of use without the capability that it asks for: then it is told at each call
    /// that it was not granted.
    pub fn can_do_without(&self, capability: &str) -> bool {
        self.optional.iter().any(|asked| grant::name(asked) == capability)
    }

    /// All that is wrong with `settings`, each with the place where it is; empty if they fit
    /// the plugin's schema, or if it has none and `settings` is empty too.
    pub fn problems_of(&self, settings: &Value) -> Vec<String> {
        let Some(schema) = &self.settings else {
            let empty = settings.as_object().is_none_or(serde_json::Map::is_empty);
            return if empty { Vec::new() } else { vec!["the plugin has no settings".to_owned()] };
        };
        let place = |pointer: String| {
            if pointer.is_empty() { "/".to_owned() } else { pointer }
        };
        let problem = |e: jsonschema::ValidationError<'_>| {
            format!("{}: {e}", place(e.instance_path().to_string()))
        };
        schema.validator.iter_errors(settings).map(problem).collect()
    }
}

impl Schema {
    fn compile(schema: Value) -> Result<Self, ManifestError> {
        let validator =
            jsonschema::validator_for(&schema).map_err(|error| ManifestError::Field {
                field: "settings",
                problem: format!("is not a JSON schema: {error}"),
            })?;
        Ok(Self { validator: std::sync::Arc::new(validator) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PLAIN: &str = "name = \"p\"\nversion = \"1.0.0\"\nworld = \"a:b/c@1.0.0\"\n";

    #[track_caller]
    fn check(more: &str, expected: &str) {
        let error = Manifest::parse(&format!("{PLAIN}{more}")).unwrap_err().to_string();
        assert!(error.contains(expected), "expected {expected:?} in {error:?}");
    }

    #[test]
    fn what_is_wrong_with_a_manifest_is_said() {
        check("colour = 1", "unknown field `colour`");
        check("capabilities = 1", "line 4");
        check("[settings]\ntype = \"nonsense\"", "`settings` is not a JSON schema");
        let named = |name: &str| Manifest::parse(&PLAIN.replace("\"p\"", &format!("{name:?}")));
        assert!(named("Über").unwrap_err().to_string().contains("`name`"));
        assert!(named("").unwrap_err().to_string().contains("`name`"));
        let old = Manifest::parse(&PLAIN.replace("1.0.0\"\nw", "1\"\nw")).unwrap_err();
        assert!(old.to_string().contains("`version`"), "{old}");
    }

    #[test]
    fn settings_are_checked_against_the_schema_all_at_once() {
        let schema = "[settings]\ntype = \"object\"\nadditionalProperties = false\n\
                      [settings.properties.retries]\ntype = \"integer\"\nmaximum = 3\n\
                      [settings.properties.mode]\nenum = [\"a\", \"b\"]\n";
        let manifest = Manifest::parse(&format!("{PLAIN}{schema}")).unwrap();
        assert!(manifest.problems_of(&json!({"retries": 2, "mode": "a"})).is_empty());
        let problems = manifest.problems_of(&json!({"retries": 9, "mode": "c", "x": 1}));
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems.iter().any(|p| p.starts_with("/retries: ")), "{problems:?}");
    }

    #[test]
    fn a_plugin_without_a_schema_takes_no_settings() {
        let manifest = Manifest::parse(PLAIN).unwrap();
        assert!(manifest.problems_of(&json!({})).is_empty());
        assert_eq!(manifest.problems_of(&json!({"a": 1})).len(), 1);
    }

    #[test]
    fn a_wish_with_an_argument_is_a_wish() {
        for (key, without) in [("capabilities", false), ("optional", true)] {
            let manifest = Manifest::parse(&format!("{PLAIN}{key} = [\"inference:small\"]"));
            let manifest = manifest.unwrap();
            assert!(manifest.asks_for("inference"));
            assert_eq!(manifest.can_do_without("inference"), without);
        }
    }
}
