//! What will run: the configuration with every default filled in, every reference an index and
//! every secret read. Built once; nothing in it has to be checked again.

mod credential;
mod limit;
mod overrides;
mod price;
mod tenant;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use portcullis_ledger::{Bounds, Location, WhenAway};
use portcullis_sandbox::Digest;
use serde_json::Value as Json;
use url::Url;

pub use credential::{ClientAuthentication, Credential, OAuth2};
pub use limit::{Limit, OverBudget, Per};
pub use overrides::LimitOverrides;
pub use price::{Prices, Rates, Tier, Used};
pub use tenant::{Key, Naming, Narrowing, Scope, Tenant};

use crate::upstream::command::Command;

/// A whole configuration that can be run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients are served, and how much they may ask for.
    pub server: Server,
    /// What every client may ask for and say.
    pub clients: Scope,
    /// Whose requests are served, in the order of the file; none: everybody's.
    pub tenants: Vec<Tenant>,
    /// A key of this process's own, for its command line.
    pub own_key: Option<Digest>,
    /// Where the operator looks in.
    pub admin: Admin,
    /// What is logged, and how.
    pub log: Log,
    /// Where plugins are looked for and kept compiled.
    pub plugins: Plugins,
    /// What all sandboxes share.
    pub sandbox: Sandbox,
    /// The answers that are given again; `None`: none are.
    pub cache: Option<Cache>,
    /// What outlives the process.
    pub ledger: Ledger,
    /// How much of what may be used, in the order of the file.
    pub limits: Vec<Limit>,
    /// Who is told that a limit is nearly used up.
    pub webhook: Option<Webhook>,
    /// In the order of the file.
    pub providers: Vec<Provider>,
    /// Every model that is known, by provider and then in the order they were listed.
    pub candidates: Vec<Candidate>,
    /// In the order of the file; the implied `priority` comes last.
    pub policies: Vec<Policy>,
    /// In the order of the file; an implied `default` comes last. `default` answers to `auto`.
    pub routes: Vec<Route>,
    /// Every file that was read: the configuration first, then secrets. Empty where everything
    /// came from the environment.
    pub sources: Vec<PathBuf>,
}

impl Config {
    /// Every file that it depends on: what was read, and the plugins and certificates that it
    /// names.
    pub fn files(&self) -> Vec<PathBuf> {
        let plugins = self.providers.iter().map(|provider| &provider.plugin);
        let plugins = plugins.chain(self.policies.iter().map(|policy| &policy.plugin));
        let named = plugins.filter_map(|plugin| match plugin {
            PluginSource::Bundled(_) => None,
            PluginSource::File { path, manifest, .. } => Some([path.clone(), manifest.clone()]),
        });
        let roots = self.providers.iter().filter_map(|provider| provider.ca.clone());
        self.sources.iter().cloned().chain(named.flatten()).chain(roots).collect()
    }
}

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The clients' address.
    pub listen: SocketAddr,
    /// Bytes of a request's body at most.
    pub max_body: usize,
    /// For the head of a request to arrive.
    pub header_timeout: Duration,
    /// For the body of a request to arrive.
    pub body_timeout: Duration,
    /// For open requests to end after the gateway was asked to stop.
    pub drain: Duration,
    /// Requests at the same time.
    pub concurrency: usize,
    /// Threads that serve; `None`: as many as there are cores.
    pub workers: Option<usize>,
}

/// `[admin]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Health and records; always a loopback address in this version.
    pub listen: SocketAddr,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The form of a line.
    pub format: LogFormat,
    /// Directives of an env-filter, checked: `info`, `warn,portcullis=debug`…
    pub level: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text where standard error is a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// `[plugins]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugins {
    /// A folder where the name of a plugin is looked for before the bundled ones.
    pub directory: Option<PathBuf>,
    /// The folder of compiled components; `None`: the user's cache folder.
    pub cache: Option<PathBuf>,
    /// The program that compiles them, this one, in a process of its own; `None`: this process.
    pub compiler: Option<PathBuf>,
}

