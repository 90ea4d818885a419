//! Everything that can be wrong with a configuration, and the words that say so.

mod routes;

use super::resolve;

/// What `text` is refused with, without the last line. `HOUSE` stands for a good provider.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let text = text.replace("HOUSE\n", HOUSE);
    let problems = resolve(&text).err().map(|problems| problems.to_string()).unwrap_or_default();
    let found = problems.lines().map(|line| line.strip_prefix("portcullis.toml:").unwrap_or(line));
    let mut found: Vec<&str> = found.collect();
    found.pop();
    assert_eq!(found, expected, "\n{text}");
}

/// One line, so that line numbers in the tests are easy to see.
const HOUSE: &str = "\
providers.house = { plugin = \"chat\", base_url = \"http://127.0.0.1:9/v1\", models = [\"m1\", \"m2\"] }
";

#[test]
fn all_at_once_in_the_order_of_the_file() {
    let text = r#"
[server]
listen = "0.0.0.0:8080"
max_body = "32mb"
lisen = 3

[providers.house]
base_ur = "http://127.0.0.1:9000/v1"
plugin = "chat"
models = ["m1", "m2"]

[providers.acme]
plugin = "chat"
base_url = "ftp://acme.example"
credential = { env = "ACME_KEY" }
models = ["m1"]

[routes.default]
policies = ["in-order"]
candidates = ["house/m9", "acme/m9", "amce/m1"]
"#;
    let problems = resolve(text).unwrap_err().to_string();
    let expected = r#"portcullis.toml:3:10: [server] `listen` = 0.0.0.0:8080 is not a loopback address; that is refused without keys: add [tenants.NAME] with `keys`, or listen on 127.0.0.1
portcullis.toml:4:12: [server] `max_body` = "32mb" has the unknown unit `mb` (one of B, KB, MB, GB, KiB, MiB, GiB); expected a size such as "32MiB" or "512KiB", or a number of bytes
portcullis.toml:5:1: unknown key `lisen` in [server]; did you mean `listen`?
portcullis.toml:8:1: unknown key `base_ur` in [providers.house]; did you mean `base_url`?
portcullis.toml:14:12: [providers.acme] `base_url` has the scheme `ftp`; expected such as "http://127.0.0.1:8000/v1"
portcullis.toml:15:22: [providers.acme] environment variable ACME_KEY is not set, or empty; set it, or name another source
portcullis.toml:19:13: [routes.default] there is no policy `in-order`; policies: priority
portcullis.toml:20:15: [routes.default] candidate `house/m9` does not exist; provider `house` has: m1, m2
portcullis.toml:20:27: [routes.default] candidate `acme/m9` does not exist; provider `acme` has: m1
portcullis.toml:20:38: [routes.default] candidate `amce/m1` does not exist: there is no provider `amce`; did you mean `acme`?
10 problems."#;
    assert_eq!(problems, expected);
}

#[test]
fn what_is_not_toml() {
    check("[server\nlisten = 3", &["1:8: not TOML: unclosed table, expected `]`"]);
    check(
        "server = { listen = }\n[log]\nlevel = warn\n",
        &[
            "1:21: not TOML: invalid literal string, expected `'`",
            "3:9: not TOML: string values must be quoted, expected literal string",
        ],
    );
    check("[log]\nlevel = \"info\"\nlevel = \"warn\"\n", &["3:1: not TOML: duplicate key"]);
}

