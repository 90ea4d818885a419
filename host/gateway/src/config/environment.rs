//! The environment: variables that override a file, and what makes one unnecessary.
//!
//! It is a value that is handed in, so that nothing here depends on the process that runs it.

use std::collections::BTreeMap;
use std::fmt;

use super::preset::{self, Keyed};
use super::problem::{At, Place, Problem};
use super::said::{self, ADDRESS, Said};

/// Variables by name. Printing it shows the names only: values may be secrets.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process. Those that are not Unicode are left out.
    pub fn of_process() -> Self {
        let unicode = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(unicode).collect())
    }

    /// The value of a variable; an empty one counts as not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What the environment offers where there is no file: a provider for every preset whose key is
/// set, under the name of the preset.
pub(crate) fn offered(environment: &Environment) -> Result<Said, Problem> {
    let known = preset::keyed();
    let providers = known
        .iter()
        .filter(|keyed| environment.get(&keyed.variable).is_some())
        .map(|keyed| {
            let name = At::new(keyed.name.to_owned(), variable_place(&keyed.variable));
            let preset = Some(name.clone());
            (name, said::Provider { preset, ..said::Provider::default() })
        })
        .collect::<Vec<_>>();
    if providers.is_empty() {
        return Err(nothing_offered(&known));
    }
    Ok(Said { providers, ..Said::default() })
}

fn nothing_offered(known: &[Keyed]) -> Problem {
    let variables = known
        .iter()
        .map(|keyed| format!("\n    {:<24} for {}", keyed.variable, keyed.title))
        .collect::<String>();
    let text = format!(
        "there is no configuration file, and no API key is set. Looked for:{variables}\n  \
         Set one of these, or write a file and name it with --config:\n\n    \
         [providers.house]\n    plugin = \"NAME\"\n    \
         base_url = \"http://127.0.0.1:8000/v1\"\n    models = [\"MODEL\"]\n\n  \
         or take a preset (preset = \"NAME\"): {}",
        preset::names().join(", ")
    );
    Problem { place: Place::outside("environment"), text }
}

/// The variables that override what a file says.
pub(crate) fn overrides(said: &mut Said, environment: &Environment, problems: &mut Vec<Problem>) {
    let mut address = |name: &str| {
        let text = environment.get(name)?;
        let place = variable_place(name);
        match said::address(text) {
            Ok(address) => Some(At::new(address, place)),
            Err(why) => {
                problems
                    .push(Problem { place, text: format!("\"{text}\" {why}; expected {ADDRESS}") });
                None
            }
        }
    };
    if let Some(listen) = address("PORTCULLIS_LISTEN") {
        said.server.listen = Some(listen);
    }
    if let Some(listen) = address("PORTCULLIS_ADMIN_LISTEN") {
        said.admin_listen = Some(listen);
    }
    if let Some(level) = environment.get("PORTCULLIS_LOG") {
        said.log_level = Some(At::new(level.to_owned(), variable_place("PORTCULLIS_LOG")));
    }
}

fn variable_place(name: &str) -> Place {
    Place::outside(&format!("environment variable {name}"))
}
