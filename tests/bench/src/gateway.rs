//! The gateway as a process, and a plain proxy to compare it with where there is one.

use crate::process::{self, Running};
use anyhow::{Context as _, Result, ensure};
use portcullis_sandbox::Digest;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The candidates of the route that is asked for.
pub(crate) const CANDIDATES: u32 = 10;
/// As many, where rules decide.
pub(crate) const RULED: u32 = 50;
/// Rules, of which the last one applies.
const RULES: u32 = 100;
/// Until a gateway has to serve; a cold start compiles.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a gateway is configured with, beside one policy and one provider.
#[derive(Clone, Default)]
pub(crate) struct Setup {
    /// The provider's base address.
    pub(crate) upstream: String,
    /// Answers are read and written anew, in a sandbox that lives as long as they last.
    pub(crate) translated: bool,
    /// The upstream answers with streams.
    pub(crate) streaming: bool,
    /// Nothing is remembered: each request is decided and begun in fresh sandboxes.
    pub(crate) fresh: bool,
    /// Room for very many requests at a time.
    pub(crate) spacious: bool,
    /// Rules decide, over more candidates.
    pub(crate) ruled: bool,
    /// What is used is counted in a ledger, against limits of every kind.
    pub(crate) counted: bool,
    /// A key is needed: [`KEY`].
    pub(crate) keyed: bool,
    /// Nothing decides: what the request is about is found out by its words.
    pub(crate) classified: bool,
}

impl Setup {
    /// The configuration's text.
    pub(crate) fn text(&self, clients: SocketAddr, admin: SocketAddr, folder: &Path) -> String {
        let (server, sandbox) = match self.spacious {
            true => ("concurrency = 20000\n", "[sandbox]\ninstances = 12000\n"),
            false => ("", ""),
        };
        let (mut models, mut candidates) = (String::new(), String::new());
        let (count, policy, rules) = match self.ruled {
            true => (RULED, "rules", rules()),
            false => (CANDIDATES, "ordered", Vec::new()),
        };
        let (policy, grants) = match self.classified {
            true => ("classifier", "grants = [\"read-prompt\"]\n"),
            false => (policy, ""),
        };
        for index in 0..count {
            // Writing to a string does not fail.
            let priced = "input_price = 1, output_price = 2";
            let _ = write!(models, "{{ id = \"m{index}\", {priced} }}, ");
            let _ = write!(candidates, "\"mock/m{index}\", ");
        }
        let tenants = match self.keyed {
            true => {
                let digest = Digest::of(KEY.as_bytes());
                format!("[tenants.acme]\nkeys = [{{ id = \"load\", digest = \"{digest}\" }}]\n")
            }
            false => String::new(),
        };
        let ledger = match self.counted {
            true => COUNTED.replace("FOLDER", &folder.display().to_string()),
            false => String::new(),
        };
        format!(
            "[server]\nlisten = \"{clients}\"\n{server}\n[admin]\nlisten = \"{admin}\"\n\n\
             [log]\nformat = \"json\"\n\n[plugins]\ncache = \"{cache}\"\n\n{sandbox}\n\
             [providers.mock]\nplugin = \"openai\"\nbase_url = \"{upstream}\"\n\
             models = [{models}]\nsettings = {{ passthrough = {passthrough} }}\n\
             remember = {remember}\n\n\
             [policies.decides]\nplugin = \"{policy}\"\nremember = {remember}\n{grants}{rules}\n\
             {ledger}{tenants}[routes.default]\npolicies = [\"decides\"]\ncandidates = [{candidates}]\n",
            rules = rules.iter().map(Ruling::text).collect::<String>(),
            cache = folder.join("cache").display(),
            upstream = self.upstream,
            passthrough = !self.translated,
            remember = !self.fresh,
        )
    }
}

/// A ledger in a file, and limits that no load reaches: money, tokens and requests of the tenant,
/// and money at the provider.
const COUNTED: &str = "[ledger]\nurl = \"sqlite:FOLDER/ledger.db\"\n\
    [limits.money]\ntenant = \"*\"\nusd = 1000000\nper = \"month\"\n\
    [limits.tokens]\ntenant = \"*\"\ntokens = 1000000000000\nper = \"minute\"\n\
    [limits.requests]\ntenant = \"*\"\nrequests = 1000000000\nper = \"minute\"\n\
    [limits.provider]\nprovider = \"mock\"\nusd = 1000000\nper = \"month\"\n\n";

/// The key of the one tenant, where there is one.
pub(crate) const KEY: &str = "pk-of-the-load";

/// One rule.
pub(crate) struct Ruling {
    /// When it applies.
    pub(crate) condition: String,
    /// Where requests then go.
    pub(crate) to: Vec<String>,
}

impl Ruling {
    fn text(&self) -> String {
        let Self { condition, to } = self;
        format!("[[policies.decides.settings.rules]]\nif = {condition:?}\nto = {to:?}\n")
    }
}

/// Rules that have to be looked at one by one: each asks for something else, and only the last
/// applies.
pub(crate) fn rules() -> Vec<Ruling> {
    let one = |index| {
        let condition = match index % 4 {
            _ if index + 1 == RULES => "default".to_owned(),
            0 => format!("token_count > {} and not needs('tools')", 100_000 + index),
            1 => format!("tenant in ['t{index}', 'u{index}'] or label('tier') == '{index}'"),
            2 => format!("task_type == 'kind-{index}' and complexity != 'low'"),
            _ => format!("model matches '^m{index}-[a-z]+$' or max_tokens < {}", index % 100),
        };
        Ruling { condition, to: vec![format!("mock/m{}", index % RULED), "mock/*".to_owned()] }
    };
    (0..RULES).map(one).collect()
}

