//! Tenants and keys from a terminal: `tenants`, `keys` and `audit`.

#![allow(clippy::expect_used, reason = "what is not there is a failed test")]

use super::{await_address, check, portcullis, serve};
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Command, Output};

/// The text of a configuration with a ledger or without, and what else there is.
fn house(further: &str) -> String {
    let listen = "[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n";
    let one = "[providers.one]\nplugin = \"openai\"\nbase_url = \"http://127.0.0.1:9\"\n\
               models = [\"m\"]\n";
    [listen, one, further].concat()
}

/// What went to standard output.
fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("it is text")
}

/// The id of a key, which its secret begins with.
fn id_of(secret: &str) -> &str {
    secret.split('-').nth(1).expect("it has an id")
}

#[test]
fn tenants_and_keys_are_made_and_ended_from_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let text = house("[ledger]\nurl = \"sqlite:kept.db\"\n[tenants.acme]\n");
    std::fs::write(folder.path().join("portcullis.toml"), text).unwrap();
    let request = r#"{"model": "auto", "messages": [{"role": "user", "content": "hello"}]}"#;
    std::fs::write(folder.path().join("request.json"), request).unwrap();
    let (mut serving, mut log, clients) = serve(folder.path(), "clients");
    let admin = await_address(&mut log, "admin");
    let run = |arguments: &[&str]| {
        portcullis(folder.path(), &[arguments, &["--server", &admin]].concat(), &[])
    };
    let explain = |key: &str| {
        let arguments = ["explain", "--file", "request.json", "--server", &clients];
        portcullis(folder.path(), &arguments, &[("PORTCULLIS_KEY", key)])
    };
    let new = run(&["tenants", "new", "lab", "--parent", "acme", "--name", "The laboratory"]);
    check(&new, 0, &["TENANT", "lab     acme     The laboratory  active"], &[]);
    let made = run(&["keys", "new", "lab", "ci", "--models", "one/*", "--private"]);
    check(&made, 0, &[], &["lab", "ci", "active", "models=one/* private", "nobody can show again"]);
    // Alone, for scripts.
    let secret = said(&made).trim_end().to_owned();
    assert!(secret.starts_with("pk-") && !secret.contains(char::is_whitespace), "{secret}");
    let id = id_of(&secret);
    check(&explain(&secret), 1, &[], &["The request is private"]);
    let open = said(&run(&["keys", "new", "acme", "open"]));
    check(&explain(open.trim_end()), 0, &["would try  1. one/m\n"], &[]);
    let rotated =
        run(&["keys", "rotate", id, "--grace", "0s", "--expires", "2099-01-31T00:00:00Z"]);
    check(&rotated, 0, &["pk-"], &["active", "2099-01-31T00:00:00Z"]);
    check(&explain(&secret), 1, &[], &["The key was replaced by another one."]);
    let listed = run(&["keys", "list", "--tenant", "lab"]);
    check(&listed, 0, &["KEY", id, "replaced", "active"], &[]);
    assert!(!said(&listed).contains("pk-") && !said(&listed).contains("open"));
    let id = id_of(&open);
    check(&run(&["keys", "expire", id, "2020-01-31T00:00:00Z"]), 0, &[id, "expired"], &[]);
    check(&explain(open.trim_end()), 1, &[], &["The key is over its time."]);
    check(&run(&["keys", "expire", id, "never"]), 0, &[id, "active"], &[]);
    check(&explain(open.trim_end()), 0, &["would try  1. one/m\n"], &[]);
    check(&run(&["keys", "revoke", id]), 0, &[id, "revoked"], &[]);
    check(&explain(open.trim_end()), 1, &[], &["The key was revoked."]);
    check(&run(&["tenants", "suspend", "acme"]), 0, &["acme", "suspended 2", "yes"], &[]);
    check(&run(&["tenants", "resume", "acme"]), 0, &["active"], &[]);
    check(&run(&["tenants", "list"]), 0, &["acme", "The laboratory"], &[]);
    let audit = run(&["audit", "--limit", "3"]);
    check(&audit, 0, &["ACT", "resume-tenant", "suspend-tenant", "revoke-key", id], &[]);
    assert!(!said(&audit).contains("make-key"), "{}", said(&audit));
    // What it says to go on with does.
    let hint = String::from_utf8(audit.stderr).unwrap();
    let last = hint.strip_prefix("There are more: --after ").expect("there are").trim_end();
    let older = run(&["audit", "--after", last]);
    check(&older, 0, &["make-key", "rotate-key", "make-tenant"], &[]);
    assert!(!said(&older).contains("revoke-key") && older.stderr.is_empty());
    check(&run(&["policies", "rollback", "way"]), 1, &[], &["there is no [policies.way]"]);
    check(&run(&["audit", "--limit", "1"]), 0, &["roll-back-plugin", "refused"], &[]);
    kill_process(Pid::from_child(&serving.0), Signal::TERM).unwrap();
    assert!(serving.0.wait().unwrap().success());
}

