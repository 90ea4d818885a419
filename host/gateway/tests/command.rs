//! The command line, as a process: what it prints, where, and what it exits with.

#![allow(clippy::expect_used, reason = "what cannot be run is a failed test")]

#[path = "command/keys.rs"]
mod keys;
#[path = "command/uploads.rs"]
mod uploads;
#[path = "command/usage.rs"]
mod usage;

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

/// Runs `portcullis` in a folder of its own, with these variables and no others.
fn portcullis(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(arguments).current_dir(folder).env_clear();
    command.env("HOME", folder).envs(variables.iter().copied());
    command.output().expect("it runs")
}

#[track_caller]
fn check(output: &Output, code: i32, stdout: &[&str], stderr: &[&str]) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "stdout: {out}\nstderr: {err}");
    for (found, expected) in [(&out, stdout), (&err, stderr)] {
        for words in expected {
            assert!(found.contains(words), "expected {words:?} in {found:?}");
        }
    }
}

#[test]
fn without_a_file_and_without_a_key_it_says_what_it_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["serve", "check"] {
        let output = portcullis(folder.path(), &[command], &[]);
        check(&output, 1, &[], &["no API key is set", "_API_KEY", "Nothing was started"]);
    }
}

#[test]
fn without_a_file_it_takes_what_the_environment_offers() {
    let folder = tempfile::tempdir().unwrap();
    let output = portcullis(folder.path(), &["check"], &[("MISTRAL_API_KEY", "hidden-key")]);
    check(&output, 0, &["the environment", "bearer MISTRAL_API_KEY", "default"], &[]);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("hidden-key"));
}

#[test]
fn a_file_that_is_wrong_is_told_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[server]\nlisen = 1\n[providers.house]\nplugin = \"openai\"\n";
    std::fs::write(folder.path().join("portcullis.toml"), text).unwrap();
    let expected =
        ["portcullis.toml:2:1: unknown key `lisen`", "did you mean `listen`?", "base_url"];
    check(&portcullis(folder.path(), &["serve"], &[]), 1, &[], &expected);
}

#[test]
fn plugins_that_cannot_be_loaded_are_told_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let provider = |name: &str, plugin: &str, further: &str| {
        format!(
            "[providers.{name}]\nplugin = \"{plugin}\"\nbase_url = \"http://127.0.0.1:9\"\n\
             models = [\"m\"]\n{further}\n"
        )
    };
    let text = provider("one", "opnai", "") + &provider("two", "openai", "settings = { x = 1 }");
    let file = folder.path().join("other.toml");
    std::fs::write(&file, text).unwrap();
    let output = portcullis(folder.path(), &["check", "--config", "other.toml"], &[]);
    check(&output, 1, &[], &["[providers.one]: no plugin is called \"opnai\"", "[providers.two]"]);
}

#[test]
fn asking_nobody_is_an_error_that_says_where() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens on the discard port.
    let output = portcullis(folder.path(), &["ask", "--server", "127.0.0.1:9", "hello"], &[]);
    check(&output, 1, &[], &["no gateway answers at 127.0.0.1:9"]);
}

#[test]
fn models_are_listed_with_what_they_cost_and_where_that_is_from() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing is configured: those that come with the program, and no key is asked for.
    let output = portcullis(folder.path(), &["models"], &[]);
    let expected = [
        "MODEL",
        "groq/openai/gpt-oss-120b",
        "as of 2026-",
        "https://console.groq.com/docs/models",
    ];
    check(&output, 0, &expected, &[]);
    let text = "[providers.house]\nplugin = \"openai\"\nbase_url = \"http://127.0.0.1:9\"\n\
                models = [{ id = \"m\", context_tokens = 1000, input_price = 1, output_price = 2.125, \
                price_tiers = [{ above_tokens = 500, input_price = 3, output_price = 4 }], \
                source = \"the house\", as_of = \"2026-11-21\", features = [\"tools\"] }, \"n\", \
                { id = \"w\", audio_minute_price = 0.006 }]\n";
    std::fs::write(folder.path().join("portcullis.toml"), text).unwrap();
    let output = portcullis(folder.path(), &["models"], &[]);
    let expected = "\
MODEL               CONTEXT  OUTPUT         IN    OUT  CACHED  WRITTEN  FOR 1H  FROM  CAN
house/m                1000       -       1.00  2.125       -        -       -     1  chat: tools
  above 500 tokens                        3.00   4.00       -        -       -
house/n                   -       -          -      -       -        -       -     -  chat
house/w                   -       -  0.006/min      -       -        -       -     -  chat
";
    check(&output, 0, &[expected, "   1  the house as of 2026-11-21\n"], &[]);
    check(&portcullis(folder.path(), &["models", "--shipped"], &[]), 0, &["groq/"], &[]);
}