/// Where gateways find their configuration and keep their compiled plugins: the first start is
/// a cold one, all others are warm.
pub(crate) struct Ground(TempDir);

impl Ground {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(tempfile::tempdir()?))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A server between a client and the mock.
pub(crate) struct Served {
    /// Its process.
    pub(crate) running: Running,
    /// Where chats are asked for.
    pub(crate) url: String,
    /// From before its start to after its first answer.
    pub(crate) first_answer: Duration,
    /// Bytes that it held when it listened and nobody had asked yet.
    pub(crate) idle: u64,
    /// Where its operator looks in, if it has such a place.
    pub(crate) admin: Option<SocketAddr>,
}

/// Starts the gateway.
pub(crate) fn start(ground: &Ground, setup: &Setup) -> Result<Served> {
    let text = |clients, admin, folder: &Path| setup.text(clients, admin, folder);
    start_with(ground, text, setup.streaming)
}

/// Starts the gateway with a configuration that is told its addresses.
pub(crate) fn start_with(
    ground: &Ground,
    text: impl Fn(SocketAddr, SocketAddr, &Path) -> String,
    streaming: bool,
) -> Result<Served> {
    let [clients, admin] = [free_address()?, free_address()?];
    let file = ground.path().join("portcullis.toml");
    fs::write(&file, text(clients, admin, ground.path()))?;
    let mut command = Command::new(program()?);
    command.arg("serve").arg("--config").arg(&file);
    let mut served = serve(&mut command, ground, clients, "/v1/chat/completions", streaming)?;
    served.admin = Some(admin);
    Ok(served)
}

/// Starts nginx as a proxy that does nothing else; `None` where there is none.
pub(crate) fn start_nginx(ground: &Ground, upstream: &str, path: &str) -> Result<Option<Served>> {
    if Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
        return Ok(None);
    }
    let address = free_address()?;
    let upstream = upstream.trim_start_matches("http://");
    let folder = ground.path().display();
    let text = format!(
        "daemon off;\nworker_processes auto;\npid {folder}/nginx.pid;\n\
         error_log {folder}/nginx.log;\nevents {{ worker_connections 10000; }}\n\
         http {{\n access_log off;\n client_body_temp_path {folder}/body;\n\
         proxy_temp_path {folder}/proxy;\n fastcgi_temp_path {folder}/fastcgi;\n\
         uwsgi_temp_path {folder}/uwsgi;\n scgi_temp_path {folder}/scgi;\n\
         keepalive_requests 100000000;\n\
         upstream mock {{ server {upstream}; keepalive 256; keepalive_requests 100000000; }}\n\
         server {{ listen {address};\n  location / {{ proxy_pass http://mock; proxy_buffering off;\n\
         proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }}\n}}\n"
    );
    let file = ground.path().join("nginx.conf");
    fs::write(&file, text)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(&file).arg("-p").arg(ground.path());
    serve(&mut command, ground, address, path, false).map(Some)
}

fn serve(
    command: &mut Command,
    ground: &Ground,
    address: SocketAddr,
    path: &str,
    streaming: bool,
) -> Result<Served> {
    let log = ground.path().join("server.log");
    let output = File::create(&log)?;
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let began = Instant::now();
    let mut running = Running::start(command)?;
    let connection = connect(address, &mut running, began + PATIENCE).with_context(|| {
        let said = fs::read_to_string(&log).unwrap_or_default();
        format!("{} does not serve:\n{said}", command.get_program().display())
    })?;
    let idle = running.resident()?;
    ask(connection, path, streaming)?;
    let first_answer = began.elapsed();
    let url = format!("http://{address}{path}");
    Ok(Served { running, url, first_answer, idle, admin: None })
}

/// A gateway as a process, of which nobody knows yet whether it serves.
pub(crate) struct Starting(Running);

/// Starts the gateway of the configuration that lies there.
pub(crate) fn begin(ground: &Ground) -> Result<Starting> {
    let output =
        File::options().create(true).append(true).open(ground.path().join("server.log"))?;
    let mut command = Command::new(program()?);
    command.arg("serve").arg("--config").arg(ground.path().join("portcullis.toml"));
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    Running::start(&mut command).map(Starting)
}

impl Starting {
    /// An error if it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.0.check()
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.0.stop()
    }
}

/// Tries as fast as it makes sense, until somebody listens.
fn connect(address: SocketAddr, running: &mut Running, until: Instant) -> Result<TcpStream> {
    loop {
        match TcpStream::connect(address) {
            Ok(connection) => return Ok(connection),
            Err(error) if Instant::now() > until => return Err(error.into()),
            Err(_) => running.check()?,
        }
        process::rest(Duration::from_micros(200));
    }
}

/// One question, and what comes first of its answer.
fn ask(mut connection: TcpStream, path: &str, streaming: bool) -> Result<()> {
    let body = crate::load::body(streaming);
    connection.set_nodelay(true)?;
    write!(
        connection,
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         authorization: Bearer {KEY}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    // A stream that is held open never ends: its head is answer enough.
    let mut answer = [0; 4096];
    let length = connection.read(&mut answer)?;
    let answer = String::from_utf8_lossy(answer.get(..length).unwrap_or_default()).into_owned();
    ensure!(answer.starts_with("HTTP/1.1 200"), "the first answer was {answer}");
    Ok(())
}

/// The program that was built beside this one.
fn program() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let program = here.parent().context("no folder")?.join("portcullis");
    ensure!(program.exists(), "{} was not built: `cargo xtask bench` does", program.display());
    Ok(program)
}

/// An address that was free a moment ago. The first answer can only be waited for where it is
/// known where it will come from.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
