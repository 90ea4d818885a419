//! From what was said to what will run: fills in defaults and presets, reads secrets, turns
//! names into indices, and goes on after a problem so that all of them are reported together.

mod command;
mod ledger;
mod limit;
mod models;
mod oauth2;
mod own;
pub(super) mod provider;
mod route;
mod secret;
mod tenant;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::environment::{self, Environment};
use super::problem::{At, Place, Problem, Problems, hint};
use super::resolved::{
    Admin, Cache, Config, Log, PluginSource, Plugins, Policy, Sandbox, Scope, Server,
};
use super::said::{self, Said};
use own::{Owners, Whose};
use tenant::Names;

/// What is needed along the way, and what was found wrong so far.
pub(super) struct Resolver<'e> {
    environment: &'e Environment,
    /// The folder of the configuration file: relative paths start there.
    folder: PathBuf,
    owners: Owners,
    pub(super) problems: Vec<Problem>,
    pub(super) sources: Vec<PathBuf>,
}

impl<'e> Resolver<'e> {
    pub(super) fn new(environment: &'e Environment, folder: &Path, problems: Vec<Problem>) -> Self {
        let (folder, owners) = (folder.to_owned(), Owners::default());
        Self { environment, folder, owners, problems, sources: Vec::new() }
    }

    /// `top` is where a problem of the whole is reported.
    pub(super) fn resolve(mut self, mut said: Said, top: &Place) -> Result<Config, Problems> {
        environment::overrides(&mut said, self.environment, &mut self.problems);
        let keys = !said.tenants.is_empty();
        let (server, admin) = self.addresses(said.server, said.admin_listen, keys);
        let log = self.log(said.log_format.unwrap_or_default(), said.log_level);
        let plugins = self.plugins(said.plugins_directory, said.plugins_cache);
        let sandbox = Sandbox {
            instances: said.sandbox_instances.unwrap_or(1_000),
            stack: said.sandbox_stack.unwrap_or(512 << 10),
        };
        let cache = said.cache.map(|said| Cache {
            max_bytes: said.max_bytes.unwrap_or(64 << 20),
            ttl: said.ttl.unwrap_or(Duration::from_secs(600)),
        });
        let counted = said.ledger.as_ref().is_some_and(|ledger| ledger.attempted);
        let ledger = said.ledger.map(|said| self.ledger(said)).unwrap_or_default();
        let webhook = said.webhook.and_then(|said| self.webhook(&said));
        if said.providers.is_empty() {
            let text = "no provider is configured; expected at least one [providers.NAME]";
            self.report(top, text);
        }
        self.owners = self.owners(&said.tenants);
        let (providers, mut models) = self.providers(said.providers);
        let mut policies = self.policies(said.policies);
        if cache.is_none() {
            self.nothing_is_kept(&said.routes);
        }
        let routes = self.routes(said.routes, &mut policies, &mut models);
        let names = Names { routes: &routes, models: &models, scope_of: None };
        let clients = self.narrower("clients", &Scope::default(), said.clients, names);
        let tenants = self.tenants(said.tenants, &clients, names, &ledger);
        let limits = self.limits(said.limits, names, &ledger, counted);
        let (policies, candidates) = (policies.finish(), models.candidates);
        let sources = self.sources;
        match Problems::of(self.problems) {
            Some(problems) => Err(problems),
            None => Ok(Config {
                server,
                clients,
                tenants,
                own_key: None,
                admin,
                log,
                plugins,
                sandbox,
                cache,
                ledger,
                limits,
                webhook,
                providers,
                candidates,
                policies,
                routes,
                sources,
            }),
        }
    }

    fn report(&mut self, place: &Place, text: impl Into<String>) {
        self.problems.push(Problem { place: place.clone(), text: text.into() });
    }

    /// A name that other parts of the file, clients and labels can use.
    fn name(&mut self, kind: &str, name: &At<String>) {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.value.is_empty() || !name.value.chars().all(plain) {
            let text = format!(
                "\"{}\" cannot name a {kind}; \
                 expected letters, digits, `-`, `_` and `.`",
                name.value
            );
            self.report(&name.place, text);
        }
    }

    fn path(&self, said: &str) -> PathBuf {
        self.folder.join(said)
    }

    /// A path at which there has to be a file.
    fn file(&mut self, table: &str, key: &str, said: &At<String>) -> PathBuf {
        let path = self.path(&said.value);
        if !path.is_file() {
            let text = format!("[{table}] `{key}`: there is no file {}", path.display());
            self.report(&said.place, text);
        }
        path
    }