#[test]
fn a_list_of_models_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    let list = r#"{"groq/m1": {"litellm_provider": "groq", "mode": "chat",
        "input_cost_per_token": 5e-08, "output_cost_per_token": 8e-08, "rpm": 30},
        "picture": {"litellm_provider": "groq", "mode": "image_generation"}}"#;
    std::fs::write(folder.path().join("prices.json"), list).unwrap();
    let output = portcullis(folder.path(), &["import", "litellm", "prices.json"], &[]);
    let file = ["[[models.groq]]\nid = \"m1\"\ninput_price = 0.05\noutput_price = 0.08\n"];
    let report = ["1 models of 1 providers", "its mode is image_generation", "rpm (1)"];
    check(&output, 0, &file, &report);
    std::fs::write(folder.path().join("models.toml"), &output.stdout).unwrap();
    let text = "[providers.groq]\nplugin = \"openai\"\nbase_url = \"http://127.0.0.1:9\"\n\
                models_from = \"models.toml\"\nmodels = [\"m1\"]\n";
    std::fs::write(folder.path().join("portcullis.toml"), text).unwrap();
    check(&portcullis(folder.path(), &["models"], &[]), 0, &["groq/m1", "0.05"], &[]);
    let output = portcullis(folder.path(), &["import", "litellm", "nothing.json"], &[]);
    check(&output, 1, &[], &["nothing.json", "No such file"]);
}

#[test]
fn a_router_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    let example = include_str!("../src/cli/import/router/example.json");
    std::fs::write(folder.path().join("router.config.json"), example).unwrap();
    let output = portcullis(folder.path(), &["import", "router", "router.config.json"], &[]);
    let rule = "if = \"complexity == 'high'\"\nto = [\"anthropic/claude-3-opus\"]\n";
    let report = [
        "2 providers, 3 of 4 rules, 4 candidates\n",
        "warning: router.config.json:23:13: `providers.onnx` is not taken over: ",
    ];
    check(&output, 0, &[rule], &report);
    let bare = portcullis(folder.path(), &["import", "router.config.json"], &[]);
    assert_eq!(bare, output);
    std::fs::write(folder.path().join("portcullis.toml"), &output.stdout).unwrap();
    let keys = [("ANTHROPIC_API_KEY", "k"), ("OPENROUTER_API_KEY", "k")];
    let route = ["openrouter/meta-llama/llama-3.1-8b-instruct", "cost-optimized"];
    check(&portcullis(folder.path(), &["check"], &keys), 0, &route, &[]);
    let missing = ["environment variable ANTHROPIC_API_KEY is not set"];
    check(&portcullis(folder.path(), &["check"], &[]), 1, &[], &missing);
    // Where a request goes is what the rule says.
    let request = r#"{"model": "auto", "messages": [{"role": "user", "content": "hello"}]}"#;
    std::fs::write(folder.path().join("request.json"), request).unwrap();
    let coding = ["explain", "--file", "request.json", "--label", "task=coding"];
    let output = portcullis(folder.path(), &coding, &keys);
    check(&output, 0, &["would try  1. openrouter/deepseek/deepseek-coder-33b-instruct\n"], &[]);
}

#[test]
fn a_router_that_is_wrong_is_not_imported() {
    let folder = tempfile::tempdir().unwrap();
    let output = portcullis(folder.path(), &["import", "router", "nothing.json"], &[]);
    check(&output, 1, &[], &["nothing.json", "No such file"]);
    let wrong = "{\n\"providers\": [],\n\"routing\": {\"rules\": [{}]}}";
    std::fs::write(folder.path().join("r.json"), wrong).unwrap();
    let output = portcullis(folder.path(), &["import", "r.json"], &[]);
    let problems = [
        "r.json:2:14: `providers` is a list; expected an object with a key for each provider\n",
        "r.json:3:23: `routing.rules[0]` has no `condition`; expected ",
        "3 problems.",
    ];
    check(&output, 1, &[], &problems);
    assert!(output.stdout.is_empty());
    // The policy is who knows its conditions.
    let rule = r#"{"condition": "tokencount < 5", "provider": "ollama", "model": "m"}"#;
    let rules = format!("{{\"routing\": {{\"rules\": [{rule}]}}}}");
    std::fs::write(folder.path().join("r.json"), rules).unwrap();
    let output = portcullis(folder.path(), &["import", "r.json"], &[]);
    std::fs::write(folder.path().join("portcullis.toml"), &output.stdout).unwrap();
    let refused = ["rule 1: `if`: line 1, column 1: `tokencount` is not known; did you mean"];
    check(&portcullis(folder.path(), &["check"], &[]), 1, &[], &refused);
    check(&portcullis(folder.path(), &["import"], &[]), 2, &[], &["Usage: portcullis import"]);
    check(&portcullis(folder.path(), &["import", "router"], &[]), 2, &[], &["<FILE>"]);
}