#[test]
fn unknown_keys_of_every_table() {
    let listed =
        |path: &str, keys: &str| format!("unknown key `qqqq` in [{path}]; known keys: {keys}");
    let limits = "memory, cpu_ms, table_elements, handles, host_calls, output_bytes, log_lines, deadline_ms, sandboxes, kv_keys, kv_bytes";
    let provider = "preset, plugin, base_url, credential, headers, commands, priority, local, private_addresses, \
                    ca, models_from, open_models, remember, settings, grants, limits, concurrency, timeouts, rate_limits, health, prices, models, tenant";
    let model = "id, name, context_tokens, max_output_tokens, input_price, output_price, \
                 cached_input_price, cache_write_price, cache_write_1h_price, price_tiers, audio_minute_price, source, as_of, operations, features, tags, concurrency";
    let table = [
        ("server", "listen, max_body, header_timeout, body_timeout, drain, concurrency, workers"),
        ("clients", "may_name, operations, routes, models, labels, private"),
        ("admin", "listen"),
        ("log", "format, level"),
        ("ledger", "url, journal, journal_size, when_away"),
        ("alerts", "webhook"),
        (
            "limits.x",
            "key, tenant, route, provider, model, label, usd, tokens, requests, concurrent, per, \
             time_zone, warn_at",
        ),
        ("plugins", "directory, cache"),
        ("sandbox", "instances, stack"),
        ("cache", "max_bytes, ttl"),
        ("providers.x", provider),
        ("providers.x.limits", limits),
        ("providers.x.timeouts", "connect, first_byte, between_chunks, whole"),
        (
            "providers.x.rate_limits",
            "remaining_requests, remaining_tokens, reset_requests, reset_tokens, \
             remaining_input_tokens, remaining_output_tokens, reset_input_tokens, reset_output_tokens",
        ),
        ("providers.x.health", "path, every, timeout"),
        ("providers.x.plugin", "digest, path, manifest"),
        ("providers.x.credential", "env, file, bearer, header, query, basic, oauth2"),
        ("providers.x.credential.bearer", "env, file"),
        ("providers.x.credential.header", "name, env, file"),
        ("providers.x.credential.query", "name, env, file"),
        ("providers.x.credential.basic", "username, env, file"),
        (
            "providers.x.credential.oauth2",
            "client_authentication, token_url, client_id, client_secret, refresh_token, \
             write_back, scope, parameters",
        ),
        ("providers.x.credential.oauth2.client_secret", "env, file"),
        ("providers.x.credential.oauth2.refresh_token", "env, file"),
        ("providers.x.headers.y", "env"),
        ("providers.x.models_from", "file, name"),
        ("providers.x.commands.y", "program, args, env, secrets, directory, timeout, max_output"),
        ("providers.x.commands.y.env.Z", "env"),
        ("providers.x.commands.y.secrets.Z", "env, file"),
        ("policies.x", "plugin, grants, settings, limits, remember, tenant"),
        ("policies.x.limits", limits),
        ("routes.x", "policies, candidates, timeouts, private, cache, over_budget, tenant"),
        ("routes.x.timeouts", "whole"),
    ];
    for (path, keys) in table {
        let problems = resolve(&format!("HOUSE\n[{path}]\nqqqq = 1\n").replace("HOUSE\n", HOUSE));
        let problems = problems.unwrap_err().to_string();
        let expected = format!("portcullis.toml:3:1: {}\n", listed(path, keys));
        assert!(problems.contains(&expected), "{expected}is not in\n{problems}");
    }
    check(
        "HOUSE\nqqqq = 1",
        &[
            "2:1: unknown key `qqqq`; known keys: server, clients, admin, log, plugins, sandbox, cache, ledger, alerts, providers, policies, routes, tenants, limits",
        ],
    );
    check(
        "[[providers.x.models]]\nid = \"m\"\nqqqq = 1\n[providers.x]\nplugin = \"chat\"\nbase_url = \"http://[::1]/\"\n",
        &[&format!("3:1: {}", listed("providers.x.models[0]", model))],
    );
    check(
        "[[providers.x.models]]\nqqqq = 1\n[providers.x]\nplugin = \"chat\"\nbase_url = \"http://[::1]/\"\n",
        &[
            "1:1: [providers.x.models[0]] has no `id`; expected the model's name",
            &format!("2:1: {}", listed("providers.x.models[0]", model)),
        ],
    );
}