/// `[sandbox]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// Sandboxes at the same time.
    pub instances: usize,
    /// Bytes of stack of each.
    pub stack: usize,
}

/// `[cache]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// Bytes of all answers together.
    pub max_bytes: usize,
    /// How long an answer is given again.
    pub ttl: Duration,
}

/// Which answers of a route are given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// None.
    Nothing,
    /// Those of requests that want no chance in them.
    Sound,
    /// All, for as long as this, or else as `[cache]` says.
    All(Option<Duration>),
}

/// `[ledger]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// `None`: in memory, for as long as the process lives.
    pub at: Option<Location>,
    /// The folder of what was not told to it yet; `None` only where there is no ledger. It is of
    /// one process.
    pub journal: Option<PathBuf>,
    /// Bytes of that at most.
    pub journal_size: u64,
    /// What becomes of a request for which it would have to be asked, and is away.
    pub when_away: WhenAway,
}

impl Default for Ledger {
    fn default() -> Self {
        let journal_size = Bounds::default().most;
        Self { at: None, journal: None, journal_size, when_away: WhenAway::default() }
    }
}

/// `[alerts] webhook`: an address that takes JSON. It may hold a secret, so it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook(pub Url);

impl std::fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Webhook({})", self.0.host_str().unwrap_or_default())
    }
}

/// Somebody who answers requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// What precedes the first slash of a candidate's id.
    pub name: String,
    /// The tenant whose own it is; `None`: everybody's.
    pub tenant: Option<Arc<str>>,
    /// The component that speaks its protocol.
    pub plugin: PluginSource,
    /// What the paths of its calls are appended to; http or https, without user, query or
    /// fragment. `None` only of one that runs commands.
    pub base_url: Option<Url>,
    /// What the host adds to its calls.
    pub credential: Credential,
    /// Further headers of every call. Those from the environment are marked as sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The programs that its plugin may run.
    pub commands: Vec<Command>,
    /// Runs on machines of the operator's: private requests may go there. A preset's claim does
    /// not survive a `base_url` of another host; the operator then has to say it.
    pub local: bool,
    /// Its host may resolve to a loopback, private or link-local address. True also where
    /// `base_url` names a literal address or `localhost`: written out is named.
    pub private_addresses: bool,
    /// A PEM file of roots to trust beside the system's.
    pub ca: Option<PathBuf>,
    /// Lower goes first.
    pub priority: u32,
    /// For the plugin's `configure`; always an object.
    pub settings: Json,
    /// What its manifest asks for and may have.
    pub grants: Vec<String>,
    /// Where its sandboxes differ from the default limits; of a tenant's own never more than that
    /// tenant's plugins may have.
    pub limits: LimitOverrides,
    /// Calls at the same time.
    pub concurrency: Option<usize>,
    /// How long its calls may take.
    pub timeouts: Timeouts,
    /// How it says what is left of its rate limits; `None`: as the plugin's manifest says.
    pub rate_limits: Option<RateLimitHeaders>,
    /// A model that is not among the candidates may be asked for as `provider/model`.
    pub open_models: bool,
    /// What is known of models that are not among the candidates; empty where none may be asked
    /// for.
    pub catalogue: Vec<Candidate>,
    /// What its plugin answers to the same questions is remembered.
    pub remember: bool,
    /// How it is looked after beside the requests; `None`: not at all.
    pub health: Option<Health>,
}

/// `health` of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Appended to the base address, and asked for with GET.
    pub path: String,
    /// From one check to the next.
    pub every: Duration,
    /// How long one may take.
    pub timeout: Duration,
}

/// Where a plugin comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginSource {
    /// By name: in `Plugins::directory`, or else bundled.
    Bundled(String),
    /// A component on this machine. The file existed when the configuration was resolved.
    File {
        /// The component.
        path: PathBuf,
        /// Its manifest; `plugin.toml` beside the component unless said otherwise.
        manifest: PathBuf,
        /// The SHA-256 that the component has to have.
        digest: Option<Digest>,
    },
}