#[test]
fn what_the_gateway_answers_is_there_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let text = house("[ledger]\nurl = \"sqlite:kept.db\"\n[tenants.acme]\n");
    std::fs::write(folder.path().join("portcullis.toml"), text).unwrap();
    let (_serving, _log, admin) = serve(folder.path(), "admin");
    let run = |arguments: &[&str]| {
        let arguments = [arguments, &["--json", "--server", &admin]].concat();
        let output = portcullis(folder.path(), &arguments, &[]);
        check(&output, 0, &[], &[]);
        let hint = String::from_utf8_lossy(&output.stderr).into_owned();
        (serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON"), hint)
    };
    let (tenant, _) = run(&["tenants", "new", "lab"]);
    assert_eq!((&tenant["id"], &tenant["configured"]), (&"lab".into(), &false.into()));
    let (made, aside) = run(&["keys", "new", "lab", "ci"]);
    assert!(made["secret"].as_str().unwrap().starts_with("pk-") && aside.is_empty(), "{aside}");
    let (tenants, aside) = run(&["tenants", "list", "--limit", "1"]);
    assert_eq!((tenants[0]["id"].as_str(), &tenants[1]), (Some("acme"), &serde_json::Value::Null));
    assert_eq!(aside, "There are more: --after acme\n");
    let (keys, _) = run(&["keys", "list"]);
    assert_eq!(keys[0], made["key"]);
    let (acts, _) = run(&["audit"]);
    assert_eq!(acts[0]["subject"], made["key"]["id"]);
}

