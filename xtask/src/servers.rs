//! What the tests with real clients run against: the scripted upstream, LiteLLM's proxy behind
//! and the gateway in front, each on a free port of this machine.

use crate::clients::Clients;
use crate::process::Background;
use anyhow::{Context as _, Result};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The proxy does not start without a key of this form. Nothing else accepts it.
const PROXY_KEY: (&str, &str) =
    ("LITELLM_MASTER_KEY", "sk-scripted-0123456789-0123456789-0123456789");

/// The servers. Dropping it ends them.
pub(crate) struct Servers {
    /// The address of the gateway for clients.
    pub(crate) gateway: String,
    /// The address of the scripted upstream.
    pub(crate) upstream: String,
    _running: [Background; 3],
}

impl Servers {
    /// Starts the programs of this repository that are in `programs`, and a proxy from the
    /// packages that the clients were installed with.
    pub(crate) fn start(programs: &Path, clients: &Clients) -> Result<Self> {
        let (scripted, upstream) = upstream(programs)?;
        let (proxy, litellm) = litellm(clients, &upstream)?;
        let file = clients.folder.join("portcullis.toml");
        write(&file, &configuration(&upstream, &litellm))?;
        let (running, address) = gateway(&programs.join("portcullis"), &file, &[PROXY_KEY])?;
        let gateway = format!("http://{address}");
        Ok(Self { gateway, upstream, _running: [running, proxy, scripted] })
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
    command.env(PROXY_KEY.0, PROXY_KEY.1);
    Background::start(command, |line| {
        let (_, address) = line.split_once("Uvicorn running on ")?;
        address.split_once(' ').map(|(address, _)| address.to_owned())
    })
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

/// The gateway's configuration: the upstream as it is and translated, and the proxy likewise.
fn configuration(upstream: &str, litellm: &str) -> String {
    let provider = |name: &str, base: &str, passthrough: bool, credential: &str| {
        format!(
            "[providers.{name}]\nplugin = \"openai\"\nbase_url = \"{base}/v1\"\n\
             models = [\"echo\", \"tools\"]\nopen_models = true\ncredential = {credential}\n\
             settings = {{ passthrough = {passthrough} }}\n\n"
        )
    };
    let none = "\"none\"";
    let key = &format!("{{ env = \"{}\" }}", PROXY_KEY.0);
    [
        "[server]\nlisten = \"127.0.0.1:0\"\n\n[admin]\nlisten = \"127.0.0.1:0\"\n\n\
         [log]\nformat = \"json\"\n\n",
        &provider("house", upstream, true, none),
        &provider("translated", upstream, false, none),
        &provider("litellm", litellm, true, key),
        &provider("litellm-translated", litellm, false, key),
    ]
    .concat()
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}