/// How long a call to a provider may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until connected, TLS included.
    pub connect: Duration,
    /// From the request sent to the first byte of the answer's body.
    pub first_byte: Duration,
    /// From one piece of a body to the next.
    pub between_chunks: Duration,
    /// From beginning to end.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(60),
            between_chunks: Duration::from_secs(60),
            whole: Duration::from_secs(600),
        }
    }
}

/// The headers in which a provider says what is left of its rate limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimitHeaders {
    /// Requests that are left.
    pub remaining_requests: Option<HeaderName>,
    /// Tokens that are left.
    pub remaining_tokens: Option<HeaderName>,
    /// When there are all requests again.
    pub reset_requests: Option<HeaderName>,
    /// When there are all tokens again.
    pub reset_tokens: Option<HeaderName>,
    /// Tokens of input that are left, where they are limited apart from those of output.
    pub remaining_input_tokens: Option<HeaderName>,
    /// Tokens of output that are left, likewise.
    pub remaining_output_tokens: Option<HeaderName>,
    /// When there are all tokens of input again.
    pub reset_input_tokens: Option<HeaderName>,
    /// When there are all tokens of output again.
    pub reset_output_tokens: Option<HeaderName>,
}

/// A model at a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// "provider/model"; the model may hold further slashes.
    pub id: String,
    /// Its provider's.
    pub tenant: Option<Arc<str>>,
    /// What the upstream calls the model.
    pub model: String,
    /// Its provider's.
    pub priority: u32,
    /// "chat", "embeddings"…; never empty.
    pub operations: Vec<String>,
    /// "tools", "vision", "json-schema"…; empty: not known.
    pub features: Vec<String>,
    /// The operator's own words for it.
    pub tags: Vec<String>,
    /// Its provider's.
    pub local: bool,
    /// Tokens of question and answer together at most.
    pub context_tokens: Option<u32>,
    /// Tokens of an answer at most.
    pub max_output_tokens: Option<u32>,
    /// Calls at the same time, beside the bound of its provider.
    pub concurrency: Option<usize>,
    /// What its tokens cost.
    pub prices: Prices,
}

impl Candidate {
    /// The name of its provider: what precedes the first slash of its id.
    pub fn provider(&self) -> &str {
        self.id.split_once('/').map_or(self.id.as_str(), |(provider, _)| provider)
    }

    /// The name by which a client may ask for it without its provider: what follows the first
    /// slash of its id.
    pub fn bare(&self) -> &str {
        self.id.split_once('/').map_or(self.id.as_str(), |(_, bare)| bare)
    }
}

/// Somebody who decides where a request goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What routes call it.
    pub name: String,
    /// The tenant whose own it is; `None`: everybody's.
    pub tenant: Option<Arc<str>>,
    /// The component that decides.
    pub plugin: PluginSource,
    /// What its manifest asks for and may have.
    pub grants: Vec<String>,
    /// For the plugin's `configure`; always an object.
    pub settings: Json,
    /// Where its sandboxes differ from the default limits.
    pub limits: LimitOverrides,
    /// What its plugin answers to the same questions is remembered.
    pub remember: bool,
}

/// A set of candidates and the policies that choose among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// What a client asks for as its model; `default` answers to `auto`.
    pub name: String,
    /// The tenant whose own it is; `None`: everybody's. What it refers to is everybody's, that
    /// tenant's, or of one that this is part of.
    pub tenant: Option<Arc<str>>,
    /// By index, in order: the first that does not abstain decides.
    pub policies: Vec<usize>,
    /// By index, in the order that holds where no policy decides; never empty, none twice.
    pub candidates: Vec<usize>,
    /// For a whole request, attempts and all.
    pub timeout: Option<Duration>,
    /// Its requests go to local candidates only, whatever they say.
    pub private: bool,
    /// Which of its answers are given again.
    pub cache: Keeping,
    /// What becomes of its requests for which a budget is spent.
    pub over_budget: OverBudget,
}
