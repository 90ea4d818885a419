//! What good configurations resolve to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis_ledger::Location;

use super::resolve;
use crate::config::preset;
use crate::config::problem::Place;
use crate::config::{
    self, Config, Credential, Environment, LogFormat, PluginSource, Prices, Timeouts,
};

fn good(text: &str) -> Config {
    resolve(text).unwrap_or_else(|problems| panic!("{text}\n{problems}"))
}

fn ids(config: &Config, route: usize) -> Vec<&str> {
    config.routes[route]
        .candidates
        .iter()
        .map(|index| config.candidates[*index].id.as_str())
        .collect()
}

#[test]
fn the_least_that_can_be_said() {
    let config = good("[providers.house]\nplugin = \"chat\"\nbase_url = \"http://localhost:9/v1\"");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:8081");
    assert_eq!((config.server.max_body, config.server.workers), (32 << 20, None));
    assert_eq!((config.log.format, config.log.level.as_str()), (LogFormat::Auto, "info"));
    assert_eq!((config.sandbox.instances, config.sandbox.stack), (1_000, 512 << 10));
    let house = &config.providers[0];
    assert_eq!((house.priority, house.local, house.open_models), (100, false, true));
    assert!(house.private_addresses, "localhost is written out");
    assert_eq!(house.credential, Credential::None);
    assert_eq!(house.timeouts, Timeouts::default());
    assert_eq!(house.settings, serde_json::json!({}));
    assert!(config.routes.is_empty(), "no model is known that it could route to");
    assert_eq!(config.sources, [PathBuf::from("portcullis.toml")]);
}

