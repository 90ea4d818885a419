//! The configuration, in two steps: what was *said* (a text and nothing else) and what will run
//! (*resolved*: defaults, presets, secrets, references). The second step is taken once, before
//! any port is bound, and either gives a configuration in which nothing has to be checked again
//! or every problem of it at once.

mod credential;
mod describe;
mod environment;
mod pattern;
mod preset;
mod problem;
mod read;
mod resolve;
mod resolved;
mod said;
mod secret;
#[cfg(test)]
mod tests;
pub(crate) mod units;

use std::path::Path;

pub use describe::models as describe_models;
pub use environment::Environment;
pub(crate) use pattern::matches;
pub(crate) use preset::{Preset, known as known_preset, local as local_presets};
pub use problem::{Place, Problem, Problems};
pub use resolved::{
    Admin, Cache, Candidate, ClientAuthentication, Config, Credential, Health, Keeping, Key,
    Ledger, Limit, LimitOverrides, Log, LogFormat, Naming, Narrowing, OAuth2, OverBudget, Per,
    PluginSource, Plugins, Policy, Prices, Provider, RateLimitHeaders, Rates, Route, Sandbox,
    Scope, Server, Tenant, Tier, Timeouts, Used, Webhook,
};
pub use secret::{Secret, SecretSource};

use resolve::Resolver;

/// Every model that comes with the program, as "preset/model".
pub fn shipped() -> Vec<Candidate> {
    preset::models()
}

/// Reads a configuration file, and what it names: secrets from `environment` and from files.
/// Relative paths in it start from its own folder.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(path: &Path, environment: &Environment) -> Result<Config, Problems> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&name, &text, path, environment),
        Err(error) => {
            let problem = Problem {
                place: Place::outside(&name),
                text: format!("cannot be read: {error}; name a file with --config, or none"),
            };
            Err(Problems::from(problem))
        }
    }
}

fn parse(
    name: &str,
    text: &str,
    path: &Path,
    environment: &Environment,
) -> Result<Config, Problems> {
    let (said, problems) = read::document(name, text, None, said::Said::read)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut resolver = Resolver::new(environment, folder, problems);
    resolver.sources.push(path.to_owned());
    resolver.resolve(said, &Place { file: name.into(), line: 1, column: 1 })
}

impl Config {
    /// Reads it again from where it came from.
    ///
    /// # Errors
    /// Everything that is wrong with it by now.
    pub fn reread(&self, environment: &Environment) -> Result<Self, Problems> {
        match self.sources.first() {
            Some(file) => load(file, environment),
            None => Self::from_environment(environment),
        }
    }

    /// Keeps of `running` what only a new process can change, and names what would have been
    /// other.
    pub fn settle(&mut self, running: &Self) -> Vec<&'static str> {
        fn keep<T: PartialEq + Clone>(
            name: &'static str,
            new: &mut T,
            running: &T,
            kept: &mut Vec<&'static str>,
        ) {
            if new != running {
                running.clone_into(new);
                kept.push(name);
            }
        }
        let mut kept = Vec::new();
        let (server, runs) = (&mut self.server, &running.server);
        keep("server.listen", &mut server.listen, &runs.listen, &mut kept);
        keep("server.header_timeout", &mut server.header_timeout, &runs.header_timeout, &mut kept);
        keep("server.drain", &mut server.drain, &runs.drain, &mut kept);
        keep("server.concurrency", &mut server.concurrency, &runs.concurrency, &mut kept);
        keep("server.workers", &mut server.workers, &runs.workers, &mut kept);
        keep("admin", &mut self.admin, &running.admin, &mut kept);
        keep("log", &mut self.log, &running.log, &mut kept);
        keep("plugins.cache", &mut self.plugins.cache, &running.plugins.cache, &mut kept);
        self.plugins.compiler.clone_from(&running.plugins.compiler);
        keep("sandbox", &mut self.sandbox, &running.sandbox, &mut kept);
        keep("ledger", &mut self.ledger, &running.ledger, &mut kept);
        keep("alerts", &mut self.webhook, &running.webhook, &mut kept);
        self.own_key = running.own_key;
        kept
    }

    /// Whether nobody unknown is served but on this machine. A process keeps the address that it
    /// began with, whatever the file says by now.
    ///
    /// # Errors
    /// If it would serve the network without keys.
    pub fn check_listening(&self) -> Result<(), Problem> {
        let listen = self.server.listen;
        if !self.tenants.is_empty() || listen.ip().is_loopback() {
            return Ok(());
        }
        let file = self.sources.first().map(|file| file.display().to_string());
        let text = format!(
            "the process listens on {listen}, which is not a loopback address, and without \
             [tenants] everybody there would be served; keep [tenants], or start it anew"
        );
        Err(Problem { place: Place::outside(&file.unwrap_or_default()), text })
    }

    /// Whether anybody could ask for anything. A process keeps the ledger that it began with.
    ///
    /// # Errors
    /// If a key is needed and nobody can have one.
    pub fn check_keys(&self) -> Result<(), Problem> {
        let keyless = self.tenants.iter().all(|tenant| tenant.keys.is_empty());
        if self.tenants.is_empty() || !keyless || self.ledger.at.is_some() {
            return Ok(());
        }
        let file = self.sources.first().map(|file| file.display().to_string());
        let text = "no tenant has a key, and the process has no ledger that could have one; start \
                    it anew to give it [ledger], or give a tenant `keys`";
        Err(Problem { place: Place::outside(&file.unwrap_or_default()), text: text.into() })
    }

    /// What the environment offers where there is no file: a provider for every preset whose
    /// key is set.
    ///
    /// # Errors
    /// Which variables were looked for, where none is set; what is wrong, where one is.
    pub fn from_environment(environment: &Environment) -> Result<Self, Problems> {
        let said = environment::offered(environment).map_err(Problems::from)?;
        let resolver = Resolver::new(environment, Path::new(""), Vec::new());
        resolver.resolve(said, &Place::outside("environment"))
    }
}