    fn addresses(
        &mut self,
        said: said::Server,
        admin: Option<At<SocketAddr>>,
        keys: bool,
    ) -> (Server, Admin) {
        const KEYS: &str = "keys: add [tenants.NAME] with `keys`, or listen on 127.0.0.1";
        const TOKEN: &str = "a token, which this version does not support yet; listen on 127.0.0.1";
        for (table, listen, needs) in [
            ("server", said.listen.as_ref().filter(|_| !keys), KEYS),
            ("admin", admin.as_ref(), TOKEN),
        ] {
            let Some(At { value, place }) = listen else {
                continue;
            };
            if !value.ip().is_loopback() {
                let text = format!(
                    "[{table}] `listen` = {value} is not a loopback address; that is refused \
                     without {needs}"
                );
                self.report(place, text);
            }
        }
        let clash = said.listen.as_ref().or(admin.as_ref()).map(|at| at.place.clone());
        let or = |said: Option<At<SocketAddr>>, port| {
            said.map_or_else(|| SocketAddr::from(([127, 0, 0, 1], port)), |said| said.value)
        };
        let server = Server {
            listen: or(said.listen, 8080),
            max_body: said.max_body.unwrap_or(32 << 20),
            header_timeout: said.header_timeout.unwrap_or(Duration::from_secs(10)),
            body_timeout: said.body_timeout.unwrap_or(Duration::from_secs(60)),
            drain: said.drain.unwrap_or(Duration::from_secs(30)),
            concurrency: said.concurrency.unwrap_or(10_000),
            workers: said.workers,
        };
        let admin = Admin { listen: or(admin, 8081) };
        if let Some(place) =
            clash.filter(|_| server.listen == admin.listen && server.listen.port() != 0)
        {
            let text = format!(
                "[server] and [admin] both listen on {}; give them two ports",
                server.listen
            );
            self.report(&place, text);
        }
        (server, admin)
    }

    fn log(&mut self, format: super::LogFormat, level: Option<At<String>>) -> Log {
        let Some(At { value: level, place }) = level else {
            return Log { format, level: "info".into() };
        };
        if EnvFilter::builder().parse(&level).is_err() {
            let text = format!(
                "[log] `level` = \"{level}\" is not understood; expected error, warn, info, debug, \
                 trace, off, or such as \"warn,portcullis=debug\""
            );
            self.report(&place, text);
        }
        Log { format, level }
    }

    fn plugins(&mut self, directory: Option<At<String>>, cache: Option<At<String>>) -> Plugins {
        if let Some(said) = &directory {
            let path = self.path(&said.value);
            if !path.is_dir() {
                self.report(
                    &said.place,
                    format!("[plugins] `directory`: there is no folder {}", path.display()),
                );
            }
        }
        Plugins {
            directory: directory.map(|said| self.path(&said.value)),
            cache: cache.map(|said| self.path(&said.value)),
            compiler: None,
        }
    }

    fn plugin(&mut self, table: &str, said: said::Plugin) -> PluginSource {
        match said {
            said::Plugin::Bundled(name) => PluginSource::Bundled(name),
            said::Plugin::File { path, manifest, digest } => {
                let path = self.file(table, "plugin.path", &path);
                let manifest = match manifest {
                    Some(manifest) => self.file(table, "plugin.manifest", &manifest),
                    None => path.with_file_name("plugin.toml"),
                };
                PluginSource::File { path, manifest, digest }
            }
        }
    }

    fn policies(&mut self, said: Vec<(At<String>, said::Policy)>) -> Policies {
        let mut policies = Policies { names: Vec::new(), whose: Vec::new(), resolved: Vec::new() };
        for (name, said) in said {
            self.name("policy", &name);
            let table = format!("policies.{}", name.value);
            if said.plugin.is_none() && !said.plugin_unclear {
                self.report(
                    &name.place,
                    format!("[{table}] has no `plugin`; expected the name of a bundled plugin"),
                );
            }
            let plugin = said.plugin.map(|plugin| self.plugin(&table, plugin.value));
            let mut whose = self.whose(&table, said.whose);
            if name.value == IMPLIED_POLICY {
                let why = "routes that name no policy go by it";
                whose = self.everybodys(&name, &table, whose, why);
            }
            let limits = self.bounded(&name, &table, &whose, said.limits, &said.grants);
            policies.names.push(name.value.clone());
            policies.whose.push(whose.clone());
            policies.resolved.extend(plugin.map(|plugin| Policy {
                name: name.value,
                tenant: whose.tenant(),
                plugin,
                grants: said.grants,
                settings: said.settings.into(),
                limits,
                remember: said.remember.unwrap_or(true),
            }));
        }
        policies
    }
}

/// The policy that holds where none is said: candidates by priority, unhealthy ones last.
const IMPLIED_POLICY: &str = "priority";

/// The policies, and the names by which routes call them.
struct Policies {
    names: Vec<String>,
    /// As many as there are names.
    whose: Vec<Whose>,
    /// As many as there are names, unless there were problems.
    resolved: Vec<Policy>,
}

impl Policies {
    /// The index of a policy; the implied one comes into being when it is first called.
    fn find(&mut self, name: &str) -> Result<usize, String> {
        if let Some(index) = self.names.iter().position(|known| known == name) {
            return Ok(index);
        }
        if name != IMPLIED_POLICY {
            let mut known = self.names.iter().map(String::as_str).collect::<Vec<_>>();
            known.extend((!known.contains(&IMPLIED_POLICY)).then_some(IMPLIED_POLICY));
            return Err(hint(name, "policies", &known));
        }
        self.names.push(name.to_owned());
        self.whose.push(Whose::Everybodys);
        self.resolved.push(Policy {
            name: name.to_owned(),
            tenant: None,
            plugin: PluginSource::Bundled(name.to_owned()),
            grants: Vec::new(),
            settings: serde_json::Map::new().into(),
            limits: super::LimitOverrides::default(),
            remember: true,
        });
        Ok(self.names.len() - 1)
    }

    fn finish(self) -> Vec<Policy> {
        self.resolved
    }
}