#[test]
fn wrong_types_of_every_kind() {
    let size = "expected a size such as \"32MiB\" or \"512KiB\", or a number of bytes";
    let time = "expected a duration such as \"500ms\", \"10s\" or \"5m\"";
    let table = [
        ("server = 3", "1:10: `server` is a number; expected a table".to_owned()),
        ("server.listen = 3", "1:17: [server] `listen` is a number; expected an address and a port such as \"127.0.0.1:8080\"".into()),
        ("server.listen = \"localhost\"", "1:17: [server] `listen` = \"localhost\" is not an address and a port; expected an address and a port such as \"127.0.0.1:8080\"".into()),
        ("server.max_body = true", format!("1:19: [server] `max_body` is a boolean; {size}")),
        ("server.max_body = -1", format!("1:19: [server] `max_body` is below 0; {size}")),
        ("server.max_body = 0", format!("1:19: [server] `max_body` is no bytes at all; {size}")),
        ("server.drain = 10", format!("1:16: [server] `drain` is a number; {time}")),
        ("server.drain = \"10\"", format!("1:16: [server] `drain` = \"10\" has no unit (one of ms, s, m, h); {time}")),
        ("server.concurrency = \"8\"", "1:22: [server] `concurrency` is a string; expected a whole number from 1 on".into()),
        ("server.concurrency = 0", "1:22: [server] `concurrency` is 0; expected a whole number from 1 on".into()),
        ("server.workers = -2", "1:18: [server] `workers` is -2; expected a whole number from 1 on".into()),
        ("clients.may_name = \"routes\"", "1:20: [clients] `may_name` is a string; expected a list of strings".into()),
        ("clients.may_name = [\"route\"]", "1:21: [clients] `may_name`[0] = \"route\" is no kind of name; expected \"routes\", \"candidates\" or \"models\"".into()),
        ("log.format = \"xml\"", "1:14: [log] `format` = \"xml\" is not known; expected \"auto\", \"json\" or \"text\"".into()),
        ("log.level = \"\"", "1:13: [log] `level` is empty; expected a string".into()),
        ("providers = []", "1:13: `providers` is a list; expected a table".into()),
        ("providers.house = \"groove\"", "1:19: [providers] `house` is a string; expected a table".into()),
        ("providers.x.local = 1", "1:21: [providers.x] `local` is a number; expected true or false".into()),
        ("providers.x.priority = 1.5", "1:24: [providers.x] `priority` is a fraction; expected a whole number from 0 on".into()),
        ("providers.x.settings = []", "1:24: [providers.x] `settings` is a list; expected a table".into()),
        ("providers.x.settings.a = [nan]", "1:27: [providers.x] `settings` holds a number that JSON has no form for".into()),
        ("providers.x.models = \"m1\"", "1:22: [providers.x] `models` is a string; expected a list of models".into()),
        ("providers.x.models = [1]", "1:23: [providers.x] `models`[0] is a number; expected a model's name, or a table such as { id = \"m1\" }".into()),
        ("providers.x.models = [{ id = \"m\", input_price = \"1\" }]", "1:49: [providers.x.models[0]] `input_price` is a string; expected US dollars per million tokens, such as 0.15".into()),
        ("providers.x.models = [{ id = \"m\", audio_minute_price = -1 }]", "1:56: [providers.x.models[0]] `audio_minute_price` is not an amount of money; expected US dollars per minute, such as 0.006".into()),
        ("providers.x.models = [{ id = \"m\", input_price = -1 }]", "1:49: [providers.x.models[0]] `input_price` is not an amount of money; expected US dollars per million tokens, such as 0.15".into()),
        ("providers.x.models = [{ id = \"m\", price_tiers = [{ above_tokens = 9, input_price = 1 }] }]", "1:50: [providers.x.models[0].price_tiers[0]] is not a whole tier; expected a table such as { above_tokens = 200_000, input_price = 2.5, output_price = 15.0 }".into()),
        ("providers.x.models = [{ id = \"m\", as_of = \"November\" }]", "1:43: [providers.x.models[0]] `as_of` = \"November\" is not a date; expected a date such as \"2026-11-05\"".into()),
        ("providers.x.grants = [\"kv\", 2]", "1:29: [providers.x] `grants`[1] is a number; expected a string".into()),
        ("providers.x.limits.memory = \"lots\"", format!("1:29: [providers.x.limits] `memory` = \"lots\" does not begin with a whole number; {size}")),
        ("providers.x.plugin = \"./x.wasm\"", "1:22: [providers.x] `plugin` = \"./x.wasm\" is not a plugin's name; expected the name of a bundled plugin, or { path = \"x.wasm\" }".into()),
        ("providers.x.plugin = { path = \"x\", digest = \"sha256:12\" }", "1:45: [providers.x.plugin] `digest` = \"sha256:12\" is not a digest; expected \"sha256:\" and 64 hexadecimal digits".into()),
        ("providers.x.plugin = { digest = 1988-01-01 }", "1:33: [providers.x.plugin] `digest` is a date; expected \"sha256:\" and 64 hexadecimal digits".into()),
        ("providers.x.rate_limits.reset_tokens = \"a b\"", "1:40: [providers.x.rate_limits] `reset_tokens` = \"a b\" is not a header's name; expected letters, digits and dashes".into()),
        ("routes.x.cache = 3", "1:18: [routes.x] `cache` is a number; expected true, false, or how long, such as \"1h\"".into()),
        ("routes.x.cache = \"1d\"", "1:18: [routes.x] `cache` has the unknown unit `d` (one of ms, s, m, h); expected true, false, or how long, such as \"1h\"".into()),
        ("routes.x.candidates = \"house/m1\"", "1:23: [routes.x] `candidates` is a string; expected a list of strings".into()),
    ];
    for (text, expected) in table {
        let problems = resolve(text).unwrap_err().to_string();
        let expected = format!("portcullis.toml:{expected}\n");
        assert!(problems.contains(&expected), "{expected}is not in\n{problems}");
    }
}