#[test]
fn every_key_of_a_provider() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("house.wasm", "");
    file("roots.pem", "");
    file("key", "sesame\r\n");
    file(
        "portcullis.toml",
        r#"
[ledger]
url = "sqlite:kept.db"
[providers.house]
plugin = { path = "house.wasm", digest = "sha256:00ff0000000000000000000000000000000000000000000000000000000000A1" }
base_url = "https://house.example/v1"
credential = { basic = { username = "me", file = "key" } }
headers = { x-team = "search", x-site = { env = "SITE" }, x-absent = { env = "NOT_SET" } }
priority = 7
local = true
private_addresses = true
ca = "roots.pem"
models = ["m1", { id = "m3", audio_minute_price = 0.006 }, { id = "org/m2", name = "m2-2024", context_tokens = 8192, max_output_tokens = 1024, input_price = 1, output_price = 2.5, cached_input_price = 0.1, cache_write_price = 1.25, cache_write_1h_price = 2, price_tiers = [{ above_tokens = 20, input_price = 3, output_price = 9, cache_write_1h_price = 6 }, { above_tokens = 10, input_price = 2, output_price = 5 }], source = "https://house.example/prices", operations = ["chat", "rerank"], features = ["tools"], tags = ["coding"], concurrency = 2 }]
prices = { source = "elsewhere", as_of = "2026-11-05" }
settings = { passthrough = true, depth = { n = [1, 0x10, 2.5, "a"] } }
grants = ["kv"]
limits = { memory = "16MiB", cpu_ms = 5, table_elements = 1, handles = 2, host_calls = 3, output_bytes = 4, log_lines = 6, deadline_ms = 7, sandboxes = 9, kv_keys = 8, kv_bytes = "1KiB" }
concurrency = 4
timeouts = { connect = "1s", first_byte = "2s", between_chunks = "3s", whole = "4s" }
rate_limits = { remaining_requests = "X-Left" }
"#,
    );
    let environment = Environment::from_iter([("SITE", "https://acme.example")]);
    let config = config::load(&folder.path().join("portcullis.toml"), &environment).unwrap();
    assert_eq!(config.ledger.at, Some(Location::Sqlite(folder.path().join("kept.db"))));
    let house = &config.providers[0];
    let PluginSource::File { path, manifest, digest: Some(digest) } = &house.plugin else {
        panic!("{:?}", house.plugin);
    };
    assert_eq!(path, &folder.path().join("house.wasm"));
    assert_eq!(manifest, &folder.path().join("plugin.toml"));
    assert_eq!((digest.bytes()[1], digest.bytes()[31]), (0xff, 0xa1));
    let Credential::Basic { username, secret } = &house.credential else {
        panic!("{:?}", house.credential);
    };
    assert_eq!((username.as_str(), secret.expose()), ("me", "sesame"));
    let headers =
        house.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    assert_eq!(
        headers.collect::<Vec<_>>(),
        [("x-team", "search"), ("x-site", "https://acme.example")]
    );
    assert!(house.headers[1].1.is_sensitive());
    assert_eq!((house.priority, house.local, house.private_addresses), (7, true, true));
    assert_eq!(house.ca, Some(folder.path().join("roots.pem")));
    assert!(!house.open_models);
    assert_eq!(
        house.settings,
        serde_json::json!({ "passthrough": true, "depth": { "n": [1, 16, 2.5, "a"] } })
    );
    assert_eq!(house.grants, ["kv"]);
    assert_eq!(house.limits.memory, Some(16 << 20));
    assert_eq!(house.limits.cpu, Some(Duration::from_millis(5)));
    assert_eq!(house.limits.deadline, Some(Duration::from_millis(7)));
    assert_eq!(house.limits.sandboxes, Some(9));
    assert_eq!((house.limits.output, house.limits.log_lines_per_second), (Some(4), Some(6)));
    assert_eq!((house.limits.kv_keys, house.limits.kv_bytes), (Some(8), Some(1 << 10)));
    assert_eq!(house.concurrency, Some(4));
    assert_eq!(house.timeouts.whole, Duration::from_secs(4));
    let left = house.rate_limits.as_ref().unwrap().remaining_requests.as_ref().unwrap();
    assert_eq!(left.as_str(), "x-left");
    let m2 = &config.candidates[2];
    assert_eq!(
        (m2.id.as_str(), m2.bare(), m2.model.as_str()),
        ("house/org/m2", "org/m2", "m2-2024")
    );
    let rates = m2.prices.base;
    assert_eq!((rates.input, rates.output), (Some(1.0), Some(2.5)));
    assert_eq!((rates.cached_input, rates.cache_write), (Some(0.1), Some(1.25)));
    assert_eq!((rates.cache_write_1h, m2.prices.at(21).cache_write_1h), (Some(2.0), Some(6.0)));
    assert_eq!(config.candidates[1].prices.audio_minute, Some(0.006));
    assert_eq!(m2.prices.tiers.iter().map(|tier| tier.above_tokens).collect::<Vec<_>>(), [10, 20]);
    assert_eq!(m2.prices.at(15).output, Some(5.0));
    let said = (m2.prices.source.as_deref(), m2.prices.as_of.as_deref());
    assert_eq!(said, (Some("https://house.example/prices"), Some("2026-11-05")));
    assert_eq!(config.candidates[0].prices, Prices::default());
    assert_eq!((m2.operations.join("+"), m2.priority, m2.local), ("chat+rerank".into(), 7, true));
    assert_eq!(config.candidates[0].operations, ["chat"]);
    assert_eq!((m2.concurrency, config.candidates[0].concurrency), (Some(2), None));
    assert_eq!(config.sources, ["portcullis.toml", "key"].map(|name| folder.path().join(name)));
}

