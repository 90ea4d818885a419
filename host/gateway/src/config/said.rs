//! What was said: the configuration as it is written, key by key.
//!
//! Reading it touches nothing but the text. Whatever is not said is `None` here; what then holds
//! is decided in `resolve`, in one place.

pub(crate) mod command;
mod health;
mod ledger;
mod limit;
mod merge;
mod model;
mod tenant;

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use portcullis_sandbox::Digest;
use serde_json::{Map, Value as Json};

use super::credential::Credential;
use super::problem::At;
use super::read::{Table, Value};
use super::resolved::{Keeping, LimitOverrides, LogFormat, OverBudget, RateLimitHeaders};
use super::units;
use command::Command;
pub(crate) use health::Health;
pub(crate) use ledger::{Ledger, Url};
pub(crate) use limit::{Limit, Of};
pub(crate) use merge::find;
pub(crate) use model::Model;
pub(crate) use tenant::{Key, Scope, Tenant, Whose};

/// A whole configuration.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) server: Server,
    pub(crate) clients: Scope,
    pub(crate) tenants: Vec<(At<String>, Tenant)>,
    pub(crate) admin_listen: Option<At<SocketAddr>>,
    pub(crate) log_format: Option<LogFormat>,
    pub(crate) log_level: Option<At<String>>,
    pub(crate) plugins_directory: Option<At<String>>,
    pub(crate) plugins_cache: Option<At<String>>,
    pub(crate) sandbox_instances: Option<usize>,
    pub(crate) sandbox_stack: Option<usize>,
    pub(crate) cache: Option<Cache>,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) limits: Vec<(At<String>, Limit)>,
    pub(crate) webhook: Option<At<Url>>,
    pub(crate) providers: Vec<(At<String>, Provider)>,
    pub(crate) policies: Vec<(At<String>, Policy)>,
    pub(crate) routes: Vec<(At<String>, Route)>,
}

/// `[server]`.
#[derive(Default)]
pub(crate) struct Server {
    pub(crate) listen: Option<At<SocketAddr>>,
    pub(crate) max_body: Option<usize>,
    pub(crate) header_timeout: Option<Duration>,
    pub(crate) body_timeout: Option<Duration>,
    pub(crate) drain: Option<Duration>,
    pub(crate) concurrency: Option<usize>,
    pub(crate) workers: Option<usize>,
}

/// `[cache]`.
pub(crate) struct Cache {
    pub(crate) max_bytes: Option<usize>,
    pub(crate) ttl: Option<Duration>,
}

/// `[providers.NAME]`, and what a preset says of one.
#[derive(Default)]
pub(crate) struct Provider {
    pub(crate) whose: Whose,
    pub(crate) preset: Option<At<String>>,
    pub(crate) plugin: Option<At<Plugin>>,
    pub(crate) base_url: Option<At<String>>,
    pub(crate) credential: Option<At<Credential>>,
    pub(crate) headers: Vec<(HeaderName, HeaderFrom)>,
    pub(crate) commands: Vec<(At<String>, Command)>,
    pub(crate) priority: Option<u32>,
    pub(crate) local: Option<bool>,
    pub(crate) private_addresses: Option<bool>,
    pub(crate) ca: Option<At<String>>,
    pub(crate) models: Option<Vec<At<Model>>>,
    pub(crate) models_from: Option<ModelsFrom>,
    pub(crate) open_models: Option<bool>,
    pub(crate) remember: Option<bool>,
    pub(crate) settings: Map<String, Json>,
    pub(crate) grants: Option<Vec<String>>,
    pub(crate) limits: LimitOverrides,
    pub(crate) concurrency: Option<usize>,
    pub(crate) timeouts: Timeouts,
    pub(crate) rate_limits: Option<RateLimitHeaders>,
    pub(crate) health: Option<At<Health>>,
    pub(crate) unclear: Unclear,
}

/// What was attempted and could not be read, so that it is neither there nor missing.
#[derive(Clone, Copy, Default)]
pub(crate) struct Unclear {
    pub(crate) preset: bool,
    pub(crate) plugin: bool,
    pub(crate) base_url: bool,
    pub(crate) models: bool,
}

/// Where a plugin comes from.
#[derive(Clone)]
pub(crate) enum Plugin {
    Bundled(String),
    File { path: At<String>, manifest: Option<At<String>>, digest: Option<Digest> },
}