#[test]
fn what_later_versions_will_know() {
    check(
        "HOUSE\n[admin]\ntoken = { file = \"t\" }\n[models.small]\n",
        &[
            "3:1: [admin] `token` is not yet supported by this version; remove it, and keep `listen` on a loopback address",
            "4:2: `models` is not yet supported by this version; remove it (a gateway that ignored it would be unsafe)",
        ],
    );
    for form in ["sigv4", "command"] {
        check(
            &format!("HOUSE\n[providers.house.credential]\n{form} = {{}}\n").replace(
                "HOUSE",
                "providers.house.base_url = \"http://[::1]/\"\nproviders.house.plugin = \"chat\"",
            ),
            &[&format!(
                "4:1: [providers.house.credential] `{form}` is not yet supported by this version; use bearer, header, query, basic or oauth2"
            )],
        );
    }
    check(
        "[providers.house]\nbase_url = \"http://[::1]/\"\nplugin = { oci = \"registry/house\" }\n",
        &[
            "3:12: [providers.house.plugin] `oci` is not yet supported by this version; fetch the component and name it with `path`",
        ],
    );
}

#[test]
fn addresses() {
    check(
        "HOUSE\nadmin.listen = \"[::]:8081\"",
        &[
            "2:16: [admin] `listen` = [::]:8081 is not a loopback address; that is refused without a token, which this version does not support yet; listen on 127.0.0.1",
        ],
    );
    check(
        "HOUSE\nserver.listen = \"127.0.0.1:8081\"",
        &["2:17: [server] and [admin] both listen on 127.0.0.1:8081; give them two ports"],
    );
    check(
        "HOUSE\nlog.level = \"portcullis=loud\"",
        &[
            "2:13: [log] `level` = \"portcullis=loud\" is not understood; expected error, warn, info, debug, trace, off, or such as \"warn,portcullis=debug\"",
        ],
    );
    check(
        "HOUSE\nplugins.directory = \"nowhere\"",
        &["2:21: [plugins] `directory`: there is no folder nowhere"],
    );
    for (url, why) in [
        ("house", "is not an address (relative URL without a base)"),
        ("http://", "is not an address (empty host)"),
        ("unix:/run/x", "has the scheme `unix`"),
        ("http://me:sesame@house/", "holds a user or a password, which belong into `credential`"),
        ("http://house/?key=1", "has a query or a fragment, which calls cannot be appended to"),
    ] {
        check(
            &format!("[providers.x]\nplugin = \"chat\"\nbase_url = \"{url}\""),
            &[&format!(
                "3:12: [providers.x] `base_url` {why}; expected such as \"http://127.0.0.1:8000/v1\""
            )],
        );
    }
}