#[test]
fn a_program_that_is_not_there_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        "[providers.house]\npreset = \"claude-code\"\ncommands.chat = { program = \"/no/such\" }";
    std::fs::write(folder.path().join("portcullis.toml"), text).unwrap();
    let output = portcullis(folder.path(), &["check"], &[("PATH", "/no/where")]);
    let warnings = [
        "warning: [providers.house.commands.chat] the program /no/such cannot be started",
        "warning: [providers.house.commands.stream] the program claude cannot be started: \
         it is in no folder of the PATH",
    ];
    check(&output, 0, &["runs /no/such", "house/sonnet"], &warnings);
}

#[test]
fn where_a_request_would_go_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[providers.far]\nplugin = \"openai\"\nbase_url = \"http://127.0.0.1:9\"\n\
                models = [\"m\"]\nlocal = false\n[providers.near]\nplugin = \"openai\"\n\
                base_url = \"http://127.0.0.1:9\"\nlocal = true\nmodels = [\"n\"]\n";
    std::fs::write(folder.path().join("portcullis.toml"), text).unwrap();
    let request = r#"{"model": "auto", "messages": [{"role": "user", "content": "hello"}]}"#;
    std::fs::write(folder.path().join("request.json"), request).unwrap();
    let private = ["explain", "--file", "request.json", "--label", "privacy=private"];
    let output = portcullis(folder.path(), &private, &[]);
    let expected = [
        "route      default\n",
        "candidate  near/n\n",
        "removed    far/m: it is not local, and the request is private\n",
        "would try  1. near/n\n",
    ];
    check(&output, 0, &expected, &[]);
    let output = portcullis(folder.path(), &["explain", "--file", "no.json"], &[]);
    check(&output, 1, &[], &["no.json"]);
    std::fs::write(folder.path().join("request.json"), "{").unwrap();
    let output = portcullis(folder.path(), &["explain", "--file", "request.json"], &[]);
    check(&output, 1, &[], &["400 Bad Request", "JSON"]);
}

/// A gateway that serves, and nobody's when the test is over.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads what a gateway logs until a line holds the words.
fn await_line(log: &mut impl BufRead, words: &str) -> String {
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        let read = log.read_line(&mut line).expect("it can be read");
        assert!(read > 0, "it ended before {words:?} in: {seen}");
        if line.contains(words) {
            return line;
        }
        seen += &line;
    }
}

#[test]
fn a_gateway_that_serves_reads_its_file_again_when_it_is_told_to_and_when_it_changed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("portcullis.toml");
    let text = |provider: &str| {
        format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
             [providers.{provider}]\nplugin = \"openai\"\nbase_url = \"http://127.0.0.1:9\"\n\
             models = [\"m\"]\n"
        )
    };
    std::fs::write(&file, text("one")).unwrap();
    let (mut serving, mut log, _) = serve(folder.path(), "admin");
    let process = Pid::from_child(&serving.0);
    kill_process(process, Signal::HUP).unwrap();
    let line = await_line(&mut log, "reloaded");
    assert!(line.contains("SIGHUP"), "{line}");
    std::fs::write(&file, text("two")).unwrap();
    let line = await_line(&mut log, "reloaded");
    assert!(line.contains("a file changed") && line.contains("providers.two (new)"), "{line}");
    std::fs::write(&file, text("three") + "priority = \"high\"\n").unwrap();
    let line = await_line(&mut log, "not reloaded, nothing was changed");
    assert!(line.contains("portcullis.toml"), "{line}");
    kill_process(process, Signal::TERM).unwrap();
    assert!(serving.0.wait().unwrap().success());
}

/// A gateway that serves what the folder's file says, its log, and the address of that name.
fn serve(folder: &Path, whom: &str) -> (Serving, BufReader<ChildStderr>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.arg("serve").current_dir(folder).env_clear().env("HOME", folder);
    let mut serving = Serving(command.stderr(Stdio::piped()).spawn().expect("it runs"));
    let mut log = BufReader::new(serving.0.stderr.take().expect("it is piped"));
    let address = await_address(&mut log, whom);
    (serving, log, address)
}

/// Reads what a gateway logs until it says where it listens for these.
fn await_address(log: &mut impl BufRead, whom: &str) -> String {
    let line = await_line(log, &format!("listening for {whom}"));
    let port = line
        .split("127.0.0.1:")
        .nth(1)
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    format!("127.0.0.1:{}", port.expect("the line says where"))
}