/// A file that tells more of models.
#[derive(Clone)]
pub(crate) struct ModelsFrom {
    pub(crate) file: At<String>,
    /// What the file calls the provider; `None`: as its preset, or else itself is called.
    pub(crate) name: Option<At<String>>,
}

/// Where the value of a header comes from.
#[derive(Clone)]
pub(crate) enum HeaderFrom {
    Text(HeaderValue),
    Env(At<String>),
}

/// `timeouts` of a provider.
#[derive(Clone, Default)]
pub(crate) struct Timeouts {
    pub(crate) connect: Option<Duration>,
    pub(crate) first_byte: Option<Duration>,
    pub(crate) between_chunks: Option<Duration>,
    pub(crate) whole: Option<Duration>,
}

/// `[policies.NAME]`.
pub(crate) struct Policy {
    pub(crate) whose: Whose,
    pub(crate) plugin: Option<At<Plugin>>,
    pub(crate) grants: Vec<String>,
    pub(crate) settings: Map<String, Json>,
    pub(crate) limits: LimitOverrides,
    pub(crate) remember: Option<bool>,
    pub(crate) plugin_unclear: bool,
}

/// `[routes.NAME]`.
pub(crate) struct Route {
    pub(crate) whose: Whose,
    pub(crate) policies: Option<Vec<At<String>>>,
    pub(crate) candidates: Option<At<Vec<At<String>>>>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) private: Option<bool>,
    pub(crate) cache: Option<At<Keeping>>,
    pub(crate) over_budget: Option<OverBudget>,
    pub(crate) candidates_unclear: bool,
}

impl Said {
    pub(crate) fn read(table: &mut Table<'_>) -> Self {
        let server = table.table("server", Server::read).unwrap_or_default();
        let mut said = Self { server, ..Self::default() };
        said.clients = table.table("clients", Scope::read).unwrap_or_default();
        table.table("admin", |admin| {
            said.admin_listen = listen(admin);
            admin.unsupported("token", "remove it, and keep `listen` on a loopback address");
        });
        table.table("log", |log| {
            let format = log.parsed("format", "\"auto\", \"json\" or \"text\"", log_format);
            said.log_format = format.map(|format| format.value);
            said.log_level = log.string("level");
        });
        table.table("plugins", |plugins| {
            said.plugins_directory = plugins.string("directory");
            said.plugins_cache = plugins.string("cache");
        });
        table.table("sandbox", |sandbox| {
            said.sandbox_instances = sandbox.count("instances", 1);
            said.sandbox_stack = sandbox.size("stack");
        });
        said.cache = table.table("cache", |cache| Cache {
            max_bytes: cache.size("max_bytes"),
            ttl: cache.duration("ttl"),
        });
        said.ledger = table.table("ledger", Ledger::read);
        said.webhook = table.table("alerts", |alerts| Url::read(alerts, "webhook")).flatten();
        said.providers = table.named("providers", |value| value.table("a table", Provider::read));
        said.policies = table.named("policies", |value| value.table("a table", Policy::read));
        said.routes = table.named("routes", |value| value.table("a table", Route::read));
        said.tenants = table.named("tenants", |value| value.table("a table", Tenant::read));
        said.limits = table.named("limits", |value| value.table("a table", Limit::read).flatten());
        table.unsupported("models", "remove it (a gateway that ignored it would be unsafe)");
        said
    }
}

impl Server {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            listen: listen(table),
            max_body: table.size("max_body"),
            header_timeout: table.duration("header_timeout"),
            body_timeout: table.duration("body_timeout"),
            drain: table.duration("drain"),
            concurrency: table.count("concurrency", 1),
            workers: table.count("workers", 1),
        }
    }
}

impl Provider {
    pub(crate) fn read(table: &mut Table<'_>) -> Self {
        let mut said = Self {
            whose: Whose::default(),
            preset: table.string("preset"),
            plugin: plugin(table),
            base_url: table.string("base_url"),
            credential: Credential::read(table),
            headers: headers(table),
            commands: table.named("commands", |value| value.table("a table", Command::read)),
            priority: table.count("priority", 0),
            local: table.boolean("local"),
            private_addresses: table.boolean("private_addresses"),
            ca: table.string("ca"),
            models: None,
            models_from: ModelsFrom::read(table),
            open_models: table.boolean("open_models"),
            remember: table.boolean("remember"),
            settings: table.json("settings").unwrap_or_default(),
            grants: words(table, "grants"),
            limits: table.table("limits", limits).unwrap_or_default(),
            concurrency: table.count("concurrency", 1),
            timeouts: table.table("timeouts", Timeouts::read).unwrap_or_default(),
            rate_limits: table.table("rate_limits", rate_limits),
            health: Health::read(table),
            unclear: Unclear::default(),
        };
        let before = table.problems_so_far();
        said.models = Model::read_all(table);
        let misread = table.problems_so_far() > before;
        said.unclear = Unclear {
            preset: said.preset.is_none() && table.attempted("preset"),
            plugin: said.plugin.is_none() && table.attempted("plugin"),
            base_url: said.base_url.is_none()
                && (table.attempted("base_url") || table.attempted("commands")),
            models: misread || said.models.is_none() && table.attempted("models"),
        };
        said.whose = Whose::read(table);
        said
    }
}