#[test]
fn providers() {
    check("", &["1:1: no provider is configured; expected at least one [providers.NAME]"]);
    check(
        "[providers.house]\n",
        &[
            "1:12: [providers.house] has no `base_url`; expected such as \"http://127.0.0.1:8000/v1\"",
            "1:12: [providers.house] has no `plugin`; expected the name of a bundled plugin, or a preset",
        ],
    );
    check(
        "HOUSE\nproviders.\"a/b\" = { plugin = \"chat\", base_url = \"http://[::1]/\" }",
        &["2:11: \"a/b\" cannot name a provider; expected letters, digits, `-`, `_` and `.`"],
    );
    check(
        "HOUSE\n[providers.x]\nplugin.path = \"x.wasm\"\nbase_url = \"http://[::1]/\"\nca = \"roots.pem\"",
        &[
            "3:15: [providers.x] `plugin.path`: there is no file x.wasm",
            "5:6: [providers.x] `ca`: there is no file roots.pem",
        ],
    );
    check(
        "HOUSE\n[providers.x]\nplugin = {}\nbase_url = \"http://[::1]/\"",
        &["3:1: [providers.x.plugin] has no `path`; expected the path of a component"],
    );
    check(
        "[providers.x]\nplugin = \"chat\"\nbase_url = \"http://[::1]/\"\nmodels = [\"m\", { id = \"m\" }, { id = \"e\", operations = [\"embedings\", \"chat\"] }]",
        &[
            "4:16: [providers.x] model `m` is listed twice",
            "4:30: [providers.x] unknown operation `embedings`; did you mean `embeddings`?",
        ],
    );
    let problems = resolve("providers.x.preset = \"nobody\"").unwrap_err().to_string();
    assert!(
        problems.starts_with(
            "portcullis.toml:1:22: [providers.x] there is no preset `nobody`; presets: "
        ),
        "{problems}"
    );
    assert!(problems.ends_with("\n1 problem."), "{problems}");
}