#[test]
fn whoever_runs_a_gateway_needs_no_key_and_everybody_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
                [providers.one]\nplugin = \"openai\"\nbase_url = \"http://127.0.0.1:9\"\n\
                models = [\"m\"]\n[tenants.acme]\n\
                keys = [{ id = \"terminal\", digest = \"sha256:5022d985c22782e7bf01498e59010d74829a3bc1ab0f66276aefdedced219ba5\" }]\n";
    std::fs::write(folder.path().join("portcullis.toml"), text).unwrap();
    let request = r#"{"model": "auto", "messages": [{"role": "user", "content": "hello"}]}"#;
    std::fs::write(folder.path().join("request.json"), request).unwrap();
    check(&portcullis(folder.path(), &["check"], &[]), 0, &["TENANT", "acme", "terminal"], &[]);
    let explain = ["explain", "--file", "request.json"];
    let would = ["would try  1. one/m\n"];
    check(&portcullis(folder.path(), &explain, &[]), 0, &would, &[]);
    let (mut serving, _log, address) = serve(folder.path(), "clients");
    let there = [&explain[..], &["--server", &address]].concat();
    let with = |key: &str| portcullis(folder.path(), &there, &[("PORTCULLIS_KEY", key)]);
    check(&with(""), 1, &[], &["401 Unauthorized", "A key is needed here."]);
    check(&with("pk-other"), 1, &[], &["401 Unauthorized", "The key is not known here."]);
    check(&with("pk-terminal"), 0, &would, &[]);
    let ask = ["ask", "hello", "--server", &address];
    let asked = portcullis(folder.path(), &ask, &[("PORTCULLIS_KEY", "pk-terminal")]);
    // The key was good: what fails is the upstream, which is not there.
    check(&asked, 1, &[], &["502 Bad Gateway"]);
    kill_process(Pid::from_child(&serving.0), Signal::TERM).unwrap();
    assert!(serving.0.wait().unwrap().success());
}

#[test]
fn which_version_serves_is_changed_from_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
                [providers.one]\nplugin = \"openai\"\nbase_url = \"http://127.0.0.1:9\"\n\
                models = [\"m\"]\n[policies.way]\nplugin = \"ordered\"\n";
    std::fs::write(folder.path().join("portcullis.toml"), text).unwrap();
    let (mut serving, _log, address) = serve(folder.path(), "admin");
    let run = |arguments: &[&str]| {
        let server = ["--server", address.as_str()];
        portcullis(folder.path(), &[arguments, &server].concat(), &[])
    };
    // Nothing of it was compiled before: what compiles it is a process of its own.
    let swapped = run(&["policies", "swap", "way", "priority", "--max-changed", "5%"]);
    let expected =
        ["policies.way", "generation 1, ordered 0.1.0, sha256:", "generation 2, priority"];
    check(&swapped, 0, &expected, &[]);
    check(&swapped, 0, &["0 of 0 requests", "Name it in the configuration to keep it"], &[]);
    std::fs::write(folder.path().join("plugin.wasm"), "no component").unwrap();
    let manifest = "name = \"x\"\nversion = \"1.0.0\"\n\
                    world = \"portcullis:plugin/policy-plugin@0.1.0\"\n";
    std::fs::write(folder.path().join("plugin.toml"), manifest).unwrap();
    let broken = run(&["policies", "swap", "way", "plugin.wasm"]);
    check(&broken, 1, &[], &["Nothing was changed", "stage `compile`", "does not compile"]);
    check(&run(&["policies", "swap", "way", "./none"]), 1, &[], &["there is no such file"]);
    check(&run(&["policies", "swap", "way", "none"]), 1, &[], &["no plugin is called \"none\""]);
    check(&run(&["policies", "swap", "off", "ordered"]), 1, &[], &["there is no [policies.off]"]);
    let wrong = run(&["policies", "swap", "way", "ordered", "--canary", "200%"]);
    check(&wrong, 2, &[], &["expected a share from 0% to 100%"]);
    let back = run(&["policies", "rollback", "way", "--reason", "it was dear"]);
    check(&back, 0, &["generation 1 serves", "rolled-back", "it was dear"], &[]);
    check(&run(&["policies", "history", "way"]), 0, &["  2  published"], &[]);
    check(&run(&["policies", "promote", "way"]), 1, &[], &["no version is tried out"]);
    let canary = run(&["providers", "swap", "one", "openai", "--canary", "10%"]);
    check(&canary, 0, &["providers.one", "10.0 % of requests, until it is promoted"], &[]);
    check(&run(&["providers", "promote", "one"]), 0, &["generation 2 serves"], &[]);
    kill_process(Pid::from_child(&serving.0), Signal::TERM).unwrap();
    assert!(serving.0.wait().unwrap().success());
}

#[test]
fn what_is_no_component_does_not_compile() {
    let folder = tempfile::tempdir().unwrap();
    let output = portcullis(folder.path(), &["compile-component", "524288"], &[]);
    check(&output, 1, &[], &["unexpected end"]);
}
