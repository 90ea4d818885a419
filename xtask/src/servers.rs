//! What the tests with real clients run against: the gateway, and behind it the scripted upstream
//! and servers that others wrote, each on a free port of this machine.

use crate::clients::Clients;
use crate::llama;
use crate::process::Background;
use anyhow::{Context as _, Result};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The key of the servers behind the gateway. The proxy does not start without one of this form.
const KEY: (&str, &str) = ("LITELLM_MASTER_KEY", "sk-scripted-0123456789-0123456789-0123456789");

/// The digest of `sk-any`, the key that the suites send.
const SHOWN: &str = "sha256:aa567f2f7ef2c4ebd48cf69067c4952d8cce93b4fd75b1267b2ec749d9ce02a9";

/// The servers. Dropping it ends them.
pub(crate) struct Servers {
    /// The address of the gateway for clients.
    pub(crate) gateway: String,
    /// The address of the scripted upstream.
    pub(crate) upstream: String,
    _running: Vec<Background>,
}

impl Servers {
    /// Starts the programs of this repository under `root`, and those of the packages that the
    /// clients were installed with.
    pub(crate) fn start(root: &Path, clients: &Clients) -> Result<Self> {
        let programs = root.join("target/debug");
        let (scripted, upstream) = upstream(&programs)?;
        let (proxy, litellm) = litellm(clients, &upstream)?;
        let mut running = vec![proxy, scripted];
        let mut providers = providers(&upstream, &litellm);
        if clients.all {
            let (server, address) = llama::start(root, clients)?;
            running.push(server);
            providers.extend(both("llama", &address, ""));
        }
        let file = clients.folder.join("portcullis.toml");
        write(&file, &configuration(&providers))?;
        let (front, address) = gateway(&programs.join("portcullis"), &file, &[KEY])?;
        // The gateway goes first, so that none of its upstreams goes before it.
        running.insert(0, front);
        Ok(Self { gateway: format!("http://{address}"), upstream, _running: running })
    }
}

/// The scripted upstream, and its address.
pub(crate) fn upstream(programs: &Path) -> Result<(Background, String)> {
    Background::start(Command::new(programs.join("portcullis-upstream")), |line| {
        line.strip_prefix("listening on ").map(str::to_owned)
    })
}

/// The gateway, and its address for clients without `http://`.
pub(crate) fn gateway(
    program: &Path,
    configuration: &Path,
    environment: &[(&str, &str)],
) -> Result<(Background, String)> {
    let mut command = Command::new(program);
    command.args(["serve", "--config"]).arg(configuration).envs(environment.iter().copied());
    Background::start(command, clients_address)
}

/// The address of a gateway, from its log in JSON.
fn clients_address(line: &str) -> Option<String> {
    if !line.contains("\"listening for clients\"") {
        return None;
    }
    let (_, rest) = line.split_once("\"address\":\"")?;
    rest.split_once('"').map(|(address, _)| address.to_owned())
}

/// LiteLLM's proxy with the scripted upstream as its only server, and its address.
fn litellm(clients: &Clients, upstream: &str) -> Result<(Background, String)> {
    let file = clients.folder.join("litellm.yaml");
    write(&file, &litellm_configuration(upstream))?;
    let mut command = Command::new(&clients.litellm);
    command.args(["--host", "127.0.0.1", "--port", "0", "--config"]).arg(&file);
    // It reads its list of prices from the package, instead of fetching it.
    command.env("LITELLM_LOCAL_MODEL_COST_MAP", "True");
    command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    command.env(KEY.0, KEY.1);
    Background::start(command, web_address)
}

/// The address of a server in Python, from its log.
pub(crate) fn web_address(line: &str) -> Option<String> {
    let (_, address) = line.split_once("Uvicorn running on ")?;
    address.split_once(' ').map(|(address, _)| address.to_owned())
}

/// It neither tries again by itself nor avoids a model that failed: every test sees the first
/// answer.
fn litellm_configuration(upstream: &str) -> String {
    format!(
        r#"model_list:
  - model_name: "*"
    litellm_params:
      model: openai/*
      api_base: {upstream}/v1
      api_key: sk-scripted
litellm_settings:
  num_retries: 0
router_settings:
  num_retries: 0
  disable_cooldowns: true
"#
    )
}

/// The providers of the gateway: the upstream as it is, translated, and with the protocol of
/// another vendor; the proxy as it is and translated.
fn providers(upstream: &str, litellm: &str) -> Vec<String> {
    let key = KEY.0;
    let header = format!("credential = {{ header = {{ name = \"x-api-key\", env = \"{key}\" }} }}");
    let anthropic = provider("messages", "anthropic", &format!("{upstream}/anthropic"), &header);
    let mut providers = vec![anthropic];
    providers.extend(both("house", upstream, ""));
    providers.extend(both("litellm", litellm, &format!("credential = {{ env = \"{key}\" }}")));
    providers
}

/// A server as a provider whose answers are passed on, and as one whose answers are translated.
fn both(name: &str, address: &str, rest: &str) -> [String; 2] {
    let translated = format!("{rest}\nsettings = {{ passthrough = false }}");
    [
        provider(name, "openai", address, rest),
        provider(&format!("{name}-translated"), "openai", address, &translated),
    ]
}

fn provider(name: &str, plugin: &str, address: &str, rest: &str) -> String {
    format!(
        "[providers.{name}]\nplugin = \"{plugin}\"\nbase_url = \"{address}/v1\"\n\
         open_models = true\n{rest}\n\n"
    )
}

fn configuration(providers: &[String]) -> String {
    let servers = "[server]\nlisten = \"127.0.0.1:0\"\n\n[admin]\nlisten = \"127.0.0.1:0\"\n\n\
                   [log]\nformat = \"json\"\n\n";
    let tenant = format!("[tenants.suites]\nkeys = [{{ id = \"any\", digest = \"{SHOWN}\" }}]\n");
    [servers, &providers.concat(), &tenant].concat()
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}