impl ModelsFrom {
    fn read(table: &mut Table<'_>) -> Option<Self> {
        const EXPECTED: &str = "a file, or { file = \"models.toml\", name = \"NAME\" }";
        let value = table.value("models_from")?;
        if !value.is_table() {
            return Some(Self { file: value.string(EXPECTED)?, name: None });
        }
        value.table(EXPECTED, |table| {
            let (file, name) = (table.string("file"), table.string("name"));
            if file.is_none() && !table.has("file") {
                table.problem("has no `file`; expected the path of a file of models");
            }
            Some(Self { file: file?, name })
        })?
    }
}

impl Timeouts {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            connect: table.duration("connect"),
            first_byte: table.duration("first_byte"),
            between_chunks: table.duration("between_chunks"),
            whole: table.duration("whole"),
        }
    }
}

impl Policy {
    fn read(table: &mut Table<'_>) -> Self {
        let mut said = Self {
            whose: Whose::default(),
            plugin: plugin(table),
            grants: words(table, "grants").unwrap_or_default(),
            settings: table.json("settings").unwrap_or_default(),
            limits: table.table("limits", limits).unwrap_or_default(),
            remember: table.boolean("remember"),
            plugin_unclear: false,
        };
        said.plugin_unclear = said.plugin.is_none() && table.attempted("plugin");
        said.whose = Whose::read(table);
        said
    }
}

impl Route {
    fn read(table: &mut Table<'_>) -> Self {
        let before = table.problems_so_far();
        let mut said = Self {
            whose: Whose::default(),
            policies: table.strings("policies").map(|policies| policies.value),
            candidates: table.strings("candidates"),
            timeout: table.table("timeouts", |timeouts| timeouts.duration("whole")).flatten(),
            private: table.boolean("private"),
            cache: keeping(table),
            over_budget: over_budget(table),
            candidates_unclear: false,
        };
        // An item that could not be read leaves the list shorter than it was meant to be.
        let candidates = said.candidates.as_ref();
        said.candidates_unclear = candidates.is_none_or(|said| said.value.is_empty())
            && table.problems_so_far() > before
            || candidates.is_none() && table.attempted("candidates");
        said.whose = Whose::read(table);
        said
    }
}

fn keeping(table: &mut Table<'_>) -> Option<At<Keeping>> {
    const EXPECTED: &str = "true, false, or how long, such as \"1h\"";
    let value = table.value("cache")?;
    let place = value.place.clone();
    let keeping = match (value.as_bool(), value.as_str().map(units::duration)) {
        (Some(true), _) => Keeping::All(None),
        (Some(false), _) => Keeping::Nothing,
        (None, Some(Ok(lasts))) => Keeping::All(Some(lasts)),
        (None, Some(Err(why))) => return value.unfit(&why, EXPECTED),
        (None, None) => return value.wrong(EXPECTED),
    };
    Some(At::new(keeping, place))
}

fn over_budget(table: &mut Table<'_>) -> Option<OverBudget> {
    let said =
        table.parsed("over_budget", "\"refuse\", \"free\" or \"local\"", |text| match text {
            "refuse" => Ok(OverBudget::Refuse),
            "free" => Ok(OverBudget::Free),
            "local" => Ok(OverBudget::Local),
            _ => Err("is not known".into()),
        });
    said.map(|said| said.value)
}

fn listen(table: &mut Table<'_>) -> Option<At<SocketAddr>> {
    table.parsed("listen", ADDRESS, address)
}

/// What an address to listen on looks like.
pub(crate) const ADDRESS: &str = "an address and a port such as \"127.0.0.1:8080\"";

pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "is not an address and a port".into())
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err("is not known".into()),
    }
}

fn words(table: &mut Table<'_>, key: &'static str) -> Option<Vec<String>> {
    Some(table.strings(key)?.value.into_iter().map(|word| word.value).collect())
}

fn plugin(table: &mut Table<'_>) -> Option<At<Plugin>> {
    const EXPECTED: &str = "the name of a bundled plugin, or { path = \"x.wasm\" }";
    let value = table.value("plugin")?;
    let place = value.place.clone();
    if let Some(name) = value.as_str() {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            return value.unfit(&format!("= \"{name}\" is not a plugin's name"), EXPECTED);
        }
        return Some(At::new(Plugin::Bundled(name.to_owned()), place));
    }
    let said = value.table(EXPECTED, |table| {
        let digest = |text: &str| text.parse::<Digest>().map_err(|why| why.to_string());
        let digest = table.parsed("digest", "\"sha256:\" and 64 hexadecimal digits", digest);
        table.unsupported("oci", "fetch the component and name it with `path`");
        let path = table.string("path");
        let manifest = table.string("manifest");
        if path.is_none() && !table.has("oci") && !table.has("path") {
            table.problem("has no `path`; expected the path of a component");
        }
        Some(Plugin::File { path: path?, manifest, digest: digest.map(|digest| digest.value) })
    });
    Some(At::new(said??, place))
}

/// Headers that belong to the connection, or to the credential.
const NOT_THE_OPERATORS: [&str; 10] = [
    "authorization",
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn headers(table: &mut Table<'_>) -> Vec<(HeaderName, HeaderFrom)> {
    let mut seen: Vec<HeaderName> = Vec::new();
    let headers = table.named("headers", |value| {
        if let Some(text) = value.as_str() {
            return match HeaderValue::from_str(text) {
                Ok(text) => Some((value, HeaderFrom::Text(text))),
                Err(_) => value.unfit("holds what a header cannot carry", "printable ASCII"),
            };
        }
        let name = value.env()?;
        Some((value, HeaderFrom::Env(name)))
    });
    let mut kept = Vec::new();
    for (name, (value, from)) in headers {
        let Some(header) = header_name(&name.value, &value) else {
            continue;
        };
        if NOT_THE_OPERATORS.contains(&header.as_str()) {
            let instead = if header.as_str().ends_with("authorization") {
                "is set by `credential`; say it there"
            } else {
                "belongs to the connection; remove it"
            };
            value.problem(instead);
        } else if seen.contains(&header) {
            value.problem("is said twice (case does not matter)");
        } else {
            seen.push(header.clone());
            kept.push((header, from));
        }
    }
    kept
}

fn header_name(name: &str, value: &Value<'_>) -> Option<HeaderName> {
    match HeaderName::from_bytes(name.as_bytes()) {
        Ok(name) => Some(name),
        Err(_) => value.unfit("is not a header's name", "letters, digits and dashes"),
    }
}

fn limits(table: &mut Table<'_>) -> LimitOverrides {
    LimitOverrides {
        memory: table.size("memory"),
        cpu: table.count("cpu_ms", 1).map(Duration::from_millis),
        table_elements: table.count("table_elements", 0),
        handles: table.count("handles", 0),
        host_calls: table.count("host_calls", 0),
        output: table.size("output_bytes"),
        log_lines_per_second: table.count("log_lines", 0),
        deadline: table.count("deadline_ms", 1).map(Duration::from_millis),
        sandboxes: table.count("sandboxes", 1),
        kv_keys: table.count("kv_keys", 0),
        kv_bytes: table.size("kv_bytes"),
    }
}

fn rate_limits(table: &mut Table<'_>) -> RateLimitHeaders {
    let mut name = |key| {
        let parse = |text: &str| {
            HeaderName::from_bytes(text.as_bytes()).map_err(|_| "is not a header's name".to_owned())
        };
        Some(table.parsed(key, "letters, digits and dashes", parse)?.value)
    };
    RateLimitHeaders {
        remaining_requests: name("remaining_requests"),
        remaining_tokens: name("remaining_tokens"),
        reset_requests: name("reset_requests"),
        reset_tokens: name("reset_tokens"),
        remaining_input_tokens: name("remaining_input_tokens"),
        remaining_output_tokens: name("remaining_output_tokens"),
        reset_input_tokens: name("reset_input_tokens"),
        reset_output_tokens: name("reset_output_tokens"),
    }
}