#[test]
fn credentials() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "\n").unwrap();
    let empty = empty.display();
    let table = [
        ("\"sk-sesame\"", "4:14: [providers.x] `credential` is a string; a secret is never written here; expected where the secret comes from, such as { env = \"KEY\" }, { file = \"key\" }, or a form around one of these: bearer, header, query, basic, oauth2".to_owned()),
        ("{}", "4:1: [providers.x.credential] names no secret; expected { env = \"KEY\" }, { file = \"key\" }, or a form around one of these: bearer, header, query, basic, oauth2".into()),
        ("{ env = \"HOUSE_KEY\", file = \"f\" }", "4:1: [providers.x.credential] has both `env` and `file`; keep one of them".into()),
        ("{ env = \"HOUSE_KEY\", bearer = { env = \"HOUSE_KEY\" } }", "4:1: [providers.x.credential] has more than one form; keep one of them".into()),
        ("{ bearer = {} }", "4:16: [providers.x.credential.bearer] names no secret; expected `env` or `file`".into()),
        ("{ bearer = \"sesame\" }", "4:25: [providers.x.credential] `bearer` is a string; expected a table".into()),
        ("{ header = { env = \"HOUSE_KEY\" } }", "4:16: [providers.x.credential.header] has no `name`; expected the header's name".into()),
        ("{ header = { name = \"a b\", env = \"HOUSE_KEY\" } }", "4:34: [providers.x.credential.header] `name` = \"a b\" is not a header's name; expected a header's name such as \"x-api-key\"".into()),
        ("{ query = { env = \"HOUSE_KEY\" } }", "4:16: [providers.x.credential.query] has no `name`; expected the query parameter's name".into()),
        ("{ basic = { env = \"HOUSE_KEY\" } }", "4:16: [providers.x.credential.basic] has no `username`; expected the user's name".into()),
        ("{ basic = { username = \"a:b\", env = \"HOUSE_KEY\" } }", "4:1: [providers.x] `username` holds a colon, which basic has no form for".into()),
        ("{ env = \"NOT_SET\" }", "4:22: [providers.x] environment variable NOT_SET is not set, or empty; set it, or name another source".into()),
        ("{ env = \"BROKEN\" }", "4:1: [providers.x] the secret from BROKEN holds a line break or another control character".into()),
        ("{ file = \"no/such\" }", "4:23: [providers.x] the secret's file no/such cannot be read: No such file or directory (os error 2)".into()),
        (&format!("{{ bearer = {{ file = \"{empty}\" }} }}"), format!("4:34: [providers.x] the secret's file {empty} is empty")),
    ];
    for (credential, expected) in table {
        check(
            &format!(
                "[providers.x]\nplugin = \"chat\"\nbase_url = \"http://[::1]/\"\ncredential = {credential}"
            ),
            &[&expected],
        );
    }
}