#[test]
fn what_is_not_done_from_a_terminal_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let text = house("[ledger]\nurl = \"sqlite:kept.db\"\n[tenants.acme]\n");
    std::fs::write(folder.path().join("portcullis.toml"), text).unwrap();
    let (mut serving, mut log, clients) = serve(folder.path(), "clients");
    let admin = await_address(&mut log, "admin");
    let at = |server: &str, arguments: &[&str]| {
        portcullis(folder.path(), &[arguments, &["--server", server]].concat(), &[])
    };
    let new = |flag: &'static str, value: &'static str| ["keys", "new", "acme", "k", flag, value];
    let nothing = "Nothing was changed. ";
    for (arguments, why) in [
        (&["keys", "new", "nobody", "k"][..], "there is no tenant \"nobody\""),
        (&new("--models", "two/*"), "`models`: \"two/*\" matches no model"),
        (&new("--routes", "usual"), "`routes`: \"usual\" is no route here"),
        (&new("--operations", "chat,sing"), "`operations`: \"sing\" is not known"),
        (&new("--may-name", "dreams"), "`may_name`: \"dreams\" is no kind of name"),
        (&new("--expires", "soon"), "\"soon\" is not a time"),
        (&new("--expires", "2020-01-01T00:00:00Z"), "is over already"),
        (&["keys", "rotate", "none"], "there is no key \"none\""),
        (&["keys", "rotate", "none", "--grace", "a day"], "`grace` = \"a day\""),
        (&["keys", "revoke", "none"], "there is no key \"none\""),
        (&["keys", "expire", "none", "never"], "there is no key \"none\""),
        (&["keys", "expire", "none", "soon"], "\"soon\" is not a time"),
        // What is no id is no other address either.
        (&["keys", "revoke", "no/ne?x=1"], "there is no key \"no%2Fne%3Fx%3D1\""),
        (&["tenants", "new", "a b"], "\"a b\" is no name"),
        (&["tenants", "new", "acme2", "--parent", "nobody"], "there is no tenant \"nobody\""),
        (&["tenants", "suspend", "nobody"], "there is no tenant \"nobody\""),
        (&["tenants", "resume", "nobody"], "there is no tenant \"nobody\""),
    ] {
        check(&at(&admin, arguments), 1, &[], &[nothing, why]);
    }
    for (arguments, why) in [
        (&["keys", "list", "--after", "none"][..], "there is no key \"none\""),
        (&["tenants", "list", "--limit", "1001"], "expected a number from 1 to 1000"),
        (&["audit", "--after", "x"], "`after` = \"x\" is no number"),
    ] {
        let output = at(&admin, arguments);
        check(&output, 1, &[], &[why]);
        assert!(output.stdout.is_empty() && !output.stderr.starts_with(b"Nothing was changed"));
    }
    // Nobody made a key or a tenant on the way.
    check(&at(&admin, &["keys", "list"]), 0, &["KEY  TENANT"], &[]);
    check(&at(&admin, &["audit"]), 0, &["ACT  AT"], &[]);
    check(&at(&clients, &["keys", "list"]), 1, &[], &["A key is needed here."]);
    check(&at(&admin, &["keys", "new"]), 2, &[], &["<TENANT>", "<NAME>"]);
    check(&at(&admin, &["audit", "--limit", "ten"]), 2, &[], &["invalid value 'ten'"]);
    // A secret that nobody was shown is worth a word.
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(["keys", "new", "acme", "lost", "--server", &admin]).current_dir(folder.path());
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let lost = command.stdout(full).output().unwrap();
    check(&lost, 1, &[], &["its secret is lost, so revoke it", "No space left"]);
    kill_process(Pid::from_child(&serving.0), Signal::TERM).unwrap();
    assert!(serving.0.wait().unwrap().success());
    let gone = format!("no gateway answers at {admin}");
    check(&at(&admin, &["tenants", "list"]), 1, &[], &[&gone]);
    check(&at("nowhere", &["audit"]), 1, &[], &["no gateway answers at nowhere"]);
    // Where none is named, the configuration says where it is.
    let text =
        house("").replace("[admin]\nlisten = \"127.0.0.1:0\"", "[admin]\nlisten = \"127.0.0.1:9\"");
    std::fs::write(folder.path().join("portcullis.toml"), text).unwrap();
    let output = portcullis(folder.path(), &["keys", "list"], &[]);
    check(&output, 1, &[], &["no gateway answers at 127.0.0.1:9"]);
    let empty = tempfile::tempdir().unwrap();
    let output = portcullis(empty.path(), &["keys", "list"], &[]);
    check(&output, 1, &[], &["--server", "no API key is set"]);
}

#[test]
fn without_a_ledger_there_is_nowhere_to_keep_a_key() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("portcullis.toml"), house("")).unwrap();
    let (_serving, _log, admin) = serve(folder.path(), "admin");
    let run = |arguments: &[&str]| {
        portcullis(folder.path(), &[arguments, &["--server", &admin]].concat(), &[])
    };
    let made = run(&["keys", "new", "acme", "k"]);
    check(&made, 1, &[], &["Nothing was changed. there is no ledger", "add [ledger]"]);
    assert!(made.stdout.is_empty());
    check(&run(&["tenants", "list"]), 1, &[], &["there is no ledger"]);
    check(&run(&["audit"]), 1, &[], &["there is no ledger"]);
}