#[test]
fn forms_of_a_credential() {
    let table = [
        (r#"{ env = "HOUSE_KEY" }"#, "Bearer(Secret(from HOUSE_KEY))"),
        (r#"{ bearer = { env = "HOUSE_KEY" } }"#, "Bearer(Secret(from HOUSE_KEY))"),
        (
            r#"{ header = { name = "X-Api-Key", env = "HOUSE_KEY" } }"#,
            r#"Header { name: "x-api-key", secret: Secret(from HOUSE_KEY) }"#,
        ),
        (
            r#"{ query = { name = "key", env = "HOUSE_KEY" } }"#,
            r#"Query { name: "key", secret: Secret(from HOUSE_KEY) }"#,
        ),
        (
            r#"{ oauth2 = { token_url = "https://auth.example/t?v=1", client_id = "me", client_secret = { env = "HOUSE_KEY" } } }"#,
            r#"OAuth2(OAuth2 { token_url: Url { scheme: "https", cannot_be_a_base: false, username: "", password: None, host: Some(Domain("auth.example")), port: None, path: "/t", query: Some("v=1"), fragment: None }, private_addresses: false, client_id: "me", client_secret: Some(Secret(from HOUSE_KEY)), client_authentication: Basic, refresh_token: None, write_back: false, scope: None, parameters: [] })"#,
        ),
        (
            r#"{ oauth2 = { token_url = "http://localhost:9/t", client_id = "me", refresh_token = { env = "HOUSE_KEY" }, client_authentication = "body", scope = "chat", parameters = { audience = "x" } } }"#,
            r#"OAuth2(OAuth2 { token_url: Url { scheme: "http", cannot_be_a_base: false, username: "", password: None, host: Some(Domain("localhost")), port: Some(9), path: "/t", query: None, fragment: None }, private_addresses: false, client_id: "me", client_secret: None, client_authentication: Body, refresh_token: Some(Secret(from HOUSE_KEY)), write_back: false, scope: Some("chat"), parameters: [("audience", "x")] })"#,
        ),
        (r#""none""#, "None"),
    ];
    for (credential, expected) in table {
        let config = good(&format!(
            "[providers.house]\nplugin = \"chat\"\nbase_url = \"http://[::1]/\"\ncredential = {credential}"
        ));
        assert_eq!(format!("{:?}", config.providers[0].credential), expected);
        let everything = format!("{config:?}{}", config.describe());
        assert!(!everything.contains("sesame"), "the secret shows in {everything}");
    }
}

#[test]
fn routes_keep_the_order_that_was_said() {
    let config = good(
        r#"
[providers.zeta]
plugin = "chat"
base_url = "http://[::1]/"
priority = 20
models = ["b", "a", { id = "e", operations = ["embeddings"] }]
[providers.alpha]
plugin = "chat"
base_url = "http://[::1]/"
priority = 10
models = ["c"]
[providers.open]
plugin = "chat"
base_url = "http://[::1]/"
[policies.priority]
plugin = "mine"
[routes.some]
policies = ["priority", "priority"]
candidates = ["zeta/a", "zeta/*", "open/org/new", "alpha/c", "zeta/a"]
timeouts = { whole = "1m" }
"#,
    );
    assert_eq!(ids(&config, 0), ["zeta/a", "zeta/b", "zeta/e", "open/org/new", "alpha/c"]);
    assert_eq!(config.routes[0].policies, [0, 0]);
    assert_eq!(config.routes[0].timeout, Some(Duration::from_secs(60)));
    assert_eq!(config.policies.len(), 1, "the operator's `priority` goes before the implied one");
    // The implied default: what can chat, by priority; what only a route names included.
    assert_eq!(config.routes[1].name, "default");
    assert_eq!(ids(&config, 1), ["alpha/c", "zeta/b", "zeta/a", "open/org/new"]);
}

/// A preset with a key, the variable of that key, and one that is said to be local.
fn presets() -> (&'static str, String, &'static str) {
    let keyed = preset::keyed().swap_remove(0);
    let is_local = |name: &&str| {
        let (preset, _) = preset::find(name, &Place::outside(name)).unwrap().unwrap();
        preset.provider.local == Some(true)
    };
    let local = preset::names().into_iter().find(is_local);
    (keyed.name, keyed.variable, local.unwrap())
}

#[test]
fn a_preset_fills_in_what_is_not_said() {
    let (keyed, variable, _) = presets();
    let text = format!(
        "[providers.mine]\npreset = \"{keyed}\"\npriority = 1\nsettings = {{ project = \"p\" }}\n\
         credential = {{ env = \"HOUSE_KEY\" }}"
    );
    let config = good(&text);
    let mine = &config.providers[0];
    assert_eq!((mine.name.as_str(), mine.priority, mine.open_models), ("mine", 1, true));
    assert_eq!(mine.settings["project"], "p");
    let secret = mine.credential.secrets().next().map(|secret| secret.expose().to_owned());
    assert_eq!(secret.as_deref(), Some("sesame"));
    assert!(config.candidates.iter().all(|candidate| candidate.id.starts_with("mine/")));
    // Who lists models means these and no others; what the preset knows of them holds.
    let first = config.candidates[0].clone();
    let config = good(&format!("{text}\nmodels = [\"{}\", \"unheard-of\"]", first.bare()));
    assert_eq!(config.candidates[0], first);
    assert_eq!((config.candidates.len(), config.providers[0].open_models), (2, false));
    // A key that is missing is missed where the preset was asked for.
    let problems =
        resolve(&format!("[providers.mine]\npreset = \"{keyed}\"")).unwrap_err().to_string();
    let expected = format!(
        "portcullis.toml:2:10: [providers.mine] environment variable {variable} is not set"
    );
    assert!(problems.starts_with(&expected), "{problems}");
}

#[test]
fn a_preset_of_a_session_asks_for_what_it_does_not_know() {
    let sessions = || preset::names().into_iter().filter(|name| *name == "openclaw");
    assert_eq!(sessions().count(), 1);
    let text = "[providers.agent]\npreset = \"openclaw\"\n";
    let environment = Environment::from_iter([("OPENCLAW_REFRESH_TOKEN", "sesame")]);
    let path = Path::new("portcullis.toml");
    let resolve = |text: &str| config::parse("portcullis.toml", text, path, &environment);
    let missing = resolve(text).unwrap_err().to_string();
    for expected in
        ["`oauth2` has no `token_url`; expected", "`oauth2` has no `client_id`; expected"]
    {
        assert!(missing.contains(expected), "{missing}");
    }
    let rest =
        "credential = { oauth2 = { token_url = \"https://auth.example/t\", client_id = \"me\" } }";
    let config = resolve(&format!("{text}{rest}")).unwrap();
    let Credential::OAuth2(oauth2) = &config.providers[0].credential else { panic!() };
    let refresh_token = oauth2.refresh_token.as_ref().unwrap();
    assert_eq!((oauth2.client_id.as_str(), refresh_token.expose()), ("me", "sesame"));
    let table = config.describe();
    assert!(table.contains("oauth2") && table.contains("OPENCLAW_REFRESH_TOKEN"), "{table}");
    assert_eq!(ids(&config, 0), ["agent/openclaw"]);
    // Its own token in place of a session.
    let own = resolve(&format!(
        "{text}credential = {{ bearer = {{ env = \"OPENCLAW_REFRESH_TOKEN\" }} }}"
    ));
    assert!(matches!(own.unwrap().providers[0].credential, Credential::Bearer(_)));
    // Without a file, nobody is told to serve what cannot be complete.
    assert!(preset::keyed().iter().all(|keyed| keyed.name != "openclaw"));
}

#[test]
fn a_file_of_models_that_cannot_be_used_is_said_where_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("models.toml", "[[models.hose]]\nid = \"m\"\ninput_prise = 1\n");
    let problems = |from: &str| {
        let text = format!(
            "[providers.house]\nplugin = \"x\"\nbase_url = \"http://[::1]/\"\nmodels_from = {from}"
        );
        file("portcullis.toml", &text);
        let path = folder.path().join("portcullis.toml");
        let problems = config::load(&path, &Environment::default()).unwrap_err().to_string();
        problems.replace(&format!("{}/", folder.path().display()), "")
    };
    let found = problems("\"models.toml\"");
    assert!(
        found.contains("[providers.house] `models_from`: models.toml has no [[models.house]]; did you mean `hose`?"),
        "{found}"
    );
    assert!(found.contains("models.toml:3:1: unknown key `input_prise` in [models.hose[0]]; did you mean `input_price`?"), "{found}");
    let found = problems("{ file = \"nothing.toml\" }");
    assert!(found.contains("`models_from`: nothing.toml cannot be read: No such file"), "{found}");
    let found = problems("{ name = \"x\" }");
    assert!(
        found.contains("[providers.house.models_from] has no `file`; expected the path"),
        "{found}"
    );
}

#[test]
fn a_preset_is_not_believed_to_be_local_elsewhere() {
    let (_, _, name) = presets();
    let local = |more: &str| {
        good(&format!("[providers.x]\npreset = \"{name}\"\n{more}")).providers[0].local
    };
    assert!(local(""));
    assert!(local("base_url = \"http://localhost:1/\""));
    assert!(!local("base_url = \"https://acme.example/v1\""));
    assert!(local("base_url = \"https://acme.example/v1\"\nlocal = true"));
    assert!(!local("local = false"));
}

#[test]
fn the_environment_alone() {
    let (keyed, variable, _) = presets();
    let config = Config::from_environment(&Environment::from_iter([
        (variable.as_str(), "sesame"),
        ("PORTCULLIS_LISTEN", "127.0.0.1:1"),
        ("PORTCULLIS_ADMIN_LISTEN", "[::1]:2"),
        ("PORTCULLIS_LOG", "debug"),
    ]));
    let config = config.unwrap();
    assert_eq!(config.providers.len(), 1);
    assert_eq!(config.providers[0].name, keyed);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:1");
    assert_eq!(config.admin.listen.to_string(), "[::1]:2");
    assert_eq!(config.log.level, "debug");
    assert!(config.sources.is_empty());

    let nothing = Config::from_environment(&Environment::default()).unwrap_err().to_string();
    for keyed in preset::keyed() {
        assert!(nothing.contains(&keyed.variable), "{nothing}");
    }
    assert!(nothing.contains("--config"), "{nothing}");

    let wrong =
        Environment::from_iter([(variable.as_str(), "sesame"), ("PORTCULLIS_LISTEN", "8080")]);
    let wrong = Config::from_environment(&wrong).unwrap_err().to_string();
    let expected =
        "environment variable PORTCULLIS_LISTEN: \"8080\" is not an address and a port; expected";
    assert!(wrong.starts_with(expected), "{wrong}");
    assert_eq!(format!("{:?}", Environment::from_iter([("KEY", "sesame")])), "{\"KEY\"}");
}

#[test]
fn a_file_that_is_not_there() {
    let problems = config::load(Path::new("no/such.toml"), &Environment::default()).unwrap_err();
    let expected = "no/such.toml: cannot be read: No such file or directory (os error 2); \
                    name a file with --config, or none\n1 problem.";
    assert_eq!(problems.to_string(), expected);
}

#[test]
fn the_examples_resolve() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/configurations");
    let keys = preset::keyed().into_iter().map(|keyed| (keyed.variable, "sesame".to_owned()));
    let environment = keys.chain([("HOUSE_KEY".to_owned(), "sesame".to_owned())]).collect();
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let config =
            config::load(&path, &environment).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(config.routes.iter().any(|route| route.name == "default"), "{}", path.display());
        let table = config.describe();
        println!("{table}");
        assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
        assert!(!table.contains("sesame"), "{table}");
        seen += 1;
    }
    assert_eq!(seen, 14);
}

#[test]
fn the_table() {
    let config = good(
        r#"
[providers.house]
plugin = "chat"
base_url = "http://127.0.0.1:9000/v1"
credential = { header = { name = "x-api-key", env = "HOUSE_KEY" } }
local = true
models = ["m1", "m2"]
[providers.acme]
plugin = "chat"
base_url = "https://a-very-long-name.acme.example/with/a/path/v1"
[routes.default]
candidates = ["house/*", "acme/a-model-with-a-long-name", "acme/another-model"]
"#,
    );
    let expected = "\
configuration  portcullis.toml
clients        http://127.0.0.1:8080
admin          http://127.0.0.1:8081

PROVIDER  PLUGIN  WHERE                            CREDENTIAL           MODELS
house     chat    http://127.0.0.1:9000/v1 local   x-api-key HOUSE_KEY  2
acme      chat    https://a-very-long-name.acme.…  none                 2+any

ROUTE    POLICIES  CANDIDATES
default  priority  house/m1, house/m2, acme/a-model-with-a-long-name,
                   acme/another-model

POLICY    PLUGIN    GRANTS
priority  priority  none
";
    assert_eq!(config.describe(), expected);
}