#[test]
fn oauth2() {
    let url = "token_url = \"https://auth.example/token\"";
    let secret = "client_secret = { env = \"HOUSE_KEY\" }";
    let expected = "expected such as \"https://auth.example/oauth/token\"";
    let table = [
        (
            "scope = \"chat\"".to_owned(),
            vec![
                "4:1: [providers.x] `oauth2` has no `client_id`; expected the client's name at the token server".to_owned(),
                "4:1: [providers.x] `oauth2` has no `refresh_token` and no `client_secret`; expected either, such as refresh_token = { env = \"NAME\" }".into(),
                "4:1: [providers.x] `oauth2` has no `token_url`; expected the address where tokens are had, such as \"https://auth.example/oauth/token\"".into(),
            ],
        ),
        (
            format!("{url}, client_id = \"me\", client_secret = \"sesame\""),
            vec!["4:103: [providers.x.credential.oauth2] `client_secret` is a string; expected a table".into()],
        ),
        (
            format!("{url}, client_id = \"me\", refresh_token = {{}}"),
            vec!["4:87: [providers.x.credential.oauth2.refresh_token] names no secret; expected `env` or `file`".into()],
        ),
        (
            format!("{url}, client_id = \"me\", refresh_token = {{ env = \"BROKEN\" }}"),
            vec!["4:1: [providers.x] the secret from BROKEN holds a line break or another control character".into()],
        ),
        (
            format!("{url}, client_id = \"me\", refresh_token = {{ env = \"HOUSE_KEY\" }}, write_back = true"),
            vec!["4:1: [providers.x] `write_back` has nothing to write to; expected a refresh token from a file: refresh_token = { file = \"PATH\" }".into()],
        ),
        (
            format!("{url}, client_id = \"me\", {secret}, client_authentication = \"jwt\""),
            vec!["4:150: [providers.x.credential.oauth2] `client_authentication` = \"jwt\" is not known; expected \"basic\" or \"body\"".into()],
        ),
        (
            format!("{url}, client_id = \"me\", {secret}, parameters = {{ scope = \"x\", audience = \"y\" }}"),
            vec!["4:149: [providers.x.credential.oauth2.parameters] `scope` is the gateway's to set; expected further parameters only".into()],
        ),
        (
            format!("token_url = \"http://auth.example/token\", client_id = \"me\", {secret}"),
            vec![format!("4:39: [providers.x] `token_url` would send secrets without TLS; {expected}")],
        ),
        (
            format!("token_url = \"https://me:sesame@auth.example/\", client_id = \"me\", {secret}"),
            vec![format!("4:39: [providers.x] `token_url` holds a user or a password, which belong into `client_id` and `client_secret`; {expected}")],
        ),
        (
            format!("token_url = \"auth\", client_id = \"me\", {secret}"),
            vec![format!("4:39: [providers.x] `token_url` is not an address (relative URL without a base); {expected}")],
        ),
    ];
    for (said, expected) in table {
        check(
            &format!(
                "[providers.x]\nplugin = \"chat\"\nbase_url = \"http://[::1]/\"\ncredential = {{ oauth2 = {{ {said} }} }}"
            ),
            &expected.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    }
}

#[test]
fn headers() {
    let text = r#"[providers.x]
plugin = "chat"
base_url = "http://[::1]/"
[providers.x.headers]
authorization = "Bearer sesame"
Host = "acme"
x-team = "a"
X-Team = "b"
"a b" = "c"
x-line = "a\nb"
x-number = 3
x-none = {}
x-broken = { env = "BROKEN" }
"#;
    check(
        text,
        &[
            "5:17: [providers.x.headers] `authorization` is set by `credential`; say it there",
            "6:8: [providers.x.headers] `Host` belongs to the connection; remove it",
            "8:10: [providers.x.headers] `X-Team` is said twice (case does not matter)",
            "9:9: [providers.x.headers] `a b` is not a header's name; expected letters, digits and dashes",
            "10:10: [providers.x.headers] `x-line` holds what a header cannot carry; expected printable ASCII",
            "11:12: [providers.x.headers] `x-number` is a number; expected a string or { env = \"NAME\" }",
            "12:1: [providers.x.headers.x-none] names no variable; expected { env = \"NAME\" }",
            "13:20: [providers.x] environment variable BROKEN holds what the header `x-broken` cannot carry",
        ],
    );
}

#[test]
fn what_cannot_be_read_is_not_also_missed() {
    // The models of `house` are unclear, and so is whether the route is wrong.
    check(
        "[providers.house]\nbase_url = 3\nplugin = 4\nmodles = [\"m1\"]\n[routes.default]\ncandidates = [\"house/m1\", \"house/*\", \"*\"]",
        &[
            "2:12: [providers.house] `base_url` is a number; expected a string",
            "3:10: [providers.house] `plugin` is a number; expected the name of a bundled plugin, or { path = \"x.wasm\" }",
            "4:1: unknown key `modles` in [providers.house]; did you mean `models`?",
        ],
    );
}

#[test]
fn one_problem_of_a_provider_hides_no_other() {
    check(
        "[providers.house]\nlocal = 3\nca = \"roots.pem\"\nmodels = [\"m1\"]\ncredential = { env = \"NOT_SET\" }\n[routes.r]\ncandidates = [\"house/m9\", 7]",
        &[
            "1:12: [providers.house] has no `base_url`; expected such as \"http://127.0.0.1:8000/v1\"",
            "1:12: [providers.house] has no `plugin`; expected the name of a bundled plugin, or a preset",
            "2:9: [providers.house] `local` is a number; expected true or false",
            "3:6: [providers.house] `ca`: there is no file roots.pem",
            "5:22: [providers.house] environment variable NOT_SET is not set, or empty; set it, or name another source",
            "7:15: [routes.r] candidate `house/m9` does not exist; provider `house` has: m1",
            "7:27: [routes.r] `candidates`[1] is a number; expected a string",
        ],
    );
}
